//! What must be true after each step, and at the end.

use std::collections::BTreeSet;

use latchkey::service::Freshness;
use latchkey_testkit::sample::SampleKey;
use serde_json::{Value, json};

use super::state::{Account, Key};
use super::steps::Dialect;
use super::world::{CACHE_TTL, World, keys_path, strings, timestamp};

impl World {
    /// After each step: every key that ever existed is accepted exactly when the model says so.
    ///
    /// In other environments, it is accepted for no longer than the limit.
    pub(crate) async fn check_every_key(&mut self) {
        for at in 0..self.model.keys.len() {
            let key = &self.model.keys[at];
            let valid = self.model.is_valid(key);
            let verified = self.exact.verify(&key.token, Freshness::Cached).await;
            assert_eq!(verified.is_ok(), valid, "{key:?} at {}", self.model.now);
            if let Ok(principal) = verified {
                let caller = principal.service_account().expect("an account");
                let scopes: BTreeSet<String> =
                    caller.scopes.as_slice().iter().map(ToString::to_string).collect();
                assert_eq!(scopes, key.scopes);
                assert!(!key.ended, "revived: {key:?}");
            }
            let elsewhere = self.elsewhere.verify(&key.token, Freshness::Cached).await.is_ok();
            let (now, seen) = (self.model.now, key.last_valid);
            let stale = seen.is_some_and(|seen| now - seen < CACHE_TTL.as_millis() as i64);
            assert!(!elsewhere || valid || stale, "{key:?} passes elsewhere at {now}");
            let ended = key.revoked || key.expires_at.is_some_and(|end| end <= now);
            let key = &mut self.model.keys[at];
            key.ended |= ended;
            if valid {
                key.last_valid = Some(now);
            }
        }
    }

    /// At the end: both dialects list exactly the existing keys, in the order of creation.
    pub(crate) async fn check_lists(&mut self) {
        for admin in [0, 1] {
            let caller = self.model.keys[admin].clone();
            if !self.model.is_valid(&caller) {
                continue;
            }
            for account in 0..self.model.accounts.len() {
                let own = &self.model.accounts[caller.account].organization;
                let Account { id, organization, deleted, .. } =
                    self.model.accounts[account].clone();
                let seen = !deleted && organization == *own;
                let path = keys_path(Dialect::Chaser, &id);
                let chaser = self.ask(Dialect::Chaser, &caller, "GET", &path, &Value::Null).await;
                let path = keys_path(Dialect::LakeSail, &id);
                let lakesail =
                    self.ask(Dialect::LakeSail, &caller, "GET", &path, &Value::Null).await;
                assert_eq!(
                    (chaser.status, lakesail.status),
                    if seen { (200, 200) } else { (404, 404) }
                );
                if !seen {
                    continue;
                }
                let samples =
                    [SampleKey::Expired, SampleKey::Revoked].map(|key| key.mint().0.id.to_string());
                let listed: Vec<_> = entries(&chaser.body["keys"], &samples).collect();
                let expected: Vec<&Key> = self.keys_of(account);
                assert_eq!(listed.len(), expected.len(), "{}", chaser.text);
                for (listed, key) in listed.iter().zip(expected) {
                    assert_eq!(listed["id"], key.id.as_str());
                    assert_eq!(listed["name"], json!(key.name));
                    assert_eq!(strings(&listed["scopes"]), key.scopes);
                    assert_eq!(listed["expires_at"], json!(key.expires_at.map(timestamp)));
                    assert_eq!(listed["revoked_at"].is_null(), !key.revoked);
                }
                let listed: Vec<String> = entries(&lakesail.body["items"], &samples)
                    .map(|key| key["id"].as_str().expect("an id").to_owned())
                    .collect();
                let expected: Vec<String> = self
                    .keys_of(account)
                    .into_iter()
                    .filter(|key| !key.revoked)
                    .map(|key| key.id.clone())
                    .collect();
                assert_eq!(listed, expected);
            }
        }
    }

    /// The count that enforces the limit is never too low.
    pub(crate) async fn check_counts(&self) {
        let items = self.table.items().await;
        for (account, state) in self.model.accounts.iter().enumerate() {
            let partition = format!("ACCOUNT#{}", state.id);
            let mut own = items.iter().filter(|item| item["pk"].as_s() == Ok(&partition));
            if state.deleted {
                assert_eq!(own.next(), None, "left of a deleted account");
                continue;
            }
            let count = own.find_map(|item| item.get("live_keys")?.as_n().ok()?.parse().ok());
            let (count, truth): (usize, usize) =
                (count.expect("an account"), self.model.live_keys(account));
            assert!(count >= truth, "{count} live keys by the count, {truth} in truth");
        }
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
