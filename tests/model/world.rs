//! The real service next to the model: both dialects over one table, at a time that steps set.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chaser::AllowedScopes;
use latchkey::Latchkey;
use latchkey::policy::{CachePolicy, KeyPolicy};
use latchkey::service::Clock;
use latchkey::time::Timestamp;
use latchkey_testkit::sample::{self, SampleKey};
use latchkey_testkit::{Answer, NO_CACHE, TestTable, event};
use proptest::sample::Index;
use serde_json::{Value, json};

use super::state::{Account, DAY, Key, Millis, Model};
use super::steps::{Caller, Dialect, Step};

/// How long the second environment caches its verdicts.
pub(crate) const CACHE_TTL: Duration = Duration::from_secs(10);

/// Scopes of the drawn keys, selected by the bits of a number.
const SCOPES: [&str; 3] = ["keys.write", "keys.read", "files.read"];

pub(crate) struct World {
    pub(crate) table: TestTable,
    clock: Arc<AtomicI64>,
    lakesail: lakesail::App,
    chaser: chaser::App,
    /// Verifies directly against the table.
    pub(crate) exact: Latchkey,
    /// Verifies with a cache, and does not learn what the others do.
    pub(crate) elsewhere: Latchkey,
    pub(crate) model: Model,
    requests: u32,
}

impl World {
    pub(crate) async fn start(limit: usize, max_lifetime: Option<i64>) -> Self {
        let table = TestTable::start().await;
        let max_lifetime = max_lifetime.map(|days| days * DAY);
        let policy = KeyPolicy {
            key_limit: NonZeroU32::new(limit as u32),
            max_lifetime: max_lifetime.map(|max| Duration::from_millis(max as u64)),
            ..KeyPolicy::default()
        };
        let clock = Arc::new(AtomicI64::new(0));
        let latchkey = |cache: &CachePolicy| {
            let now = Arc::clone(&clock);
            let tell = Clock::new(move || timestamp(now.load(Ordering::Relaxed)));
            Latchkey::new(table.store(), policy.clone(), cache, tell)
        };
        let cache = CachePolicy { ttl: CACHE_TTL, entries: 1000 };
        let scopes = AllowedScopes::parse("").expect("the vendor's scopes");
        Self {
            lakesail: lakesail::App { latchkey: latchkey(&NO_CACHE) },
            chaser: chaser::App { latchkey: latchkey(&NO_CACHE), scopes },
            exact: latchkey(&NO_CACHE),
            elsewhere: latchkey(&cache),
            model: Model {
                now: 0,
                limit,
                max_lifetime,
                accounts: vec![
                    account(sample::ACCOUNT, sample::ORGANIZATION),
                    account(sample::OTHER_ACCOUNT, sample::OTHER_ORGANIZATION),
                ],
                keys: vec![
                    sample_key(SampleKey::FullAccess, 0),
                    sample_key(SampleKey::Other, 1),
                    sample_key(SampleKey::Minter, 0),
                    sample_key(SampleKey::Reader, 0),
                ],
            },
            table,
            clock,
            requests: 0,
        }
    }

    pub(crate) async fn take(&mut self, step: &Step) {
        match step {
            Step::Advance { millis } => {
                self.model.now += millis;
                self.clock.store(self.model.now, Ordering::Relaxed);
            }
            Step::CreateAccount { dialect, caller } => self.create_account(*dialect, *caller).await,
            Step::Mint { dialect, caller, account, days, scopes, repeat } => {
                let lifetime = days.map(|days| days * DAY);
                self.mint(*dialect, *caller, *account, lifetime, *scopes, *repeat).await;
            }
            Step::Rotate { caller, key, days, at_once } => {
                self.rotate(*caller, *key, *days, *at_once).await;
            }
            Step::Update { caller, key, name, scopes } => {
                self.update(*caller, *key, name.clone(), *scopes).await;
            }
            Step::Revoke { dialect, caller, key } => self.revoke(*dialect, *caller, *key).await,
            Step::Disable { caller, account, disabled } => {
                self.disable(*caller, *account, *disabled).await;
            }
            Step::Delete { dialect, caller, account } => {
                self.delete(*dialect, *caller, *account).await;
            }
        }
    }

