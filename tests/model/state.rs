//! The state of keys and accounts, and the simple questions about it, without a table.

use std::collections::{BTreeMap, BTreeSet};

/// Milliseconds since the samples' time.
pub(crate) type Millis = i64;

pub(crate) const DAY: Millis = 24 * 60 * 60 * 1000;

/// How much of an account exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Present,
    /// Its deletion was interrupted. It is gone for every request except one that deletes it.
    Leaving,
    Gone,
}

/// An account.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) id: String,
    pub(crate) organization: String,
    pub(crate) disabled: bool,
    pub(crate) standing: Standing,
}

/// A key.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    /// `None` if the response with the token was lost.
    pub(crate) token: Option<String>,
    pub(crate) id: String,
    pub(crate) account: usize,
    pub(crate) name: Option<String>,
    /// Empty means full access.
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) created_at: Millis,
    pub(crate) expires_at: Option<Millis>,
    pub(crate) revoked: bool,
    pub(crate) rotated: bool,
    /// Whether it replaced another key.
    pub(crate) successor: bool,
}

/// A response that a repeated request gets again.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// The ID of what was created.
    pub(crate) id: String,
    /// `None` if the response was lost.
    pub(crate) text: Option<String>,
}

/// The complete state.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) limit: usize,
    pub(crate) max_lifetime: Option<Millis>,
    /// The latest time that any environment's clock has shown.
    pub(crate) horizon: Millis,
    pub(crate) accounts: Vec<Account>,
    pub(crate) keys: Vec<Key>,
    /// Responses by the caller's key and the idempotency key.
    pub(crate) replies: BTreeMap<(String, String), Reply>,
}

impl Key {
    pub(crate) fn allows(&self, scope: &str) -> bool {
        self.scopes.is_empty() || self.scopes.contains(scope)
    }

    pub(crate) fn covers(&self, scopes: &BTreeSet<String>) -> bool {
        self.scopes.is_empty() || !scopes.is_empty() && scopes.is_subset(&self.scopes)
    }

    /// The latest expiry that a key created by this one may have.
    pub(crate) fn latest(&self) -> Option<Millis> {
        self.expires_at.filter(|_| !self.scopes.is_empty())
    }

    pub(crate) fn has_ended(&self, now: Millis) -> bool {
        self.revoked || self.expires_at.is_some_and(|end| end <= now)
    }
}

impl Model {
    /// Whether a key authenticates where the clock shows `now`.
    pub(crate) fn is_valid(&self, key: &Key, now: Millis) -> bool {
        let account = &self.accounts[key.account];
        account.standing == Standing::Present && !account.disabled && !key.has_ended(now)
    }

    /// How many keys of an account have not ended at `now`.
    pub(crate) fn live_keys(&self, account: usize, now: Millis) -> usize {
        let own = self.keys.iter().filter(|key| key.account == account);
        own.filter(|key| !key.has_ended(now)).count()
    }

    /// Whether an account has no room for another key; `None` if either answer is right.
    ///
    /// The table keeps one count for all environments. One whose clock is ahead may already have subtracted
    /// a key that is still live by the clock that shows `now`.
    pub(crate) fn is_full(&self, account: usize, now: Millis) -> Option<bool> {
        let full = self.live_keys(account, now) >= self.limit;
        let full_ahead = self.live_keys(account, self.horizon) >= self.limit;
        (full == full_ahead).then_some(full)
    }

    /// Whether `caller` knows of an account.
    pub(crate) fn sees(&self, caller: &Key, account: usize) -> bool {
        self.accounts[account].standing == Standing::Present && self.is_own(caller, account)
    }

    /// Whether an account is or was in the caller's organization.
    pub(crate) fn is_own(&self, caller: &Key, account: usize) -> bool {
        self.accounts[account].organization == self.accounts[caller.account].organization
    }
}
