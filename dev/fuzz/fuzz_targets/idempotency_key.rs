//! The `Idempotency-Key` header, with each line of the input as a value of it.

#![no_main]

use latchkey_http::http::{HeaderMap, HeaderName, HeaderValue};
use latchkey_http::idempotency::idempotency_key;
use libfuzzer_sys::fuzz_target;

/// A key of 1 to 255 visible ASCII characters other than `"`, with or without quotes around it.
fn key(value: &[u8]) -> Option<&[u8]> {
    let key = match value.trim_ascii() {
        [b'"', key @ .., b'"'] => key,
        key => key,
    };
    let visible = key.iter().all(|byte| matches!(byte, b'!' | b'#'..=b'~'));
    (visible && !key.is_empty() && key.len() <= 255).then_some(key)
}

fuzz_target!(|input: &[u8]| {
    let name = HeaderName::from_static("idempotency-key");
    let lines = input.split(|byte| *byte == b'\n');
    let values: Vec<HeaderValue> =
        lines.filter_map(|line| HeaderValue::from_bytes(line).ok()).collect();
    let headers: HeaderMap = values.iter().map(|value| (name.clone(), value.clone())).collect();
    let read = idempotency_key(&headers);
    let read = read.as_ref().map(|key| key.as_ref().map(|key| key.as_ref().as_bytes())).ok();
    let expected = match values.as_slice() {
        [] => Some(None),
        [value] => key(value.as_bytes()).map(Some),
        _ => None,
    };
    assert_eq!(read, expected);
});
