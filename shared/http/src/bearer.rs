//! The bearer token of a request, which is read from `Authorization` only here.

use http::HeaderMap;
use http::header::AUTHORIZATION;
use latchkey::error::Refusal;

/// Returns the bearer token of a request (RFC 6750, section 2.1). The scheme is case-insensitive.
///
/// # Errors
///
/// [`Refusal::Missing`] if there is none; [`Refusal::Scheme`] for a different scheme or more than one value.
pub fn bearer(headers: &HeaderMap) -> Result<&str, Refusal> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().ok_or(Refusal::Missing)?;
    if values.next().is_some() {
        return Err(Refusal::Scheme);
    }
    let value = value.to_str().map_err(|_| Refusal::Scheme)?.trim();
    if value.is_empty() {
        return Err(Refusal::Missing);
    }
    token(value).ok_or(Refusal::Scheme)
}

/// Returns the token in a header value of the form `Bearer <token>`.
pub fn token(value: &str) -> Option<&str> {
    let (scheme, token) = value.trim().split_once(' ')?;
    let token = token.trim_start();
    (scheme.eq_ignore_ascii_case("Bearer") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (AUTHORIZATION, value.parse().expect("a value"))).collect()
    }

    #[test]
    fn a_bearer_is_read_whatever_the_case_of_its_scheme() {
        for value in ["Bearer abc", "bearer abc", "BEARER  abc", " Bearer abc "] {
            assert_eq!(bearer(&headers(&[value])), Ok("abc"), "{value}");
        }
    }

    #[test]
    fn anything_else_is_no_bearer() {
        assert_eq!(bearer(&headers(&[])), Err(Refusal::Missing));
        assert_eq!(bearer(&headers(&[""])), Err(Refusal::Missing));
        for value in ["Bearer", "Bearer ", "Basic abc", "abc", "Bearerabc"] {
            assert_eq!(bearer(&headers(&[value])), Err(Refusal::Scheme), "{value}");
        }
        let twice = headers(&["Bearer abc", "Bearer def"]);
        assert_eq!(bearer(&twice), Err(Refusal::Scheme));
    }

    proptest! {
        #[test]
        fn no_authorization_panics(value in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                let _ = bearer(&HeaderMap::from_iter([(AUTHORIZATION, value)]));
            }
        }
    }
}
