//! The final check: faults end, and the table and the service must agree with what was acknowledged.

use std::collections::BTreeSet;
use std::time::Duration;

use latchkey_testkit::event;
use latchkey_testkit::secrets::Secrets;
use rand::rngs::ChaCha20Rng;
use serde_json::Value;

use crate::client::Dialect;
use crate::fleet::Reply;
use crate::stored::{Item, Stored};
use crate::truth::{Account, Pending};
use crate::world::World;

impl World {
    /// Ends all faults, completes what was interrupted, and checks everything.
    pub(crate) async fn check(&self, rng: &mut ChaCha20Rng) {
        self.dynamodb.calm().await;
        let pending: Vec<Pending> = std::mem::take(&mut self.truth().pending);
        for pending in pending {
            self.resolve(&pending).await;
        }
        self.finish_deletions().await;
        // Beyond every cache.
        let beyond = self.plan.staleness() + Duration::from_secs(10);
        self.jump(i64::try_from(beyond.as_millis()).expect("some seconds"), rng).await;
        let stored = Stored::read(&self.table).await;
        let accounts = self.truth().accounts.clone();
        for (index, account) in accounts.iter().enumerate() {
            self.check_account(index, account, &stored);
            self.check_lists(account, &stored).await;
        }
        self.check_keys(&stored);
        self.check_organizations(&stored);
        let keys = self.truth().keys.len();
        for key in 0..keys {
            for way in 0..3 {
                self.check_verdict(key, way, Duration::ZERO, true).await;
            }
            self.check_verdict_by_table(key, &stored).await;
        }
        self.check_secrets().await;
    }

    /// Repeats a request whose answer was lost, with its idempotency key.
    async fn resolve(&self, pending: &Pending) {
        match self.fleet.request(pending.function, &pending.event).await {
            Reply::Answer(answer) if answer.status < 300 => self.learn_pending(pending, answer),
            // The caller or the account may have ended in the meantime.
            Reply::Answer(answer) if answer.status < 500 => {
                self.truth().accounts[pending.account].lost_keys += pending.lost;
            }
            reply => panic!("without faults, a repeated request is answered: {reply:?}"),
        }
    }

    /// Repeats deletions that may have been interrupted.
    async fn finish_deletions(&self) {
        let accounts = self.truth().accounts.clone();
        for account in accounts {
            let now = self.now().0;
            if account.deleted.is(&false, now, now, Duration::ZERO) {
                continue;
            }
            let admin = self.admin(account.organization);
            let path = Dialect::LakeSail.path("/ACCOUNT", &account.id, "");
            let event = event::call("DELETE", &path, &admin);
            let index = self.truth().accounts.iter().position(|known| known.id == account.id);
            let deleted = &mut self.truth().accounts[index.expect("known")].deleted.begin(true);
            match self.fleet.request("lakesail", &event).await {
                Reply::Answer(answer) if matches!(answer.status, 204 | 404) => {
                    let mut truth = self.truth();
                    truth.accounts[index.expect("known")].deleted.acknowledge(*deleted);
                }
                reply => panic!("without faults, a deletion succeeds: {reply:?}"),
            }
        }
    }

    /// An account's count, its limit, and that nothing is left of a deleted one.
    fn check_account(&self, index: usize, account: &Account, stored: &Stored) {
        let now = self.now();
        let keys: Vec<&Item> = stored.keys(&account.id).collect();
        let record = stored.account(&account.id);
        let Some(record) = record else {
            assert!(!account.deleted.is(&false, now.0, now.0, Duration::ZERO), "lost: {account:?}");
            assert!(keys.is_empty(), "keys of a deleted account: {keys:?}");
            return;
        };
        assert!(
            !account.deleted.is(&true, now.0, now.0, Duration::ZERO),
            "not deleted: {record:?}"
        );
        let possible = account.disabled.possible(now.0, now.0, Duration::ZERO);
        assert!(possible.contains(&record.bool("disabled")), "{record:?}, possible {possible:?}");
        let unrevoked = || keys.iter().filter(|key| key.number("revoked_at").is_none());
        let live = unrevoked().filter(|key| key.number("expires_at").is_none_or(|end| end > now.1));
        let live = live.count();
        // A rotation without a grace period ends the old key in the moment that it writes.
        let replaced = unrevoked().filter(|key| {
            key.text("rotated_to").is_some() && key.number("expires_at") == key.number("updated_at")
        });
        let expired_first = keys.iter().filter(|key| key.stays_counted());
        let most = unrevoked().count() - replaced.count() + expired_first.count() + account.expired;
        let count = record.number("live_keys").expect("a count");
        let count = usize::try_from(count).expect("a count that is not negative");
        assert!(
            (live..=most).contains(&count),
            "{count} counted, {live} live, {most} at most: {record:?} {keys:?}"
        );
        let limit = self.plan.key_limit as usize;
        assert!(live <= limit, "{live} live keys, limit {limit}: {keys:?}");
        let truth = self.truth();
        let unknown = keys.iter().filter(|key| truth.key(key.id()).is_none()).count();
        let lost = truth.accounts[index].lost_keys;
        assert!(
            unknown <= lost,
            "{unknown} unknown keys, but only {lost} lost responses: {keys:?}"
        );
    }

