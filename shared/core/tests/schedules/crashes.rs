//! Every operation that changes the table, interrupted at each of its requests and responses: its process
//! dies, its response is lost once or for good, or another transaction is in its way. The same request again,
//! in a new process, finishes the work, and nothing happens twice.

use latchkey::leak::LeakAction;

use crate::operation::Operation::{self, *};
use crate::race::Race;
use crate::world::World;

const GRACE: u64 = 3600;
const AGAIN: Option<&str> = Some("again");

/// The operations. A new one goes here.
const OPERATIONS: &[Operation] = &[
    Mint { repeat: None },
    Mint { repeat: AGAIN },
    MintAndDescribe,
    Rotate { key: "old", grace: GRACE, repeat: None },
    Rotate { key: "old", grace: GRACE, repeat: AGAIN },
    Rotate { key: "old", grace: 0, repeat: AGAIN },
    Revoke("old"),
    RevokePresented("old"),
    ReportLeak(LeakAction::Revoke, "old"),
    ReportLeak(LeakAction::Disable, "old"),
    Rename("old", "renamed"),
    Rescope("old", "b.read"),
    RecordUse("old"),
    Limit("old"),
    Warn,
    CreateAccount { repeat: None },
    CreateAccount { repeat: AGAIN },
    Describe("new"),
    SetDisabled(true),
    SetDisabled(false),
    DeleteAccount,
    CreateRootKey { repeat: None },
    CreateRootKey { repeat: AGAIN },
    RevokeRootKey("root"),
    OperatorCreateAccount,
    OperatorMint,
    OperatorRotate("old"),
    OperatorSetDisabled(true),
    OperatorDeleteAccount,
    Bootstrap,
    SetOrganizationDisabled(true),
    SetOrganizationDisabled(false),
    DeleteOrganization,
    CreateWebhook { repeat: None },
    CreateWebhook { repeat: AGAIN },
    DeleteWebhook,
    Address,
    Attempt(204),
    Attempt(500),
    Attempt(410),
    ReplayDelivery,
    DiscardDelivery,
];

#[tokio::test(start_paused = true)]
async fn every_operation_can_be_interrupted_anywhere_and_sent_again() {
    for operation in OPERATIONS {
        let world =
            World::new(10).await.with("old", 3, None, &["a.read"]).await.with_webhook().await;
        let checked = Race::new(world, &[*operation]).await.every_fault().await;
        // Each request and each response can at least meet the end of its process.
        assert!(checked.faults >= 2, "{operation:?}: {checked:?}");
        assert!(checked.schedules > checked.faults, "{operation:?}: {checked:?}");
    }
}

/// Each operation beside another one, in random schedules with up to three faults and clocks that
/// disagree: the events in the table are those of the changes in the table, and their chains are whole.
/// `LATCHKEY_SEEDS` sets the number of schedules.
#[tokio::test(start_paused = true)]
async fn a_change_and_its_event_are_written_together_or_not_at_all() {
    let seeds = std::env::var("LATCHKEY_SEEDS").ok();
    let seeds = seeds.map_or(90, |seeds| seeds.parse().expect("a number"));
    let mut faults = 0;
    let mut schedules = 0;
    for (at, operation) in OPERATIONS.iter().enumerate() {
        // Not the next one in the list, which may undo it: who sends an operation again undoes that.
        let next = OPERATIONS[(at + 3) % OPERATIONS.len()];
        let world =
            World::new(10).await.with("old", 3, None, &["a.read"]).await.with_webhook().await;
        let pair = [*operation, next];
        let race = match pair {
            // By a clock that is behind, the key has not ended.
            [Rotate { grace: 0, .. }, ReportLeak(..)] => Race::timed(world, &pair).await,
            _ => Race::new(world, &pair).await,
        };
        let checked = race.at_random(usize::div_ceil(seeds, OPERATIONS.len())).await;
        (schedules, faults) = (schedules + checked.schedules, faults + checked.faults);
    }
    println!("{schedules} schedules, {faults} faults");
    assert!(schedules >= seeds && faults > schedules / 8, "{schedules} schedules, {faults} faults");
}

#[tokio::test(start_paused = true)]
async fn a_mint_that_recounts_can_be_interrupted_anywhere_and_sent_again() {
    let world = World::new(2).await.with_key("old").await;
    let world = world.with("ended", 2, Some(-1000), &[]).await;
    let checked = Race::timed(world, &[Mint { repeat: AGAIN }]).await.every_fault().await;
    // An account, a refusal, a page of keys, the correction, and the mint.
    assert!(checked.faults >= 20, "{checked:?}");
}

/// More keys than one batch deletes.
#[tokio::test(start_paused = true)]
async fn a_deletion_of_many_keys_can_be_interrupted_anywhere_and_sent_again() {
    const NAMES: [&str; 30] = [
        "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r",
        "s", "t", "u", "v", "w", "x", "y", "z", "aa", "bb", "cc", "dd",
    ];
    let mut world = World::new(30).await;
    for name in NAMES {
        world = world.with_key(name).await;
    }
    let checked = Race::new(world, &[DeleteAccount]).await.every_fault().await;
    assert!(checked.faults >= 34, "{checked:?}");
}
