//! An event of API Gateway or a function URL, through each dialect: as it is, or made of a message.

#![no_main]

use latchkey::leak::LeakAction;
use latchkey_fuzz::message::Message;
use latchkey_fuzz::promise::{Dialect, check};
use latchkey_fuzz::sample::SampleKey;
use latchkey_fuzz::service::{block_on, latchkey, live_tokens};
use latchkey_http::bearer::bearer;
use latchkey_http::event::{Event, EventResponse, Payload};
use latchkey_http::{Request, Response};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

struct Functions {
    lakesail: lakesail::App,
    chaser: chaser::App,
    oauth: oauth::App,
    live: Vec<String>,
    reader: String,
}

thread_local! {
    static FUNCTIONS: Functions = Functions {
        lakesail: lakesail::App { latchkey: latchkey() },
        chaser: chaser::App::new(
            latchkey(),
            chaser::AllowedScopes::parse("keys.read keys.write files.read").expect("scopes"),
        )
        .with_webhooks(latchkey_http::webhook_secret::WebhookSecret::known(
            "0123456789abcdefghijABCDEFGHIJ0123456789".parse().expect("a secret"),
        )),
        oauth: reporting(),
        live: live_tokens(),
        reader: SampleKey::Reader.token(),
    };
}

/// GitHub's document with the key that signed `events/oauth/report-leak.json`.
const GITHUB_KEYS: &str = r#"{"public_keys":[{
    "key_identifier": "e1362f62475f189a706150fbef601c2530f9c29a473aeaa4688665c16ca26eef",
    "key": "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEJGIKhQxPHscKORRjsCQ35nABCP3VvAGwcUhudzCnRzx/nYwMI3XgkMfr5JtTr/Nv0/+v2JDSdF26hJ52aE1awg==\n-----END PUBLIC KEY-----\n"
}]}"#;

/// The OAuth function of a deployment that accepts leak reports.
fn reporting() -> oauth::App {
    let settings =
        oauth::Settings { leak_action: Some(LeakAction::Revoke), ..oauth::Settings::default() };
    let keys = || -> oauth::Document { Box::pin(async { Ok(GITHUB_KEYS.as_bytes().to_vec()) }) };
    oauth::App::new(latchkey(), settings).with_github_keys(oauth::KeySource::new(keys))
}

impl Functions {
    /// Responds in each dialect, and returns the statuses.
    fn answer(&self, request: &Request, payload: Payload) -> [u16; 3] {
        let respond = |dialect| {
            let request = request.clone();
            block_on(async {
                match dialect {
                    Dialect::Lakesail => lakesail::handle(&self.lakesail, request).await,
                    Dialect::Chaser => chaser::handle(&self.chaser, request).await,
                    Dialect::Oauth => oauth::handle(&self.oauth, request).await,
                }
            })
        };
        [Dialect::Lakesail, Dialect::Chaser, Dialect::Oauth].map(|dialect| {
            let response = respond(dialect);
            check(dialect, &response);
            self.check_authority(dialect, request, &response);
            let status = response.status.as_u16();
            serde_json::to_string(&EventResponse::new(response, payload)).expect("JSON");
            status
        })
    }

    /// Only a live key gets anything, and a key that may only read changes nothing.
    fn check_authority(&self, dialect: Dialect, request: &Request, response: &Response) {
        let granted = match dialect {
            Dialect::Lakesail | Dialect::Chaser => response.status.is_success(),
            Dialect::Oauth => response.headers.contains_key("x-latchkey-key"),
        };
        if !granted {
            return;
        }
        let token = bearer(&request.headers).expect("a bearer");
        assert!(self.live.iter().any(|live| live == token), "let in without a key: {request:?}");
        let changes = !request.method.is_safe() && !matches!(dialect, Dialect::Oauth);
        assert!(!changes || token != self.reader, "changed by a reader: {request:?}");
    }
}

fn event(event: Value) -> Request {
    serde_json::from_value::<Event>(event).expect("an event").into()
}

fuzz_target!(|input: &[u8]| {
    FUNCTIONS.with(|functions| {
        if input.first() == Some(&b'{') {
            let Ok(event) = serde_json::from_slice::<Event>(input) else { return };
            let payload = event.payload();
            functions.answer(&event.into(), payload);
        } else {
            let text = String::from_utf8_lossy(input);
            let message = Message::read(&text);
            let statuses = functions.answer(&event(message.http_api()), Payload::V2);
            // Both payloads are the same request, except that payload 2.0 has one value for each header.
            if !message.repeats_a_header() {
                let others = functions.answer(&event(message.rest_api()), Payload::V1);
                assert_eq!(statuses, others, "the payloads differ");
            }
        }
    });
});