    async fn create_account(&mut self, dialect: Dialect, caller: Caller) {
        let caller = self.caller(caller, 0);
        let organization = self.model.accounts[caller.account].organization;
        let (path, body, created) = match dialect {
            Dialect::LakeSail => (
                "/api/org/v1/service-accounts".to_owned(),
                json!({ "username": "drawn", "description": "" }),
                201,
            ),
            Dialect::Chaser => (
                "/v1/accounts/current/service-accounts".to_owned(),
                json!({ "name": "drawn" }),
                200,
            ),
        };
        let expected = match () {
            () if !self.model.is_valid(&caller) => 401,
            () if !caller.scopes.is_empty() => 403,
            () => created,
        };
        let answer = self.ask(dialect, &caller, "POST", &path, &body).await;
        assert_eq!(answer.status, expected, "{}", answer.text);
        if expected == created {
            self.model.accounts.push(account(answer.id(), organization));
        }
    }

    async fn mint(
        &mut self,
        dialect: Dialect,
        caller: Caller,
        account: Index,
        lifetime: Option<Millis>,
        scopes: u8,
        repeat: bool,
    ) {
        let account = account.index(self.model.accounts.len());
        let caller = self.caller(caller, account);
        let id = self.model.accounts[account].id.clone();
        let (body, scopes, lifetime, created) = match dialect {
            Dialect::LakeSail => {
                let expiry = lifetime.map(|lifetime| timestamp(self.model.now + lifetime));
                let body = expiry.map_or(json!({}), |expiry| json!({ "expiresAt": expiry }));
                (body, caller.scopes.clone(), lifetime, 201)
            }
            Dialect::Chaser => {
                let scopes = drawn(scopes);
                (json!({ "name": "drawn", "scopes": scopes }), scopes, None, 200)
            }
        };
        let expected = self.model.mint(&caller, account, &scopes, lifetime, created);
        let path = keys_path(dialect, &id);
        let headers = self.idempotency();
        let answer = self.send(dialect, &caller, "POST", &path, &body, Some(&headers)).await;
        assert_eq!(answer.status, expected, "{}", answer.text);
        if expected == created {
            self.model.keys.push(Key {
                token: answer.string("/key").to_owned(),
                id: answer.string("/id").to_owned(),
                account,
                name: (dialect == Dialect::Chaser).then(|| "drawn".to_owned()),
                scopes,
                created_at: self.model.now,
                expires_at: self.model.expiry(&caller, lifetime),
                revoked: false,
                rotated: false,
                successor: false,
                last_valid: None,
                ended: false,
            });
        }
        if repeat && expected == created {
            let again = self.send(dialect, &caller, "POST", &path, &body, Some(&headers)).await;
            assert_eq!((again.status, &again.text), (answer.status, &answer.text));
        }
    }

    async fn rotate(&mut self, caller: Caller, key: Index, days: i64, at_once: bool) {
        let Some(at) = self.target(key) else { return };
        let key = self.model.keys[at].clone();
        let caller = self.caller(caller, key.account);
        let grace = days * DAY;
        let expected = self.model.rotate(&caller, &key, grace);
        let path = format!("{}/rotate", self.key_path(Dialect::Chaser, &key));
        let body = json!({ "grace_days": days });
        let answer = if at_once {
            let ask = || self.ask(Dialect::Chaser, &caller, "POST", &path, &body);
            let (first, second) = tokio::join!(ask(), ask());
            let (winner, loser) =
                if first.status == 200 { (first, second) } else { (second, first) };
            // One of two concurrent rotations wins; by then, the old key is rotated or the caller has
            // ended.
            assert_ne!(loser.status, 200, "two rotations of one key: {}", loser.text);
            assert!(matches!(loser.status, 401 | 403 | 404 | 409), "{}", loser.text);
            winner
        } else {
            self.ask(Dialect::Chaser, &caller, "POST", &path, &body).await
        };
        assert_eq!(answer.status, expected, "{}", answer.text);
        if expected != 200 {
            return;
        }
        let (old_end, new_end) = self.model.rotated(&caller, &key, grace);
        let new = Key {
            token: answer.string("/key").to_owned(),
            id: answer.string("/id").to_owned(),
            created_at: self.model.now,
            expires_at: new_end,
            last_valid: None,
            successor: true,
            ..key.clone()
        };
        assert_eq!(answer.body["name"], json!(new.name));
        assert_eq!(strings(&answer.body["scopes"]), new.scopes);
        assert!(old_end <= key.expires_at.or(old_end), "a rotation extended a life");
        let old = &mut self.model.keys[at];
        old.expires_at = old_end;
        old.rotated = true;
        self.model.keys.push(new);
    }

