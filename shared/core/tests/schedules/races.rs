//! Two to four operations at the same time.

use latchkey::leak::LeakAction;

use crate::operation::Operation::{self, *};
use crate::race::{Race, orders_max, schedules};
use crate::world::World;

/// A day, in seconds.
const DAY: u64 = 86_400;

/// An hour, in milliseconds.
const HOUR: i64 = 3_600_000;

const ROTATE: Operation = Rotate { key: "old", grace: DAY, repeat: None };
const MINT: Operation = Mint { repeat: None };
const CREATE: Operation = CreateAccount { repeat: None };

/// A race of which every order is checked (of long ones, the first), and random schedules with faults. Its world, how
/// many orders there are at least, and its operations.
macro_rules! race {
    ($($(#[$attribute:meta])* $name:ident: $kind:ident $world:expr, $orders:literal, [$($operation:expr),+];)+) => {$(
        $(#[$attribute])*
        #[tokio::test(start_paused = true)]
        async fn $name() {
            let race = Race::$kind($world, &[$($operation),+]).await;
            let orders = race.every_order(orders_max()).await;
            let checked = race.at_random(schedules()).await;
            println!("{}: {orders} orders, {checked:?}", stringify!($name));
            assert!(orders >= $orders.min(orders_max()), "{orders} orders");
            assert!(checked.schedules >= schedules());
        }
    )+};
}

/// A race of which only random schedules are checked.
macro_rules! crowd {
    ($($(#[$attribute:meta])* $name:ident: $kind:ident $world:expr, [$($operation:expr),+];)+) => {$(
        $(#[$attribute])*
        #[tokio::test(start_paused = true)]
        async fn $name() {
            let race = Race::$kind($world, &[$($operation),+]).await;
            let checked = race.at_random(2 * schedules()).await;
            println!("{}: {checked:?}", stringify!($name));
            assert!(checked.schedules >= schedules());
        }
    )+};
}

async fn plain() -> World {
    World::new(10).await.with_key("old").await
}

/// The last place is free.
async fn almost_full() -> World {
    World::new(3).await.with_key("old").await.with_key("other").await
}

async fn full() -> World {
    World::new(2).await.with_key("old").await.with_key("other").await
}

/// Full by the count, but one key has expired.
async fn full_with_expired() -> World {
    let world = World::new(3).await.with_key("old").await.with_key("other").await;
    world.with("ended", 2, Some(-1000), &[]).await
}

async fn webhook() -> World {
    World::new(10).await.with_webhook().await
}

async fn scoped() -> World {
    World::new(10).await.with("old", 3, None, &["a.read"]).await
}

/// The key ends within a day.
async fn ending() -> World {
    World::new(10).await.with("old", 48, Some(HOUR), &["a.read"]).await
}

/// A key that no longer works and that DynamoDB may delete.
async fn with_ended() -> World {
    plain().await.with("ended", 2, Some(-1000), &[]).await
}

race! {
    /// Revoking a key does not revoke its successor.
    a_rotated_key_stays_revoked_and_its_successor_works: new plain().await, 6, [ROTATE, Revoke("old")];
    a_rotation_without_grace_and_a_revocation_count_the_key_out_once: new plain().await, 6,
        [Rotate { key: "old", grace: 0, repeat: None }, Revoke("old")];
    two_rotations_make_one_successor: new plain().await, 6, [ROTATE, ROTATE];
    no_key_outlives_its_deleted_account: new plain().await, 18, [DeleteAccount, MINT];
    no_key_is_left_by_a_mint_that_describes: new plain().await, 18, [DeleteAccount, MintAndDescribe];
    no_key_is_minted_for_a_disabled_account: new plain().await, 6, [SetDisabled(true), MINT];
    no_key_is_rotated_in_a_disabled_account: new plain().await, 6, [SetDisabled(true), ROTATE];
    a_revocation_and_a_recount_lose_no_key: timed full_with_expired().await, 21, [Revoke("old"), MINT];
    a_revocation_of_an_ended_key_and_a_recount_lose_no_key: timed full_with_expired().await, 21,
        [Revoke("ended"), MINT];
    a_rotation_and_a_recount_lose_no_key: timed full_with_expired().await, 222, [ROTATE, MINT];
    two_recounts_give_one_place: timed full_with_expired().await, 50, [MINT, MINT];
    the_last_place_is_given_once: new almost_full().await, 6, [MINT, MintForAnHour];
    a_full_account_rotates_without_grace_and_mints_nothing: new full().await, 10,
        [Rotate { key: "old", grace: 0, repeat: None }, MINT];
    a_place_that_is_free_again_is_given_once: new full().await, 10, [Revoke("old"), MINT];
    a_rotation_copies_the_new_name: new plain().await, 6, [ROTATE, Rename("old", "renamed")];
    a_rotation_copies_the_new_scopes: new scoped().await, 6, [ROTATE, Rescope("old", "b.read")];
    a_revoked_key_is_not_renamed: new plain().await, 6, [Revoke("old"), Rename("old", "renamed")];
    a_revoked_key_gets_no_scopes: new scoped().await, 6, [Revoke("old"), Rescope("old", "b.read")];
    two_changes_of_scopes_are_one_after_another: new scoped().await, 6,
        [Rescope("old", "b.read"), Rescope("old", "c.read")];
    two_revocations_count_a_key_out_once: new plain().await, 6, [Revoke("old"), RevokePresented("old")];
    a_leak_report_and_a_revocation_count_a_key_out_once: new plain().await, 6,
        [ReportLeak(LeakAction::Revoke, "old"), Revoke("old")];
    a_leak_report_and_another_change_of_the_account_are_both_kept: new plain().await, 6,
        [ReportLeak(LeakAction::Disable, "old"), Describe("new")];
    a_limit_and_a_revocation_count_a_key_out_once: new plain().await, 6, [Limit("old"), Revoke("old")];
    a_limit_and_a_rotation_end_a_key_once: new plain().await, 6, [Limit("old"), ROTATE];
    two_limits_count_a_key_out_once: new plain().await, 6, [Limit("old"), Limit("old")];
    a_limit_brings_back_nothing_of_a_deleted_account: new plain().await, 18, [DeleteAccount, Limit("old")];
    a_limit_and_a_recount_lose_no_key: timed full_with_expired().await, 21, [Limit("old"), MINT];
    two_deletions_count_an_account_out_once: new plain().await, 50, [DeleteAccount, DeleteAccount];
    no_successor_outlives_its_deleted_account: new plain().await, 18, [DeleteAccount, ROTATE];
    a_revocation_brings_back_nothing_of_a_deleted_account: new plain().await, 38,
        [DeleteAccount, Revoke("old")];
    a_change_brings_back_nothing_of_a_deleted_account: new plain().await, 18,
        [DeleteAccount, Rename("old", "renamed")];
    a_use_brings_back_nothing_of_a_deleted_account: new plain().await, 28,
        [DeleteAccount, RecordUse("old")];
    a_disabled_account_is_not_brought_back: new plain().await, 18, [DeleteAccount, SetDisabled(true)];
    a_use_revives_no_key: new plain().await, 6, [Revoke("old"), RecordUse("old")];
    two_changes_of_an_account_are_both_kept: new plain().await, 6, [SetDisabled(true), Describe("new")];
    the_last_place_for_an_account_is_given_once: new plain().await, 2, [CREATE, CREATE];
    a_place_of_a_deleted_account_is_given_once: new plain().await, 7, [DeleteAccount, CREATE];
    accounts_are_counted_once_in_a_table_without_counts: uncounted plain().await, 64, [CREATE, CREATE];
    one_request_sent_twice_mints_one_key: new plain().await, 6,
        [Mint { repeat: Some("same") }, Mint { repeat: Some("same") }];
    one_request_sent_twice_rotates_once: new plain().await, 6,
        [Rotate { key: "old", grace: DAY, repeat: Some("same") },
         Rotate { key: "old", grace: DAY, repeat: Some("same") }];
    one_request_sent_twice_makes_one_account: new plain().await, 2,
        [CreateAccount { repeat: Some("same") }, CreateAccount { repeat: Some("same") }];
    one_idempotency_key_is_one_request: new plain().await, 3,
        [Mint { repeat: Some("same") }, CreateAccount { repeat: Some("same") }];
    a_rotation_is_untouched_by_the_end_of_other_items: timed with_ended().await, 3,
        [ROTATE, Expire("ACCOUNT#")];
    a_revocation_of_an_item_that_disappears_changes_no_count: timed with_ended().await, 3,
        [Revoke("ended"), Expire("ACCOUNT#")];
    a_recount_while_items_disappear_loses_no_key: timed full_with_expired().await, 6,
        [MINT, Expire("ACCOUNT#")];
    a_deletion_while_items_disappear_leaves_nothing: timed with_ended().await, 7,
        [DeleteAccount, Expire("ACCOUNT#")];
    no_webhook_outlives_its_deleted_organization: new webhook().await, 12,
        [DeleteOrganization, CreateWebhook { repeat: None }];
    no_delivery_outlives_its_deleted_organization: new webhook().await, 12, [DeleteOrganization, Address];
    a_delivery_is_not_created_for_a_deleted_webhook: new webhook().await, 2, [DeleteWebhook, Address];
    an_attempt_brings_back_nothing_of_a_deleted_organization: new webhook().await, 12,
        [DeleteOrganization, Attempt(410)];
    two_attempts_count_once: new webhook().await, 6, [Attempt(500), Attempt(500)];
    a_discarded_delivery_stays_so: new webhook().await, 6, [Attempt(500), DiscardDelivery];
    a_delivered_one_is_not_discarded: new webhook().await, 6, [Attempt(204), DiscardDelivery];
    one_request_sent_twice_makes_one_webhook: new webhook().await, 2,
        [CreateWebhook { repeat: Some("same") }, CreateWebhook { repeat: Some("same") }];
    a_webhook_and_its_organization_are_deleted_in_order: new webhook().await, 12,
        [DeleteOrganization, DeleteWebhook];
    a_replay_of_a_deleted_webhook_is_none: new webhook().await, 2, [DeleteWebhook, ReplayDelivery];
    one_organization_has_an_id: new plain().await, 2, [Bootstrap, Bootstrap];
    no_account_outlives_its_deleted_organization: new plain().await, 17, [DeleteOrganization, CREATE];
    an_operators_rotation_is_one_of_two: new plain().await, 6, [OperatorRotate("old"), ROTATE];
}

crowd! {
    a_deletion_is_counted_in_a_table_without_counts: uncounted plain().await, [DeleteAccount, CREATE];
    an_operators_mint_leaves_nothing_in_a_deleted_organization: new plain().await,
        [DeleteOrganization, OperatorMint];
    a_deleted_account_of_a_deleted_organization_is_counted_out_once: new plain().await,
        [DeleteOrganization, DeleteAccount];
    a_crowd_at_the_limit_never_exceeds_it: new almost_full().await,
        [MINT, MINT, ROTATE, Revoke("other")];
    a_crowd_that_recounts_never_exceeds_the_limit: timed full_with_expired().await,
        [MINT, MintForAnHour, Revoke("old"), Expire("ACCOUNT#")];
    a_crowd_around_one_key_ends_it_once: new scoped().await,
        [ROTATE, Revoke("old"), Rescope("old", "b.read"), RecordUse("old")];
    a_crowd_around_a_deletion_leaves_nothing: new plain().await,
        [DeleteAccount, MINT, ROTATE, Revoke("old")];
    a_step_is_announced_once: new ending().await, [Warn, Warn];
    no_revoked_key_is_announced: new ending().await, [Warn, Revoke("old")];
    no_warning_is_left_by_a_deleted_account: new ending().await, [Warn, DeleteAccount];
    a_warning_undoes_no_change: new ending().await,
        [Warn, Rename("old", "renamed"), ROTATE, RecordUse("old")];
    a_crowd_of_repeats_has_one_effect: new plain().await,
        [Mint { repeat: Some("same") }, Mint { repeat: Some("same") }, Mint { repeat: Some("same") },
         Revoke("old")];
}
