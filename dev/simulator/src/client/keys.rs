//! Requests that create, rotate, change, and revoke keys.

use latchkey::time::Timestamp;
use latchkey_testkit::{Answer, event};
use rand::RngExt;
use rand::rngs::ChaCha20Rng;
use serde_json::{Value, json};

use crate::truth::{Key, Pending};
use crate::world::{Outcome, World, full_access};

use super::{Call, Dialect, Learned};

const DAY: i64 = 24 * 60 * 60 * 1000;

impl World {
    pub(super) async fn mint(&self, rng: &mut ChaCha20Rng) {
        let account = self.any_account(rng);
        let caller = self.caller(account, rng);
        let dialect = Dialect::draw(rng);
        let name = self.unique("key");
        let scopes = [json!([]), json!(["keys.read"]), json!(["keys.read", "keys.write"])];
        let scopes = scopes[rng.random_range(0..scopes.len())].clone();
        let (body, name, scopes) = match dialect {
            Dialect::LakeSail if rng.random() => {
                let expiry = self.now().1 + rng.random_range(1..60) * DAY;
                let expiry = Timestamp::from_millis(expiry).expect("in range");
                (json!({ "expiresAt": expiry.to_string() }), Value::Null, None)
            }
            Dialect::LakeSail => (json!({}), Value::Null, None),
            Dialect::Chaser => {
                (json!({ "name": name, "scopes": scopes }), json!(name), Some(scopes))
            }
        };
        let call = Call {
            dialect,
            operation: "mint",
            method: "POST",
            suffix: "/ACCOUNT/keys",
            body,
            idempotent: rng.random_ratio(2, 3),
        };
        let id = self.truth().accounts[account].id.clone();
        let (learned, lost, era) = self.send(&call, caller, &id, "", rng).await;
        let scopes = scopes.unwrap_or_else(full_access);
        let may_expire = self.truth().keys[caller].may_end();
        self.learn_key(account, learned, (lost, era), name, scopes, may_expire);
    }

    pub(super) async fn rotate(&self, rng: &mut ChaCha20Rng) {
        let Some(key) = self.any_key(rng) else { return };
        let account = self.truth().keys[key].account;
        let caller = self.caller(account, rng);
        let days = [0, 1, 7][rng.random_range(0..3)];
        let call = Call {
            dialect: Dialect::Chaser,
            operation: "rotate",
            method: "POST",
            suffix: "/ACCOUNT/keys/KEY/rotate",
            body: json!({ "grace_days": days }),
            idempotent: rng.random_ratio(2, 3),
        };
        let (id, account_id, began) = {
            let mut truth = self.truth();
            let truth = &mut *truth;
            let id = truth.keys[key].id.clone();
            let end = self.now().1 + days * DAY;
            truth.keys[key].rotated = true;
            let (earliest, _) = &mut truth.keys[key].expiry;
            // If it takes effect. Whether it does, a refusal does not always tell.
            *earliest = end.min(*earliest);
            // With clocks that differ, another one may still be before this end.
            let at_once = days == 0 && !self.plan.skew;
            let began = at_once.then(|| truth.keys[key].ended.begin(true));
            (id, truth.accounts[account].id.clone(), began)
        };
        let (learned, lost, era) = self.send(&call, caller, &account_id, &id, rng).await;
        self.settle(&learned, lost, began, |truth| &mut truth.keys[key].ended);
        let (name, scopes) = match &learned {
            Learned::Done(answer) => (answer.body["name"].clone(), answer.body["scopes"].clone()),
            _ => (Value::Null, full_access()),
        };
        if matches!(learned, Learned::Done(_)) {
            let end = self.now().1 + days * DAY;
            let (_, latest) = &mut self.truth().keys[key].expiry;
            *latest = end.min(*latest);
        }
        let may_expire = {
            let truth = self.truth();
            truth.keys[key].expires || truth.keys[caller].may_end()
        };
        self.learn_key(account, learned, (lost, era), name, scopes, may_expire);
    }

