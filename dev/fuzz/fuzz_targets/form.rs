//! A form body: read as the URL standard says, and introspected.

#![no_main]

use latchkey_fuzz::promise::{Dialect, check};
use latchkey_fuzz::sample::SampleKey;
use latchkey_fuzz::service::{block_on, latchkey, live_tokens};
use latchkey_http::Request;
use latchkey_http::form::form_parameter;
use latchkey_http::http::{HeaderMap, HeaderValue, Method};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

thread_local! {
    static OAUTH: (oauth::App, Vec<String>, HeaderValue) = (
        oauth::App::new(latchkey(), oauth::Settings::default()),
        live_tokens(),
        HeaderValue::try_from(format!("Bearer {}", SampleKey::FullAccess.token())).expect("a header"),
    );
}

/// The values of `token` (<https://url.spec.whatwg.org/#urlencoded-parsing>).
fn tokens(body: &[u8]) -> Vec<String> {
    let pairs = body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| {
        let mut parts = pair.splitn(2, |byte| *byte == b'=');
        (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
    });
    pairs.filter(|(name, _)| decoded(name) == "token").map(|(_, value)| decoded(value)).collect()
}

fn decoded(text: &[u8]) -> String {
    let digit = |at: usize| {
        let digit = char::from(*text.get(at)?).to_digit(16)?;
        u8::try_from(digit).ok()
    };
    let (mut bytes, mut at) = (Vec::new(), 0);
    while let Some(byte) = text.get(at) {
        let escaped = (*byte == b'%').then(|| Some(digit(at + 1)? * 16 + digit(at + 2)?)).flatten();
        bytes.push(escaped.unwrap_or(if *byte == b'+' { b' ' } else { *byte }));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fuzz_target!(|body: &[u8]| {
    OAUTH.with(|(oauth, live, authorization)| {
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        let headers = HeaderMap::from_iter([
            ("content-type".parse().expect("a name"), form),
            ("authorization".parse().expect("a name"), authorization.clone()),
        ]);
        let request = Request {
            method: Method::POST,
            path: "/oauth/introspect".to_owned(),
            headers,
            body: Some(body.to_vec()),
            ..Request::default()
        };
        let given = tokens(body);
        let read = form_parameter(&request, "token");
        match given.as_slice() {
            [token] if !token.is_empty() => assert_eq!(read.as_ref().ok(), Some(token)),
            _ => assert!(read.is_err(), "read {read:?} from {given:?}"),
        }
        let response = block_on(oauth::handle(oauth, request));
        check(Dialect::Oauth, &response);
        let body: Value = serde_json::from_str(&response.body).expect("JSON");
        assert_eq!(response.status.is_success(), read.is_ok());
        if body["active"] == true {
            assert!(live.contains(&given[0]), "active: {given:?}");
        }
    });
});
