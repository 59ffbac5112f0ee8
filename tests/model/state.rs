//! How keys and accounts should behave, in a few lines and without a table.

use std::collections::BTreeSet;

/// Milliseconds since the samples' time.
pub(crate) type Millis = i64;

pub(crate) const DAY: Millis = 24 * 60 * 60 * 1000;

/// An account.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) id: String,
    pub(crate) organization: &'static str,
    pub(crate) disabled: bool,
    pub(crate) deleted: bool,
}

/// A key.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) token: String,
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
    /// When it was last found to be valid.
    pub(crate) last_valid: Option<Millis>,
    /// Whether it was once rejected as revoked or expired.
    pub(crate) ended: bool,
}

/// The complete state.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) now: Millis,
    pub(crate) limit: usize,
    pub(crate) max_lifetime: Option<Millis>,
    pub(crate) accounts: Vec<Account>,
    pub(crate) keys: Vec<Key>,
}

impl Key {
    pub(crate) fn allows(&self, scope: &str) -> bool {
        self.scopes.is_empty() || self.scopes.contains(scope)
    }

    pub(crate) fn covers(&self, scopes: &BTreeSet<String>) -> bool {
        self.scopes.is_empty() || !scopes.is_empty() && scopes.is_subset(&self.scopes)
    }

    /// The latest expiry that a key created by this one may have.
    fn latest(&self) -> Option<Millis> {
        self.expires_at.filter(|_| !self.scopes.is_empty())
    }

    fn has_ended(&self, now: Millis) -> bool {
        self.revoked || self.expires_at.is_some_and(|end| end <= now)
    }
}

impl Model {
    /// Whether a key authenticates.
    pub(crate) fn is_valid(&self, key: &Key) -> bool {
        let account = &self.accounts[key.account];
        !account.deleted && !account.disabled && !key.has_ended(self.now)
    }

    /// How many keys of an account have not ended.
    pub(crate) fn live_keys(&self, account: usize) -> usize {
        let own = self.keys.iter().filter(|key| key.account == account);
        own.filter(|key| !key.has_ended(self.now)).count()
    }

    /// When a key expires that `caller` creates with a given lifetime.
    pub(crate) fn expiry(&self, caller: &Key, lifetime: Option<Millis>) -> Option<Millis> {
        let end = lifetime.or(self.max_lifetime).map(|lifetime| self.now + lifetime);
        end.into_iter().chain(caller.latest()).min()
    }

    fn sees(&self, caller: &Key, account: usize) -> bool {
        let account = &self.accounts[account];
        !account.deleted && account.organization == self.accounts[caller.account].organization
    }

    /// The status of creating a key.
    pub(crate) fn mint(
        &self,
        caller: &Key,
        account: usize,
        scopes: &BTreeSet<String>,
        lifetime: Option<Millis>,
        created: u16,
    ) -> u16 {
        let too_long = self.max_lifetime.is_some_and(|max| lifetime.is_some_and(|it| it > max));
        let ends = lifetime.map(|lifetime| self.now + lifetime);
        let outlives = caller.latest().is_some_and(|latest| ends.is_some_and(|end| end > latest));
        match () {
            () if !self.is_valid(caller) => 401,
            () if !caller.allows("keys.write") || !caller.covers(scopes) => 403,
            () if too_long => 400,
            () if outlives => 403,
            () if !self.sees(caller, account) => 404,
            () if self.accounts[account].disabled => 409,
            () if self.live_keys(account) >= self.limit => 409,
            () => created,
        }
    }

    /// The status of a rotation.
    pub(crate) fn rotate(&self, caller: &Key, key: &Key, grace: Millis) -> u16 {
        // A key that expires within five minutes does not free its slot for the new key.
        let is_one_more = grace > 0 || key.has_ended(self.now + 300_000);
        match () {
            () if !self.is_valid(caller) => 401,
            () if !caller.allows("keys.write") => 403,
            () if !self.sees(caller, key.account) => 404,
            () if !caller.covers(&key.scopes) => 403,
            () if key.has_ended(self.now) || key.rotated => 409,
            () if grace == 0 && key.successor && self.now < key.created_at + 60_000 => 409,
            () if self.accounts[key.account].disabled => 409,
            () if is_one_more && self.live_keys(key.account) >= self.limit => 409,
            () => 200,
        }
    }

    /// When the old and the new key of a rotation by `caller` end.
    pub(crate) fn rotated(
        &self,
        caller: &Key,
        key: &Key,
        grace: Millis,
    ) -> (Option<Millis>, Option<Millis>) {
        let graced = self.now + grace;
        let old = key.expires_at.map_or(graced, |end| end.min(graced));
        let lifetime = key.expires_at.map(|end| end - key.created_at);
        let lifetime = match (lifetime, self.max_lifetime) {
            (Some(lifetime), Some(max)) => Some(lifetime.min(max)),
            (lifetime, max) => lifetime.or(max),
        };
        let new = lifetime.map(|lifetime| self.now + lifetime);
        (Some(old), new.into_iter().chain(caller.latest()).min())
    }

    /// The status of changing a key.
    pub(crate) fn update(&self, caller: &Key, key: &Key, scopes: Option<&BTreeSet<String>>) -> u16 {
        match () {
            () if !self.is_valid(caller) => 401,
            () if !caller.allows("keys.write") => 403,
            () if scopes.is_some_and(|scopes| !caller.covers(scopes)) => 403,
            () if !self.sees(caller, key.account) => 404,
            () if !caller.covers(&key.scopes) => 403,
            () if key.has_ended(self.now) => 409,
            () => 200,
        }
    }

    /// The status of revoking a key, where `again` is the dialect's status for a revoked key.
    pub(crate) fn revoke(&self, caller: &Key, key: &Key, again: u16) -> u16 {
        match () {
            () if !self.is_valid(caller) => 401,
            () if !caller.allows("keys.write") => 403,
            () if !self.sees(caller, key.account) => 404,
            () if !caller.covers(&key.scopes) => 403,
            () if key.revoked => again,
            () => 204,
        }
    }

    /// The status of changing an account; `harms` if it would lock out the account's keys.
    pub(crate) fn change(&self, caller: &Key, account: usize, harms: bool, done: u16) -> u16 {
        match () {
            () if !self.is_valid(caller) => 401,
            () if !caller.scopes.is_empty() => 403,
            () if harms && caller.account == account => 409,
            () if !self.sees(caller, account) => 404,
            () => done,
        }
    }
}
