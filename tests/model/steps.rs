//! The steps of a test case.

use proptest::prelude::*;
use proptest::sample::Index;

/// The dialect of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    LakeSail,
    Chaser,
}

/// The caller: any key that ever existed, or the first one of the organization that the step concerns.
///
/// The first one is there so that enough happens.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Caller {
    First,
    Any(Index),
}

/// One step. Its caller and subject are drawn from all that ever existed.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Advance {
        millis: i64,
    },
    CreateAccount {
        dialect: Dialect,
        caller: Caller,
    },
    Mint {
        dialect: Dialect,
        caller: Caller,
        account: Index,
        days: Option<i64>,
        scopes: u8,
        repeat: bool,
    },
    Rotate {
        caller: Caller,
        key: Index,
        days: i64,
        at_once: bool,
    },
    Update {
        caller: Caller,
        key: Index,
        name: Option<Option<String>>,
        scopes: Option<u8>,
    },
    Revoke {
        dialect: Dialect,
        caller: Caller,
        key: Index,
    },
    Disable {
        caller: Caller,
        account: Index,
        disabled: bool,
    },
    Delete {
        dialect: Dialect,
        caller: Caller,
        account: Index,
    },
}

/// Any step; those that create keys are more frequent than those that end them.
pub(crate) fn step() -> impl Strategy<Value = Step> {
    let dialect = || prop_oneof![Just(Dialect::LakeSail), Just(Dialect::Chaser)];
    let index = any::<Index>;
    let caller =
        || prop_oneof![2 => Just(Caller::First), 1 => any::<Index>().prop_map(Caller::Any)];
    let days = prop_oneof![Just(0_i64), 1_i64..=30];
    prop_oneof![
        4 => prop_oneof![0_i64..20_000, 0_i64..864_000_000].prop_map(|millis| Step::Advance { millis }),
        1 => (dialect(), caller()).prop_map(|(dialect, caller)| Step::CreateAccount { dialect, caller }),
        6 => (dialect(), caller(), index(), prop::option::of(1_i64..25), any::<u8>(), any::<bool>())
            .prop_map(|(dialect, caller, account, days, scopes, repeat)| {
                Step::Mint { dialect, caller, account, days, scopes, repeat }
            }),
        5 => (caller(), index(), days, any::<bool>())
            .prop_map(|(caller, key, days, at_once)| Step::Rotate { caller, key, days, at_once }),
        2 => (caller(), index(), prop::option::of(prop::option::of("[a-z]{0,4}")), prop::option::of(any::<u8>()))
            .prop_map(|(caller, key, name, scopes)| Step::Update { caller, key, name, scopes }),
        2 => (dialect(), caller(), index())
            .prop_map(|(dialect, caller, key)| Step::Revoke { dialect, caller, key }),
        3 => (caller(), index(), any::<bool>())
            .prop_map(|(caller, account, disabled)| Step::Disable { caller, account, disabled }),
        1 => (dialect(), caller(), index())
            .prop_map(|(dialect, caller, account)| Step::Delete { dialect, caller, account }),
    ]
}