    async fn update(
        &mut self,
        caller: Caller,
        key: Index,
        name: Option<Option<String>>,
        scopes: Option<u8>,
    ) {
        let Some(at) = self.target(key) else { return };
        let key = self.model.keys[at].clone();
        let caller = self.caller(caller, key.account);
        let scopes = scopes.map(drawn);
        let mut body = json!({});
        if let Some(name) = &name {
            body["name"] = json!(name);
        }
        if let Some(scopes) = &scopes {
            body["scopes"] = json!(scopes);
        }
        let mut expected = self.model.update(&caller, &key, scopes.as_ref());
        if expected == 409 && body == json!({}) {
            // An empty update changes nothing, so it succeeds for an ended key too.
            expected = 200;
        }
        let path = self.key_path(Dialect::Chaser, &key);
        let answer = self.ask(Dialect::Chaser, &caller, "PATCH", &path, &body).await;
        assert_eq!(answer.status, expected, "{}", answer.text);
        if expected == 200 {
            let key = &mut self.model.keys[at];
            key.name = name.unwrap_or_else(|| key.name.clone());
            key.scopes = scopes.unwrap_or_else(|| key.scopes.clone());
        }
    }

    async fn revoke(&mut self, dialect: Dialect, caller: Caller, key: Index) {
        let Some(at) = self.target(key) else { return };
        let key = self.model.keys[at].clone();
        let caller = self.caller(caller, key.account);
        let again = if dialect == Dialect::LakeSail { 404 } else { 204 };
        let expected = self.model.revoke(&caller, &key, again);
        let path = self.key_path(dialect, &key);
        let answer = self.ask(dialect, &caller, "DELETE", &path, &Value::Null).await;
        assert_eq!(answer.status, expected, "{}", answer.text);
        if expected == 204 {
            self.model.keys[at].revoked = true;
            // The function that revoked a key rejects it at once.
            let me = self.identify(dialect, &key.token).await;
            assert_eq!(me.status, 401, "{}", me.text);
        }
    }

    async fn disable(&mut self, caller: Caller, account: Index, disabled: bool) {
        let account = account.index(self.model.accounts.len());
        let caller = self.caller(caller, account);
        let expected = self.model.change(&caller, account, disabled, 200);
        let path =
            format!("/v1/accounts/current/service-accounts/{}", self.model.accounts[account].id);
        let body = json!({ "disabled": disabled });
        let answer = self.ask(Dialect::Chaser, &caller, "PATCH", &path, &body).await;
        assert_eq!(answer.status, expected, "{}", answer.text);
        if expected == 200 {
            assert_eq!(answer.body["service_account"]["disabled"], disabled);
            self.model.accounts[account].disabled = disabled;
        }
    }

    async fn delete(&mut self, dialect: Dialect, caller: Caller, account: Index) {
        let account = account.index(self.model.accounts.len());
        let caller = self.caller(caller, account);
        let expected = self.model.change(&caller, account, true, 204);
        let id = &self.model.accounts[account].id;
        let path = match dialect {
            Dialect::LakeSail => format!("/api/org/v1/service-accounts/{id}"),
            Dialect::Chaser => format!("/v1/accounts/current/service-accounts/{id}"),
        };
        let answer = self.ask(dialect, &caller, "DELETE", &path, &Value::Null).await;
        assert_eq!(answer.status, expected, "{}", answer.text);
        if expected == 204 {
            self.model.accounts[account].deleted = true;
        }
    }

