//! A JSON body, as each operation that takes one reads it. The first letter chooses operation and caller.

#![no_main]

use latchkey_fuzz::promise::{Dialect, check};
use latchkey_fuzz::sample::{ACCOUNT, SampleKey};
use latchkey_fuzz::service::{block_on, latchkey};
use latchkey_http::http::{HeaderMap, HeaderValue, Method};
use latchkey_http::{Request, Response};
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};

/// Each operation with a body; `{key}` is a live key of `{sa}`.
const OPERATIONS: [(Dialect, Method, &str); 11] = [
    (Dialect::Chaser, Method::POST, "/v1/accounts/current/service-accounts/{sa}/keys"),
    (Dialect::Chaser, Method::PATCH, "/v1/accounts/current/service-accounts/{sa}/keys/{key}"),
    (Dialect::Chaser, Method::POST, "/v1/accounts/current/service-accounts/{sa}/keys/{key}/rotate"),
    (Dialect::Chaser, Method::POST, "/v1/accounts/current/service-accounts"),
    (Dialect::Chaser, Method::PATCH, "/v1/accounts/current/service-accounts/{sa}"),
    (Dialect::Chaser, Method::POST, "/v1/keys"),
    (Dialect::Chaser, Method::POST, "/v1/keys/{key}/rotate"),
    (Dialect::Lakesail, Method::POST, "/api/org/v1/service-accounts/{sa}/keys"),
    (Dialect::Lakesail, Method::POST, "/api/org/v1/service-accounts"),
    (Dialect::Lakesail, Method::PATCH, "/api/org/v1/service-accounts/{sa}"),
    (Dialect::Lakesail, Method::POST, "/api/admin/v1/keys"),
];

/// The scopes of [`SampleKey::Minter`].
const HELD: [&str; 2] = ["keys.write", "sessions.read"];

struct Functions {
    lakesail: lakesail::App,
    chaser: chaser::App,
    authorization: [HeaderValue; 3],
    key: String,
}

thread_local! {
    static FUNCTIONS: Functions = Functions {
        lakesail: lakesail::App { latchkey: latchkey() },
        chaser: chaser::App::new(
            latchkey(),
            chaser::AllowedScopes::parse("keys.read keys.write sessions.read").expect("scopes"),
        )
        .with_webhooks(latchkey_http::webhook_secret::WebhookSecret::known(
            "0123456789abcdefghijABCDEFGHIJ0123456789".parse().expect("a secret"),
        )),
        authorization: [SampleKey::FullAccess, SampleKey::Minter, SampleKey::Root].map(|key| {
            HeaderValue::try_from(format!("Bearer {}", key.token())).expect("a header")
        }),
        key: SampleKey::Reader.mint().0.id.to_string(),
    };
}

impl Functions {
    fn answer(&self, choice: usize, body: &[u8]) -> Response {
        let (dialect, method, path) = &OPERATIONS[choice % OPERATIONS.len()];
        let minter = choice / OPERATIONS.len() % 2 == 1;
        let authorization = if path.contains("admin") { 2 } else { usize::from(minter) };
        let headers = HeaderMap::from_iter([
            ("content-type".parse().expect("a name"), HeaderValue::from_static("application/json")),
            ("authorization".parse().expect("a name"), self.authorization[authorization].clone()),
        ]);
        let request = Request {
            method: method.clone(),
            path: path.replace("{sa}", ACCOUNT).replace("{key}", &self.key),
            headers,
            body: Some(body.to_vec()),
            ..Request::default()
        };
        let response = block_on(async {
            match dialect {
                Dialect::Chaser => chaser::handle(&self.chaser, request).await,
                _ => lakesail::handle(&self.lakesail, request).await,
            }
        });
        check(*dialect, &response);
        if minter && response.status.is_success() && *method == Method::POST {
            check_held(*dialect, &response);
        }
        response
    }
}

/// A key never gets a scope that its minter lacks.
fn check_held(dialect: Dialect, response: &Response) {
    // LakeSail's keys have the scopes of their minter, and do not say so.
    if !matches!(dialect, Dialect::Chaser) {
        return;
    }
    let key: Value = serde_json::from_str(&response.body).expect("JSON");
    let scopes = key["scopes"].as_array().expect("scopes");
    let held = |scope: &Value| scope.as_str().is_some_and(|scope| HELD.contains(&scope));
    assert!(key["full_access"] == false && scopes.iter().all(held), "{key}");
}

fuzz_target!(|input: &[u8]| {
    let Some((choice, body)) = input.split_first() else { return };
    let response =
        FUNCTIONS.with(|functions| functions.answer(choice.wrapping_sub(b'A').into(), body));
    if response.status.is_success() && !body.trim_ascii().is_empty() {
        let object = serde_json::from_slice::<Map<String, Value>>(body);
        assert!(object.is_ok(), "accepted, but not an object: {object:?}");
    }
});
