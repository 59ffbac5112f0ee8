//! What the tests share: a function to send events to, and what holds for each of its answers.

use std::time::Duration;

use chaser::{AllowedScopes, App, Operation, ROUTES, handle};
use lambda_http::{Request, RequestExt};
use latchkey::config::{CachePolicy, KeyPolicy};
use latchkey::route::{self, Route};
use latchkey::time::{Clock, Timestamp};
use latchkey::{Latchkey, gateway};
use latchkey_local::contract::Contract;
use latchkey_local::sample::{self, SampleKey};
use latchkey_local::{Answer, TestTable, event};
use serde_json::{Value, json};

/// Every field that this dialect has in an answer, all of them in snake case.
const FIELDS: &[&str] = &[
    "code",
    "created_at",
    "created_by_user_id",
    "disabled",
    "error",
    "expires_at",
    "full_access",
    "id",
    "key",
    "key_prefix",
    "keys",
    "last_used_at",
    "message",
    "name",
    "next_cursor",
    "revoked_at",
    "scopes",
    "service_account",
    "service_accounts",
    "updated_at",
];

/// An event that succeeds: its status, and its body, in which `*` stands for what is new each time.
pub(crate) type Success = (&'static str, u16, String);

/// An event that is refused: its status, and the message that the client reads. The status decides the
/// code.
pub(crate) type Refusal = (&'static str, u16, &'static str);

/// The function over a table.
pub(crate) struct Function {
    app: App,
    contract: Contract,
}

impl Function {
    /// At the time of the samples, by the default policy.
    pub(crate) fn over(table: &TestTable) -> Self {
        Self::with(table, KeyPolicy::default())
    }

    /// At the time of the samples, by `policy`.
    pub(crate) fn with(table: &TestTable, policy: KeyPolicy) -> Self {
        Self::new(table.latchkey(policy))
    }

    /// At `now`, by the default policy.
    pub(crate) fn at(table: &TestTable, now: Timestamp) -> Self {
        Self::new(table.latchkey_at(KeyPolicy::default(), now))
    }

    /// With a cache of verdicts, as the function is deployed.
    pub(crate) fn caching(table: &TestTable) -> Self {
        let cache = CachePolicy { ttl: Duration::from_secs(10), entries: 100 };
        let clock = Clock::new(sample::now);
        Self::new(Latchkey::new(table.store(), KeyPolicy::default(), &cache, clock))
    }

    fn new(latchkey: Latchkey) -> Self {
        let scopes = AllowedScopes::parse("").expect("the default");
        Self { app: App { latchkey, scopes }, contract: Contract::load("chaser") }
    }

    /// The service behind the function.
    pub(crate) fn latchkey(&self) -> &Latchkey {
        &self.app.latchkey
    }

    /// Answers an event. Whatever the answer, it is one that the contract promises for the operation,
    /// and holds no field that this dialect does not have.
    pub(crate) async fn answer(&self, event: Value) -> Answer {
        let request = event::parse(event);
        let route = route_of(&request);
        let answer = Answer::from(handle(&self.app, request).await);
        self.contract.check((route.method, route.path), &answer);
        check_fields(&answer.body);
        let mints = matches!(route.operation, Operation::CreateKey | Operation::RotateKey);
        let tells = answer.text.contains("\"key\":");
        assert_eq!(tells, mints && answer.status == 200, "only a new key is told");
        answer
    }

    /// Answers the event in `events/chaser/<case>.json`.
    pub(crate) async fn answer_to(&self, case: &str) -> Answer {
        self.answer(event::json("chaser", case)).await
    }

    pub(crate) async fn get(&self, token: &str, path: &str) -> Answer {
        self.answer(event::call("GET", path, token)).await
    }

    pub(crate) async fn delete(&self, token: &str, path: &str) -> Answer {
        self.answer(event::call("DELETE", path, token)).await
    }

    pub(crate) async fn post(&self, token: &str, path: &str, body: &str) -> Answer {
        self.answer(event::call_with("POST", path, token, body)).await
    }

    pub(crate) async fn patch(&self, token: &str, path: &str, body: &str) -> Answer {
        self.answer(event::call_with("PATCH", path, token, body)).await
    }

    /// What `GET /v1/accounts/current` answers: 200 if the key authenticates.
    pub(crate) async fn current(&self, token: &str) -> u16 {
        self.get(token, "/v1/accounts/current").await.status
    }

    /// Checks that each event succeeds as expected; in this order, each finds what those before it left.
    pub(crate) async fn check_successes(&self, successes: &[Success]) {
        for (case, status, body) in successes {
            let answer = self.answer_to(case).await;
            assert_eq!(answer.status, *status, "{case}: {}", answer.text);
            assert!(matches(body, &answer.text), "{case}: {} is not {body}", answer.text);
        }
    }

    /// Checks that each event is refused as expected, and changes nothing.
    pub(crate) async fn check_refusals(&self, table: &TestTable, refusals: &[Refusal]) {
        let before = table.items().await;
        for (case, status, message) in refusals {
            let answer = self.answer_to(case).await;
            let error = json!({ "code": code(*status), "message": message });
            assert_eq!(answer.body, json!({ "error": error }), "{case}");
            assert_eq!(answer.status, *status, "{case}");
            assert!(table.items().await == before, "{case} wrote something");
        }
    }
}

/// The token of the sample key with full access.
pub(crate) fn full_access() -> String {
    SampleKey::FullAccess.token()
}

/// The path of an account.
pub(crate) fn account_path(account: &str) -> String {
    format!("/v1/accounts/current/service-accounts/{account}")
}

/// The path of an account's keys.
pub(crate) fn keys_path(account: &str) -> String {
    format!("{}/keys", account_path(account))
}

/// The path of a key.
pub(crate) fn key_path(account: &str, key: &str) -> String {
    format!("{}/{key}", keys_path(account))
}

/// The time `hours` after that of the samples.
pub(crate) fn after_hours(hours: u64) -> Timestamp {
    sample::now().saturating_add(Duration::from_secs(hours * 3600))
}

/// The ids of a list's entries.
pub(crate) fn ids(list: &Answer) -> Vec<String> {
    let entries = list.body.get("keys").or_else(|| list.body.get("service_accounts"));
    let entries = entries.and_then(Value::as_array).expect("a list");
    entries.iter().map(|entry| entry["id"].as_str().expect("an id").to_owned()).collect()
}

/// The route that a request is for. One that is for none is refused as every operation refuses it.
fn route_of(request: &Request) -> &'static Route<Operation> {
    let (path, stage) = (request.raw_http_path(), gateway::stage(request));
    let found = route::find(ROUTES, request.method(), path, stage);
    let operation = found.map_or(Operation::CreateKey, |found| found.operation);
    ROUTES.iter().find(|route| route.operation == operation).expect("a route of the operation")
}

fn code(status: u16) -> &'static str {
    match status {
        400 => "invalid_request",
        401 => "unauthorized",
        403 => "forbidden",
        404 => "not_found",
        405 => "method_not_allowed",
        409 => "conflict",
        415 => "unsupported_media_type",
        _ => panic!("no event is refused with {status}"),
    }
}

fn check_fields(value: &Value) {
    match value {
        Value::Object(fields) => {
            for (field, value) in fields {
                assert!(FIELDS.contains(&field.as_str()), "this dialect has no `{field}`");
                check_fields(value);
            }
        }
        Value::Array(values) => values.iter().for_each(check_fields),
        _ => {}
    }
}

/// Whether `text` is `pattern`, with a string's content for each `*`.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(text) = text.strip_prefix(start) else { return false };
    matches(rest, &text[text.find('"').unwrap_or(text.len())..])
}
