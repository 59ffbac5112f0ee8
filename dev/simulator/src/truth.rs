//! What the clients know: what they asked for, and what was acknowledged.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::register::Register;

/// The precision of times in the table and in responses, in milliseconds.
const PRECISION: i64 = 2;

/// An organization.
#[derive(Clone, Debug)]
pub(crate) struct Organization {
    pub(crate) id: String,
    /// Its first key, which no client ends.
    pub(crate) admin: usize,
    /// Creations of accounts whose answer was lost.
    pub(crate) lost_accounts: usize,
}

/// A service account.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) id: String,
    pub(crate) organization: usize,
    pub(crate) deleted: Register<bool>,
    pub(crate) disabled: Register<bool>,
    /// Keys whose answer was lost.
    pub(crate) lost_keys: usize,
    /// Keys that the time to live deleted, and that the count may still contain.
    pub(crate) expired: usize,
}

/// A key that a client received.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) token: String,
    pub(crate) account: usize,
    pub(crate) ended: Register<bool>,
    pub(crate) name: Register<Value>,
    pub(crate) scopes: Register<Value>,
    /// The earliest and the latest expiry that the key may have, in milliseconds of the simulated time.
    pub(crate) expiry: (i64, i64),
    /// Whether it was created with an expiry, or may have been.
    pub(crate) expires: bool,
    /// Whether a rotation may have given it an end, which keys that it creates from then on inherit.
    pub(crate) rotated: bool,
}

/// A create or a rotation whose answer was lost, to be repeated with its idempotency key.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    pub(crate) function: &'static str,
    pub(crate) event: Value,
    pub(crate) account: usize,
    /// How many times the simulated time had jumped.
    pub(crate) era: usize,
    pub(crate) lost: usize,
}

/// Everything that the clients know.
#[derive(Debug, Default)]
pub(crate) struct Truth {
    pub(crate) organizations: Vec<Organization>,
    pub(crate) accounts: Vec<Account>,
    pub(crate) keys: Vec<Key>,
    pub(crate) pending: Vec<Pending>,
    /// The IDs of keys that the time to live deleted.
    pub(crate) removed: Vec<String>,
}

/// When something was observed, in real and in simulated time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) from: (Instant, i64),
    pub(crate) to: (Instant, i64),
}

/// What must be the verdict on a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    Accepted,
    Refused,
    Either,
}

impl Account {
    pub(crate) fn new(id: String, organization: usize) -> Self {
        let (deleted, disabled) = (Register::new(false), Register::new(false));
        Self { id, organization, deleted, disabled, lost_keys: 0, expired: 0 }
    }
}

impl Key {
    pub(crate) fn new(
        id: String,
        token: String,
        account: usize,
        name: Value,
        scopes: Value,
    ) -> Self {
        Self {
            id,
            token,
            account,
            ended: Register::new(false),
            name: Register::new(name),
            scopes: Register::new(scopes),
            expiry: (i64::MAX, i64::MAX),
            expires: false,
            rotated: false,
        }
    }

    /// Whether the key may have an end, which keys that it creates inherit.
    pub(crate) fn may_end(&self) -> bool {
        self.expires || self.rotated
    }
}

impl Truth {
    /// The verdict on a key that any environment must give within `window`, if it may be `stale` and clocks
    /// differ by up to `skew` milliseconds.
    pub(crate) fn expected(
        &self,
        key: usize,
        window: Window,
        stale: Duration,
        skew: i64,
    ) -> Expected {
        let key = &self.keys[key];
        let account = &self.accounts[key.account];
        let (from, to) = (window.from.0, window.to.0);
        let is = |register: &Register<bool>, value| register.is(&value, from, to, stale);
        let conditions = [&key.ended, &account.deleted, &account.disabled];
        let (earliest, latest) = key.expiry;
        let margin = skew + PRECISION;
        // A rotation that changed the expiry may not be visible yet.
        let late = margin + i64::try_from(stale.as_millis()).unwrap_or(i64::MAX);
        let expired = window.from.1.saturating_sub(late) > latest;
        if expired || conditions.iter().any(|register| is(register, true)) {
            Expected::Refused
        } else if window.to.1 < earliest.saturating_sub(margin)
            && conditions.iter().all(|register| is(register, false))
        {
            Expected::Accepted
        } else {
            Expected::Either
        }
    }

    /// Notes that the time to live deletes a key of a partition, which its account may still count.
    pub(crate) fn note_removed(&mut self, partition: &str, key: &str, counted: bool) {
        let account = partition.strip_prefix("ACCOUNT#").unwrap_or_default();
        let account = self.accounts.iter_mut().find(|known| known.id == account);
        if let Some(account) = account.filter(|_| counted) {
            account.expired += 1;
        }
        self.removed.push(key.to_owned());
    }

    /// The known key with this ID.
    pub(crate) fn key(&self, id: &str) -> Option<&Key> {
        self.keys.iter().find(|key| key.id == id)
    }
}
