//! The text of a token, compared with its published form. After a `+`, the right checksum is added.

#![no_main]

use latchkey::service::Freshness;
use latchkey::token::Token;
use latchkey_fuzz::service::{block_on, latchkey, live_tokens};
use libfuzzer_sys::fuzz_target;

thread_local! {
    static SERVICE: (latchkey::Latchkey, Vec<String>) = (latchkey(), live_tokens());
}

/// The CRC-32 of `body` in six base62 digits.
fn checksum(body: &str) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let sum = crc32fast::hash(body.as_bytes());
    let digit =
        |place: u32| DIGITS[usize::try_from(sum / 62_u32.pow(place) % 62).expect("a digit")];
    (0..6).rev().map(|place| char::from(digit(place))).collect()
}

/// Whether `text` is a token, by `Token::PATTERN` and its checksum.
fn is_token(text: &str) -> bool {
    let id = |text: &str| {
        text.len() == 16 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'A'..=b'Z'))
    };
    if !text.is_ascii() || text.len() < 49 {
        return false;
    }
    let (head, secret) = text.split_at(text.len() - 49);
    let Some(head) = head.strip_suffix('_') else { return false };
    let Some((head, key)) = head.len().checked_sub(16).map(|at| head.split_at(at)) else {
        return false;
    };
    let Some(head) = head.strip_suffix('_') else { return false };
    let prefix = head.strip_suffix("_ROOT").or_else(|| {
        let (prefix, account) = head.split_at(head.len().checked_sub(16)?);
        prefix.strip_suffix('_').filter(|_| id(account))
    });
    let (body, sum) = text.split_at(text.len() - 6);
    id(key)
        && secret.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && prefix.is_some_and(|prefix| {
            let allowed = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_');
            (1..=16).contains(&prefix.len()) && prefix.bytes().all(allowed)
        })
        && sum == checksum(body)
}

fuzz_target!(|input: &str| {
    let added = input.strip_prefix('+').map(|body| format!("{body}{}", checksum(body)));
    let text = added.as_deref().unwrap_or(input);
    let read = text.parse::<Token>();
    assert_eq!(read.is_ok(), is_token(text), "{text:?}");
    SERVICE.with(|(service, live)| {
        let known = live.iter().any(|live| live == text);
        let freshness =
            if text.len().is_multiple_of(2) { Freshness::Now } else { Freshness::Cached };
        assert_eq!(block_on(service.verify(text, freshness)).is_ok(), known, "{text:?}");
    });
    let Ok(token) = read else { return };
    assert_eq!(token.expose(), text);
    let visible = format!("_{}_{}_", token.account(), token.key());
    assert!(token.key_prefix().ends_with(&visible) && text.starts_with(token.key_prefix()));
    assert_eq!(token.key_prefix().len() + 49, text.len());
    assert_eq!(format!("{token:?} {:?}", token.digest()), "Token(..) TokenDigest(..)");
});
