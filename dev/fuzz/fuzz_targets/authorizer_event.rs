//! An event of an authorizer, as it is or made of a message: a verdict or a failed invocation, and an allow
//! only for a live key of a service account.

#![no_main]

use authorizer::{App, Event, Settings, handle};
use latchkey::store::environment::Environment;
use latchkey_fuzz::message::Message;
use latchkey_fuzz::sample::SampleKey;
use latchkey_fuzz::service::{block_on, latchkey, live_tokens};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

const ROUTES: &str = "GET /orders/{id} keys.read; ANY /admin keys.write; $default keys.read; \
    $connect keys.read; $appsync keys.read";

const ARN: &str = "arn:aws:execute-api:us-east-1:123456789012:abc123/prod/GET/orders/1";

struct Functions {
    open: App,
    routed: App,
    live: Vec<String>,
    reader: String,
}

thread_local! {
    static FUNCTIONS: Functions = Functions {
        open: app(""),
        routed: app(ROUTES),
        live: live_tokens().into_iter().filter(|token| *token != SampleKey::Root.token()).collect(),
        reader: SampleKey::Reader.token(),
    };
}

fn app(routes: &'static str) -> App {
    let environment = Environment::new(|variable| {
        (variable == "LATCHKEY_ROUTE_SCOPES").then(|| routes.to_owned())
    });
    let settings = Settings::from_environment(&environment).expect("settings");
    App { latchkey: latchkey(), settings }
}

impl Functions {
    /// The verdicts of both deployments on an event; `None` is a failed invocation.
    fn verdicts(&self, event: &Value) -> [Option<bool>; 2] {
        let [open, routed] = [&self.open, &self.routed].map(|app| verdict(app, event));
        assert!(routed != Some(true) || open == Some(true), "routes let in: {event}");
        if open == Some(true) {
            let text = event.to_string();
            let token = self.live.iter().find(|live| text.contains(live.as_str()));
            assert!(token.is_some(), "let in without a key: {event}");
        }
        [open, routed]
    }
}

fn verdict(app: &App, event: &Value) -> Option<bool> {
    let event: Event = serde_json::from_value(event.clone()).expect("an event");
    let response = block_on(handle(app, event)).ok()?;
    let response = serde_json::to_value(&response).expect("JSON");
    let effect = response.pointer("/policyDocument/Statement/0/Effect").and_then(Value::as_str);
    match (response.get("isAuthorized"), effect) {
        (Some(Value::Bool(allowed)), None) => Some(*allowed),
        (None, Some("Allow")) => Some(true),
        (None, Some("Deny")) => Some(false),
        _ => panic!("no verdict: {response}"),
    }
}

/// The same request as each kind of API sends it.
fn events(message: &Message) -> [Value; 4] {
    let (method, path) = (message.method, message.path);
    let rest = message.rest_api();
    let value = message.values("authorization").last();
    [
        json!({
            "version": "2.0", "type": "REQUEST", "routeArn": ARN, "routeKey": format!("{method} {path}"),
            "headers": rest["headers"], "requestContext": { "http": { "method": method } },
        }),
        json!({
            "type": "REQUEST", "methodArn": ARN, "resource": path, "httpMethod": method,
            "headers": rest["headers"], "multiValueHeaders": rest["multiValueHeaders"],
        }),
        json!({ "type": "TOKEN", "methodArn": ARN, "authorizationToken": value }),
        json!({ "authorizationToken": value, "requestContext": { "apiId": "abc123" } }),
    ]
}

fuzz_target!(|input: &[u8]| {
    FUNCTIONS.with(|functions| {
        if input.first() == Some(&b'{') {
            let Ok(event) = serde_json::from_slice::<Value>(input) else { return };
            if serde_json::from_value::<Event>(event.clone()).is_ok() {
                functions.verdicts(&event);
            }
            return;
        }
        let text = String::from_utf8_lossy(input);
        let message = Message::read(&text);
        let verdicts = events(&message).map(|event| functions.verdicts(&event));
        let [[http, http_routed], [rest, rest_routed], [token, token_routed], _] = verdicts;
        assert_eq!(token_routed, None, "a TOKEN event names no route");
        let repeated = message.values("authorization").nth(1).is_some();
        assert!(!repeated || rest == Some(false), "let in by one of several keys: {message:?}");
        if message.repeats_a_header() {
            return;
        }
        assert!(http == rest && rest == token, "the kinds differ: {verdicts:?}");
        assert_eq!(http_routed, rest_routed);
        let reader =
            message.values("authorization").any(|value| value.ends_with(&functions.reader));
        assert!(!(reader && message.path == "/admin" && http_routed == Some(true)));
    });
});
