//! The `Authorization` header, with each line of the input as a value of it.

#![no_main]

use latchkey::error::Refusal;
use latchkey_http::bearer::bearer;
use latchkey_http::http::header::AUTHORIZATION;
use latchkey_http::http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let lines = input.split(|byte| *byte == b'\n');
    let values: Vec<HeaderValue> =
        lines.filter_map(|line| HeaderValue::from_bytes(line).ok()).collect();
    let headers: HeaderMap = values.iter().map(|value| (AUTHORIZATION, value.clone())).collect();
    let read = bearer(&headers);
    let [value] = values.as_slice() else {
        let refusal = if values.is_empty() { Refusal::Missing } else { Refusal::Scheme };
        assert_eq!(read, Err(refusal));
        return;
    };
    let value = value.as_bytes().trim_ascii();
    let credentials = value.split_at_checked("bearer ".len());
    let token = credentials
        .filter(|(scheme, token)| scheme.eq_ignore_ascii_case(b"bearer ") && !token.is_empty())
        .map(|(_, token)| token.trim_ascii_start())
        .filter(|_| value.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~')));
    assert_eq!(read.ok().map(str::as_bytes), token);
});