    fn caller(&self, caller: Caller, account: usize) -> Key {
        let organization = self.model.accounts[account].organization;
        let key = match caller {
            Caller::First if organization == sample::ORGANIZATION => &self.model.keys[0],
            Caller::First => &self.model.keys[1],
            Caller::Any(index) => index.get(&self.model.keys),
        };
        key.clone()
    }

    /// A key to change; never the first of an organization, because then little else could happen.
    fn target(&self, key: Index) -> Option<usize> {
        Some(key.index(self.model.keys.len())).filter(|at| *at >= 2)
    }

    fn key_path(&self, dialect: Dialect, key: &Key) -> String {
        format!("{}/{}", keys_path(dialect, &self.model.accounts[key.account].id), key.id)
    }

    fn idempotency(&mut self) -> String {
        self.requests += 1;
        format!("request-{}", self.requests)
    }

    async fn identify(&self, dialect: Dialect, token: &str) -> Answer {
        let path = match dialect {
            Dialect::LakeSail => "/api/org/v1/me",
            Dialect::Chaser => "/v1/accounts/current",
        };
        self.request(dialect, token, "GET", path, &Value::Null, None).await
    }

    pub(crate) async fn ask(
        &self,
        dialect: Dialect,
        caller: &Key,
        method: &str,
        path: &str,
        body: &Value,
    ) -> Answer {
        self.send(dialect, caller, method, path, body, None).await
    }

    async fn send(
        &self,
        dialect: Dialect,
        caller: &Key,
        method: &str,
        path: &str,
        body: &Value,
        retry: Option<&str>,
    ) -> Answer {
        self.request(dialect, &caller.token, method, path, body, retry).await
    }

    async fn request(
        &self,
        dialect: Dialect,
        token: &str,
        method: &str,
        path: &str,
        body: &Value,
        retry: Option<&str>,
    ) -> Answer {
        let mut request = json!({
            "version": "2.0", "rawPath": path,
            "headers": { "authorization": format!("Bearer {token}") },
            "requestContext": { "http": { "method": method } },
        });
        if !body.is_null() {
            request["body"] = body.to_string().into();
        }
        if let Some(retry) = retry {
            request["headers"]["idempotency-key"] = retry.into();
        }
        let request = event::parse(request);
        let response = match dialect {
            Dialect::LakeSail => lakesail::handle(&self.lakesail, request).await,
            Dialect::Chaser => chaser::handle(&self.chaser, request).await,
        };
        Answer::from(response)
    }
}

fn account(id: &str, organization: &'static str) -> Account {
    Account { id: id.to_owned(), organization, disabled: false, deleted: false }
}

fn sample_key(key: SampleKey, account: usize) -> Key {
    let (key, token) = key.mint();
    Key {
        token: token.expose().to_owned(),
        id: key.id.to_string(),
        account,
        name: key.spec.name.map(|name| name.to_string()),
        scopes: key.spec.scopes.as_slice().iter().map(ToString::to_string).collect(),
        created_at: key.created_at.as_millis() - sample::now().as_millis(),
        expires_at: key.spec.expires_at.map(|end| end.as_millis() - sample::now().as_millis()),
        revoked: false,
        rotated: false,
        successor: false,
        last_valid: None,
        ended: false,
    }
}

pub(crate) fn keys_path(dialect: Dialect, account: &str) -> String {
    match dialect {
        Dialect::LakeSail => format!("/api/org/v1/service-accounts/{account}/keys"),
        Dialect::Chaser => format!("/v1/accounts/current/service-accounts/{account}/keys"),
    }
}

pub(crate) fn timestamp(millis: Millis) -> Timestamp {
    Timestamp::from_millis(sample::now().as_millis() + millis).expect("in range")
}

fn drawn(bits: u8) -> BTreeSet<String> {
    let chosen = SCOPES.iter().enumerate().filter(|(bit, _)| bits & (1 << bit) != 0);
    chosen.map(|(_, scope)| (*scope).to_owned()).collect()
}

pub(crate) fn strings(list: &Value) -> BTreeSet<String> {
    let list = list.as_array().expect("a list").iter();
    list.map(|text| text.as_str().expect("a text").to_owned()).collect()
}