    /// Every acknowledged key is there, as it was acknowledged.
    fn check_keys(&self, stored: &Stored) {
        let now = self.now();
        let truth = self.truth();
        for key in &truth.keys {
            let account = &truth.accounts[key.account];
            let Some(item) = stored.key(&account.id, &key.id) else {
                let deleted = !account.deleted.is(&false, now.0, now.0, Duration::ZERO);
                assert!(deleted || truth.removed.contains(&key.id), "lost: {key:?}");
                continue;
            };
            let ended = item.number("revoked_at").is_some()
                || item.number("expires_at").is_some_and(|end| end <= now.1);
            let possible = key.ended.possible(now.0, now.0, Duration::ZERO);
            let expired = now.1 >= key.expiry.0;
            assert!(possible.contains(&ended) || expired, "{item:?}, known: {key:?}");
            let name = item.text("name").map_or(Value::Null, Value::from);
            let names = key.name.possible(now.0, now.0, Duration::ZERO);
            assert!(names.contains(&name), "{item:?}, possible {names:?}");
            let scopes = item.texts("scopes");
            let possible = key.scopes.possible(now.0, now.0, Duration::ZERO);
            let inherited = possible.contains(&Value::Array(Vec::new()));
            assert!(inherited || possible.contains(&scopes), "{item:?}, possible {possible:?}");
        }
    }

    /// The directory and the count of each organization.
    fn check_organizations(&self, stored: &Stored) {
        let truth = self.truth();
        for (index, organization) in truth.organizations.iter().enumerate() {
            let record = stored.organization(&organization.id).expect("an organization");
            let listed: BTreeSet<&str> = stored.directory(&organization.id).collect();
            let count = record.number("accounts").expect("a count");
            assert_eq!(count, listed.len() as i64, "{record:?} {listed:?}");
            assert!(count <= i64::from(self.plan.account_limit).max(1), "{record:?}");
            for account in &listed {
                assert!(
                    stored.account(account).is_some(),
                    "{account} is listed but does not exist"
                );
            }
            let own = truth.accounts.iter().filter(|account| account.organization == index);
            let known: BTreeSet<&str> = own
                .filter(|account| stored.account(&account.id).is_some())
                .map(|account| account.id.as_str())
                .collect();
            assert!(known.is_subset(&listed), "not listed: {known:?} {listed:?}");
            let unknown = listed.difference(&known).count();
            let lost = organization.lost_accounts;
            assert!(unknown <= lost, "{unknown} unknown accounts, but only {lost} lost responses");
        }
    }

    /// Both dialects list exactly the keys in the table.
    async fn check_lists(&self, account: &Account, stored: &Stored) {
        let admin = self.admin(account.organization);
        for dialect in [Dialect::LakeSail, Dialect::Chaser] {
            let path = format!("{}?limit=100", dialect.path("/ACCOUNT/keys", &account.id, ""));
            let event = event::call("GET", &path, &admin);
            let Reply::Answer(answer) = self.fleet.request(dialect.function(), &event).await else {
                panic!("without faults, a list is answered");
            };
            if stored.account(&account.id).is_none() {
                assert_eq!(answer.status, 404, "{}", answer.text);
                continue;
            }
            let revoked = |key: &&Item| key.number("revoked_at").is_some();
            let expected: BTreeSet<String> = stored
                .keys(&account.id)
                .filter(|key| dialect == Dialect::Chaser || !revoked(key))
                .map(|key| key.id().to_owned())
                .collect();
            let listed: BTreeSet<String> = answer.ids().into_iter().collect();
            assert_eq!(listed, expected, "{dialect:?}: {}", answer.text);
        }
    }

    /// Every environment says of a key what the table says.
    async fn check_verdict_by_table(&self, key: usize, stored: &Stored) {
        let (token, valid) = {
            let truth = self.truth();
            let (key, now) = (&truth.keys[key], self.now().1);
            let account = &truth.accounts[key.account].id;
            let item = stored.key(account, &key.id);
            let ends = item.and_then(|item| item.number("expires_at"));
            // A clock may be ahead or behind.
            if ends.is_some_and(|end| (end - now).abs() < 60_000) {
                return;
            }
            let live = item.is_some_and(|item| item.number("revoked_at").is_none());
            let enabled = stored.account(account).is_some_and(|record| !record.bool("disabled"));
            (key.token.clone(), live && enabled && ends.is_none_or(|end| end > now))
        };
        let event = event::call("GET", "/verify", &token);
        for reply in self.fleet.request_all("oauth", &event).await {
            let Reply::Answer(answer) = reply else { panic!("without faults, a key is verified") };
            assert_eq!(
                answer.status,
                if valid { 204 } else { 401 },
                "{:?}",
                self.truth().keys[key]
            );
        }
    }

    /// No secret is in a log or in the table.
    async fn check_secrets(&self) {
        let mut secrets = Secrets::default();
        for key in &self.truth().keys {
            secrets.add(&key.token);
        }
        let output = self.fleet.output().await;
        assert!(!output.contains("panicked"), "{output}");
        secrets.check(&output, "a log line");
        secrets.check_items(&self.table).await;
    }

    fn admin(&self, organization: usize) -> String {
        let truth = self.truth();
        truth.keys[truth.organizations[organization].admin].token.clone()
    }
}