    pub(super) async fn revoke(&self, rng: &mut ChaCha20Rng) {
        let Some(key) = self.any_key(rng) else { return };
        let (account, token) = {
            let truth = self.truth();
            (truth.keys[key].account, truth.keys[key].token.clone())
        };
        if rng.random_ratio(1, 3) {
            return self.revoke_own(key, &token).await;
        }
        let caller = self.caller(account, rng);
        let call = Call {
            dialect: Dialect::draw(rng),
            operation: "revoke",
            method: "DELETE",
            suffix: "/ACCOUNT/keys/KEY",
            body: Value::Null,
            idempotent: false,
        };
        let (id, account_id, began) = {
            let mut truth = self.truth();
            let began = truth.keys[key].ended.begin(true);
            (truth.keys[key].id.clone(), truth.accounts[account].id.clone(), began)
        };
        let (learned, lost, _) = self.send(&call, caller, &account_id, &id, rng).await;
        self.settle(&learned, lost, Some(began), |truth| &mut truth.keys[key].ended);
    }

    /// A key revokes itself.
    async fn revoke_own(&self, key: usize, token: &str) {
        let began = self.truth().keys[key].ended.begin(true);
        let mut event = event::call_with("POST", "/oauth/revoke", "", &format!("token={token}"));
        event["headers"] = json!({ "content-type": "application/x-www-form-urlencoded" });
        match self.ask("oauth", "revoke own", "/oauth/revoke", &event).await {
            Outcome::Done(_) => self.truth().keys[key].ended.acknowledge(began),
            Outcome::Refused(answer) => panic!("a key may revoke itself: {}", answer.text),
            Outcome::Unknown => {}
        }
    }

    pub(super) async fn update_key(&self, rng: &mut ChaCha20Rng) {
        let Some(key) = self.any_key(rng) else { return };
        let account = self.truth().keys[key].account;
        let caller = self.caller(account, rng);
        let name = json!(self.unique("renamed"));
        let scopes = [json!(["keys.read"]), json!(["keys.read", "keys.write"])];
        let scopes = scopes[rng.random_range(0..scopes.len())].clone();
        let rename = rng.random();
        let body = if rename { json!({ "name": name }) } else { json!({ "scopes": scopes }) };
        let call = Call {
            dialect: Dialect::Chaser,
            operation: "update key",
            method: "PATCH",
            suffix: "/ACCOUNT/keys/KEY",
            body,
            idempotent: false,
        };
        let (id, account_id, began) = {
            let mut truth = self.truth();
            let (id, account) = (truth.keys[key].id.clone(), truth.accounts[account].id.clone());
            let key = &mut truth.keys[key];
            let began = if rename { key.name.begin(name) } else { key.scopes.begin(scopes) };
            (id, account, began)
        };
        let (learned, lost, _) = self.send(&call, caller, &account_id, &id, rng).await;
        self.settle(&learned, lost, Some(began), |truth| {
            if rename { &mut truth.keys[key].name } else { &mut truth.keys[key].scopes }
        });
    }

    /// Notes the key in a response, or that an answer with a key was lost. The key may expire although the
    /// response does not say when, if it replaces a key that expires, or if its creator does.
    fn learn_key(
        &self,
        account: usize,
        learned: Learned,
        (lost, era): (usize, usize),
        name: Value,
        scopes: Value,
        may_expire: bool,
    ) {
        let mut truth = self.truth();
        let Learned::Done(answer) = learned else {
            truth.accounts[account].lost_keys += lost;
            return;
        };
        if era != self.era() {
            // The idempotency key may have expired between two attempts.
            truth.accounts[account].lost_keys += lost;
        }
        let (id, token) = (answer.string("/id").to_owned(), answer.string("/key").to_owned());
        assert!(truth.key(&id).is_none(), "two requests got the key {id}");
        let mut key = Key::new(id, token, account, name, scopes);
        let expiry = [&answer.body["expiresAt"], &answer.body["expires_at"]];
        if let Some(expiry) = expiry.into_iter().find_map(Value::as_str) {
            let expiry: Timestamp = expiry.parse().expect("a time");
            key.expiry = (expiry.as_millis(), expiry.as_millis());
            key.expires = true;
        } else if may_expire {
            key.expiry = (i64::MIN, i64::MAX);
            key.expires = true;
        }
        truth.keys.push(key);
    }

    /// Notes a key that a repeated request got after all.
    pub(crate) fn learn_pending(&self, pending: &Pending, answer: Answer) {
        let (name, scopes) = (answer.body["name"].clone(), answer.body["scopes"].clone());
        let scopes = if scopes.is_null() { full_access() } else { scopes };
        let lost = (pending.lost, pending.era);
        self.learn_key(pending.account, Learned::Done(answer), lost, name, scopes, true);
    }
}
