//! The `Idempotency-Key` header (draft-ietf-httpapi-idempotency-key-header).

use http::HeaderMap;
use latchkey::idempotency::{IdempotencyKey, InvalidIdempotencyKey};

const HEADER: &str = "idempotency-key";

/// Returns the idempotency key of a request, if it has one.
///
/// The draft specifies a quoted string, but most clients send it without quotes. Both forms mean the same
/// key.
///
/// # Errors
///
/// [`InvalidIdempotencyKey`], also if the header is sent more than once.
pub fn idempotency_key(
    headers: &HeaderMap,
) -> Result<Option<IdempotencyKey>, InvalidIdempotencyKey> {
    let mut values = headers.get_all(HEADER).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(InvalidIdempotencyKey);
    }
    let value = value.to_str().map_err(|_| InvalidIdempotencyKey)?.trim();
    let quoted = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    quoted.unwrap_or(value).parse().map(Some)
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    #[test]
    fn a_key_is_visible_ascii_quoted_or_bare() {
        let read = |values: &[&str]| {
            let values = values.iter().map(|value| value.parse().expect("a value"));
            let name = HeaderName::from_static(HEADER);
            let headers: HeaderMap = values.map(|value| (name.clone(), value)).collect();
            idempotency_key(&headers).map(|key| key.map(|key| key.as_ref().to_owned()))
        };
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&["abc-1"]), Ok(Some("abc-1".to_owned())));
        assert_eq!(read(&["\"abc-1\""]), Ok(Some("abc-1".to_owned())));
        let long = "k".repeat(256);
        for values in [&[""][..], &["\"\""], &["a b"], &["a\"b"], &["a", "b"], &[long.as_str()]] {
            assert_eq!(read(values), Err(InvalidIdempotencyKey), "{values:?}");
        }
    }
}
