//! How the service should respond, as the status of each request in a given state.

use super::request::{Ask, Dialect, Request};
use super::state::{Key, Millis, Model, Standing};

const MINUTE: Millis = 60_000;

impl Model {
    /// The expected status of a request that authenticated as `caller`. `full` means that the account has no room
    /// for another key.
    pub(crate) fn status(&self, request: &Request, caller: &Key, full: bool) -> u16 {
        let (dialect, now) = (request.dialect, request.now);
        match &request.ask {
            Ask::CreateAccount if caller.scopes.is_empty() => dialect.created(),
            Ask::CreateAccount => 403,
            Ask::Mint { account, ends, scopes } => {
                let scopes = scopes.as_ref().unwrap_or(&caller.scopes);
                let too_long =
                    ends.is_some_and(|ends| self.max_lifetime.is_some_and(|max| ends > now + max));
                let outlives = ends.is_some_and(|ends| caller.latest().is_some_and(|it| ends > it));
                match () {
                    () if !caller.allows("keys.write") || !caller.covers(scopes) => 403,
                    () if too_long => 400,
                    () if outlives => 403,
                    () if !self.sees(caller, *account) => 404,
                    () if self.accounts[*account].disabled || full => 409,
                    () => dialect.created(),
                }
            }
            Ask::Rotate { key, grace } => self.rotate(caller, &self.keys[*key], *grace, now, full),
            Ask::Update { key, name, scopes } => {
                let key = &self.keys[*key];
                match () {
                    () if !caller.allows("keys.write") => 403,
                    () if scopes.as_ref().is_some_and(|scopes| !caller.covers(scopes)) => 403,
                    () if !self.sees(caller, key.account) => 404,
                    () if !caller.covers(&key.scopes) => 403,
                    // An empty update changes nothing, so it succeeds for an ended key too.
                    () if name.is_none() && scopes.is_none() => 200,
                    () if key.has_ended(now) => 409,
                    () => 200,
                }
            }
            Ask::Revoke { key } => {
                let key = &self.keys[*key];
                match () {
                    () if !caller.allows("keys.write") => 403,
                    () if !self.sees(caller, key.account) => 404,
                    () if !caller.covers(&key.scopes) => 403,
                    () if key.revoked && dialect == Dialect::LakeSail => 404,
                    () => 204,
                }
            }
            Ask::Disable { account, disabled } => match () {
                () if !caller.scopes.is_empty() => 403,
                () if *disabled && caller.account == *account => 409,
                () if !self.sees(caller, *account) => 404,
                () => 200,
            },
            Ask::Delete { account } => match () {
                () if !caller.scopes.is_empty() => 403,
                () if caller.account == *account => 409,
                () if !self.is_own(caller, *account) => 404,
                () if self.accounts[*account].standing == Standing::Gone => 404,
                () => 204,
            },
        }
    }

    fn rotate(&self, caller: &Key, key: &Key, grace: Millis, now: Millis, full: bool) -> u16 {
        // A key that expires within five minutes does not free its slot for the new key.
        let replaces = grace == 0 && !key.has_ended(now + 5 * MINUTE);
        match () {
            () if !caller.allows("keys.write") => 403,
            () if !self.sees(caller, key.account) => 404,
            () if !caller.covers(&key.scopes) => 403,
            () if key.has_ended(now) || key.rotated => 409,
            () if grace == 0 && key.successor && now < key.created_at + MINUTE => 409,
            () if self.accounts[key.account].disabled => 409,
            () if !replaces && full => 409,
            () => 200,
        }
    }

    /// The account whose room the request depends on.
    pub(crate) fn filled_by(&self, request: &Request) -> Option<usize> {
        match request.ask {
            Ask::Mint { account, .. } => Some(account),
            Ask::Rotate { key, .. } => Some(self.keys[key].account),
            _ => None,
        }
    }

    /// When a key expires that `caller` creates at `now`, and that should end at `ends`.
    pub(crate) fn expiry(&self, caller: &Key, ends: Option<Millis>, now: Millis) -> Option<Millis> {
        let end = ends.or_else(|| self.max_lifetime.map(|lifetime| now + lifetime));
        end.into_iter().chain(caller.latest()).min()
    }

    /// When the old and the new key of a rotation by `caller` end.
    pub(crate) fn rotated(
        &self,
        caller: &Key,
        key: &Key,
        grace: Millis,
        now: Millis,
    ) -> (Option<Millis>, Option<Millis>) {
        let graced = now + grace;
        let old = key.expires_at.map_or(graced, |end| end.min(graced));
        // A clock behind that of the key's creation gives it no negative lifetime.
        let lifetime = key.expires_at.map(|end| (end - key.created_at).max(0));
        let lifetime = lifetime.into_iter().chain(self.max_lifetime).min();
        let new = lifetime.map(|lifetime| now + lifetime);
        (Some(old), new.into_iter().chain(caller.latest()).min())
    }
}
