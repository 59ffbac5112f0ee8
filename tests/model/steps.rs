//! The steps of a test case, drawn before anything is known about keys and accounts.

use latchkey_testkit::wire::Fault;
use proptest::prelude::*;
use proptest::sample::Index;

use super::state::Millis;

/// The number of environments that serve requests. The first half serves LakeSail, the others Chaser.
pub(crate) const ENVIRONMENTS: usize = 4;

/// How far a clock may be from the time.
pub(crate) const SKEW_MAX: Millis = 5000;

/// A test case.
#[derive(Clone, Debug)]
pub(crate) struct History {
    pub(crate) key_limit: usize,
    pub(crate) max_lifetime_days: Option<i64>,
    /// How far the clocks of environments may be from the right time.
    pub(crate) skew: Millis,
    pub(crate) steps: Vec<Step>,
}

/// One step.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Time passes.
    Advance(Millis),
    /// Time passes until shortly before or after a key expires, or a minute after it was created.
    Approach { key: Index, minute: bool, past: Millis },
    /// A clock is set. `part` is a share of the history's skew, in thousandths.
    SetClock { clock: Index, part: i64 },
    /// Requests are served at the same time. With `subject`, all of them are about this key.
    Serve { subject: Option<Index>, draws: Vec<Draw> },
}

/// A request, in terms of all that ever existed.
#[derive(Clone, Debug)]
pub(crate) struct Draw {
    pub(crate) environment: Index,
    pub(crate) caller: Caller,
    pub(crate) subject: Index,
    pub(crate) action: Action,
    /// Whether the request has an idempotency key.
    pub(crate) keyed: bool,
    /// Whether a request with an idempotency key is sent again after its response.
    pub(crate) again: bool,
    pub(crate) fault: Option<(u32, Fault)>,
    /// How many turns each request to the table leaves to concurrent work.
    pub(crate) pace: Vec<u8>,
}

/// Whose key a request presents.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Caller {
    /// The first key of the subject's organization. Without it, too little would happen.
    First,
    /// The subject itself.
    Subject,
    Any(Index),
}

/// What a request asks for.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    CreateAccount,
    Mint { days: Option<i64>, scopes: u8 },
    Rotate { days: i64 },
    Update { name: Option<Option<String>>, scopes: Option<u8> },
    Revoke,
    Disable(bool),
    Delete,
}

pub(crate) fn history() -> impl Strategy<Value = History> {
    let skew = prop_oneof![2 => Just(0), 1 => 1..=SKEW_MAX];
    let steps = prop::collection::vec(step(), 1..50);
    (2_usize..5, prop::option::of(5_i64..20), skew, steps).prop_map(
        |(key_limit, max_lifetime_days, skew, steps)| History {
            key_limit,
            max_lifetime_days,
            skew,
            steps,
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let passing = prop_oneof![0_i64..20_000, 0_i64..864_000_000];
    let near = prop_oneof![-6000_i64..6000, -1_i64..=1];
    prop_oneof![
        3 => passing.prop_map(Step::Advance),
        2 => (any::<Index>(), any::<bool>(), near)
            .prop_map(|(key, minute, past)| Step::Approach { key, minute, past }),
        2 => (any::<Index>(), -1000_i64..=1000)
            .prop_map(|(clock, part)| Step::SetClock { clock, part }),
        14 => draw(true).prop_map(|draw| Step::Serve { subject: None, draws: vec![draw] }),
        6 => (prop::option::weighted(0.8, any::<Index>()), prop::collection::vec(draw(false), 2..=3))
            .prop_map(|(subject, draws)| Step::Serve { subject, draws }),
    ]
}

/// A request. If it is `alone`, it gives no turns to other requests.
fn draw(alone: bool) -> impl Strategy<Value = Draw> {
    let caller = prop_oneof![
        5 => Just(Caller::First),
        1 => Just(Caller::Subject),
        1 => any::<Index>().prop_map(Caller::Any),
    ];
    let request = (any::<Index>(), caller, any::<Index>(), action(), any::<bool>(), any::<bool>());
    let pace = prop::collection::vec(0_u8..5, if alone { 0..=0 } else { 0..=8 });
    (request, prop::option::weighted(0.3, fault()), pace).prop_map(|(request, fault, pace)| {
        let (environment, caller, subject, action, keyed, again) = request;
        Draw { environment, caller, subject, action, keyed, again, fault, pace }
    })
}

/// Any action; those that create keys are more frequent than those that end them.
fn action() -> impl Strategy<Value = Action> {
    let name = prop::option::of(prop::option::of("[a-z]{0,4}"));
    prop_oneof![
        1 => Just(Action::CreateAccount),
        6 => (prop::option::of(1_i64..25), any::<u8>())
            .prop_map(|(days, scopes)| Action::Mint { days, scopes }),
        5 => prop_oneof![Just(0_i64), 1_i64..=30].prop_map(|days| Action::Rotate { days }),
        3 => (name, prop::option::of(any::<u8>()))
            .prop_map(|(name, scopes)| Action::Update { name, scopes }),
        2 => Just(Action::Revoke),
        3 => any::<bool>().prop_map(Action::Disable),
        1 => Just(Action::Delete),
    ]
}

/// A fault of one of the first requests to the table. The very first only verifies the caller.
fn fault() -> impl Strategy<Value = (u32, Fault)> {
    let kind = prop_oneof![
        1 => Just(Fault::Failed),
        1 => Just(Fault::Throttled),
        2 => Just(Fault::Conflict),
        1 => Just(Fault::LeftOut),
        3 => Just(Fault::Lost),
        2 => Just(Fault::Down),
        3 => Just(Fault::LostThenDown),
    ];
    (prop_oneof![1 => Just(0_u32), 6 => 1_u32..5], kind)
}
