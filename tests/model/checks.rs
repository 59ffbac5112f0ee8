//! What must be true after each step, and at the end.

use std::collections::BTreeSet;

use latchkey::service::Freshness;
use latchkey_testkit::sample::SampleKey;
use serde_json::{Value, json};

use super::request::{Dialect, http};
use super::state::{Key, Millis};
use super::steps::ENVIRONMENTS;
use super::world::{CACHE_TTL, ELSEWHERE, EXACT, World, strings, timestamp};

/// What was seen of a key.
#[derive(Debug, Default)]
pub(crate) struct Past {
    /// The latest time, by the clock of the environment with a cache, at which the key was valid.
    valid_elsewhere: Option<Millis>,
    /// The earliest time, by the exact environment's clock, at which the key was rejected for good.
    ended: Option<Millis>,
}

impl World {
    /// After each step: every key that ever existed is accepted exactly when the model says so.
    ///
    /// In other environments, it is accepted for no longer than the limit.
    pub(crate) async fn check_every_key(&mut self) {
        let (now, now_elsewhere) = (self.time(EXACT), self.time(ELSEWHERE));
        for key in &self.model.keys {
            let Some(token) = &key.token else { continue };
            let past = self.past.entry(key.id.clone()).or_default();
            let valid = self.model.is_valid(key, now);
            let verified = self.exact.verify(token, Freshness::Cached).await;
            assert_eq!(verified.is_ok(), valid, "{key:?} at {now}");
            if let Ok(principal) = verified {
                let caller = principal.service_account().expect("an account");
                let scopes: BTreeSet<String> =
                    caller.scopes.as_slice().iter().map(ToString::to_string).collect();
                assert_eq!(scopes, key.scopes);
                assert!(past.ended.is_none_or(|ended| now < ended), "revived: {key:?}");
            } else if key.has_ended(now) {
                let ended = if key.revoked { Millis::MIN } else { now };
                past.ended = Some(past.ended.map_or(ended, |before| before.min(ended)));
            }

            let valid = self.model.is_valid(key, now_elsewhere);
            let elsewhere = self.elsewhere.verify(token, Freshness::Cached).await.is_ok();
            let ttl = CACHE_TTL.as_millis() as Millis;
            let stale = past.valid_elsewhere.is_some_and(|seen| now_elsewhere < seen + ttl);
            assert!(!elsewhere || valid || stale, "{key:?} passes elsewhere at {now_elsewhere}");
            if valid {
                past.valid_elsewhere = past.valid_elsewhere.max(Some(now_elsewhere));
            }
        }
    }

    /// At the end: both dialects list exactly the existing keys, in the order of creation.
    pub(crate) async fn check_lists(&mut self) {
        let samples =
            [SampleKey::Expired, SampleKey::Revoked].map(|key| key.mint().0.id.to_string());
        for admin in [0, 1] {
            let caller = self.model.keys[admin].clone();
            for account in 0..self.model.accounts.len() {
                let id = self.model.accounts[account].id.clone();
                let seen = self.model.sees(&caller, account);
                let (lakesail, status) = self.list(&caller, 0, &id, "items").await;
                let (chaser, chaser_status) =
                    self.list(&caller, ENVIRONMENTS - 1, &id, "keys").await;
                let expected = match () {
                    () if !self.model.is_valid(&caller, self.time(EXACT)) => continue,
                    () if seen => 200,
                    () => 404,
                };
                assert_eq!((status, chaser_status), (expected, expected));
                if !seen {
                    continue;
                }
                let listed: Vec<_> = entries(&chaser, &samples).collect();
                let expected = self.keys_of(account);
                assert_eq!(listed.len(), expected.len(), "{chaser}");
                for (listed, key) in listed.iter().zip(&expected) {
                    assert_eq!(listed["id"], key.id.as_str());
                    assert_eq!(listed["name"], json!(key.name));
                    assert_eq!(strings(&listed["scopes"]), key.scopes);
                    assert_eq!(listed["expires_at"], json!(key.expires_at.map(timestamp)));
                    assert_eq!(listed["revoked_at"].is_null(), !key.revoked);
                }
                let listed: Vec<&Value> =
                    entries(&lakesail, &samples).map(|key| &key["id"]).collect();
                let expected = expected.iter().filter(|key| !key.revoked);
                let expected: Vec<Value> = expected.map(|key| key.id.clone().into()).collect();
                assert_eq!(listed, expected.iter().collect::<Vec<_>>());
            }
        }
    }

    /// The list of an account's keys in the field `field`, and the status.
    async fn list(
        &self,
        caller: &Key,
        environment: usize,
        account: &str,
        field: &str,
    ) -> (Value, u16) {
        let token = caller.token.as_deref().expect("a sample's token");
        let path = Dialect::of(environment).keys(account);
        let answer =
            self.apps[environment].handle(http("GET", &path, token, &Value::Null, None)).await;
        (answer.body[field].clone(), answer.status)
    }

    fn keys_of(&self, account: usize) -> Vec<&Key> {
        let mut keys: Vec<&Key> =
            self.model.keys.iter().filter(|key| key.account == account).collect();
        keys.sort_by(|left, right| left.id.cmp(&right.id));
        keys
    }
}

/// The entries of a list, without those in the samples that the model lacks.
fn entries<'a>(list: &'a Value, without: &'a [String]) -> impl Iterator<Item = &'a Value> {
    let list = list.as_array().expect("a list").iter();
    list.filter(|entry| !without.iter().any(|id| entry["id"] == id.as_str()))
}
