//! Idempotency: a create that is sent again gets the same answer again, and makes nothing anew.
//!
//! `Idempotency-Key` as in draft-ietf-httpapi-idempotency-key-header. The answer holds a secret, so
//! the table keeps it sealed: AES-256-GCM under a key that HKDF-SHA-256 derives from the caller's
//! own token and its idempotency key, neither of which is stored.

use std::fmt;
use std::time::Duration;

use lambda_http::http::{HeaderMap, Response, StatusCode};
use lambda_http::{Body, Request};
use rand::TryCryptoRng;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::http::{bearer, json_response, no_store};
use crate::id::KeyId;
use crate::sealing::SealingKey;
use crate::time::Timestamp;

/// How long an answer is kept.
pub const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

const HEADER: &str = "idempotency-key";

/// Why a header is no idempotency key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be sent once, with 1 to 255 visible ASCII characters, such as a UUID")]
pub struct InvalidIdempotencyKey;

/// A request that may be sent again: where its answer is kept, and what seals it.
///
/// It holds a key derived from the caller's token: no `Debug` of its parts.
pub struct Retry {
    /// Names the record: the caller's key and a digest of the idempotency key.
    id: String,
    /// Tells this request from another with the same idempotency key.
    fingerprint: [u8; 32],
    sealing_key: SealingKey,
}

/// An answer as the table keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedAnswer {
    /// Names the record.
    pub id: String,
    /// The request that it answers.
    pub fingerprint: [u8; 32],
    /// A nonce and the sealed answer.
    pub sealed: Vec<u8>,
    /// When the answer is forgotten.
    pub expires_at: Timestamp,
}

/// Why a kept answer cannot be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// It answers another request.
    #[error("the answer kept is to another request")]
    OtherRequest,
    /// It does not open with this caller's token, or was damaged.
    #[error("the answer kept does not open")]
    Damaged,
}

impl Retry {
    /// What makes `request`, by the key `caller`, safe to send again; `None` without the header.
    ///
    /// `operation` and `parameters` are what the path asked for.
    ///
    /// # Errors
    ///
    /// [`InvalidIdempotencyKey`].
    pub fn of(
        request: &Request,
        caller: &KeyId,
        operation: &str,
        parameters: &[&str],
    ) -> Result<Option<Self>, InvalidIdempotencyKey> {
        let Some(key) = idempotency_key(request.headers())? else { return Ok(None) };
        // The caller has authenticated by it, so there is one.
        let token = bearer(request.headers()).map_err(|_| InvalidIdempotencyKey)?;

        let mut fingerprint = Sha256::new();
        for part in [operation].iter().chain(parameters) {
            fingerprint.update((part.len() as u64).to_be_bytes());
            fingerprint.update(part);
        }
        fingerprint.update(request.body().as_ref());

        let purpose = [b"latchkey/idempotency/1/", key.as_bytes()].concat();
        Ok(Some(Self {
            id: format!("{caller}#{}", hex(&Sha256::digest(key))),
            fingerprint: fingerprint.finalize().into(),
            sealing_key: SealingKey::derive(token, &purpose),
        }))
    }

    /// Names the record of this request's answer.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Seals the answer of this request.
    ///
    /// # Errors
    ///
    /// The generator's own.
    pub fn seal<R: TryCryptoRng>(
        &self,
        rng: &mut R,
        now: Timestamp,
        answer: &Response<Body>,
    ) -> Result<SealedAnswer, R::Error> {
        let mut plain = Zeroizing::new(answer.status().as_u16().to_be_bytes().to_vec());
        plain.extend_from_slice(answer.body());
        Ok(SealedAnswer {
            id: self.id.clone(),
            fingerprint: self.fingerprint,
            sealed: self.sealing_key.seal(rng, &plain, self.id.as_bytes())?,
            expires_at: now.saturating_add(KEPT),
        })
    }

    /// Opens the answer that was kept for this request, byte for byte as it was first given.
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    pub fn open(&self, kept: &SealedAnswer) -> Result<Response<Body>, OpenError> {
        if kept.fingerprint != self.fingerprint {
            return Err(OpenError::OtherRequest);
        }
        let plain = self.sealing_key.open(&kept.sealed, self.id.as_bytes());
        let plain = plain.ok_or(OpenError::Damaged)?;
        let (status, body) = plain.split_first_chunk::<2>().ok_or(OpenError::Damaged)?;
        let status = StatusCode::from_u16(u16::from_be_bytes(*status));
        let body = String::from_utf8(body.to_vec());
        match (status, body) {
            (Ok(status), Ok(body)) => Ok(no_store(json_response(status, body))),
            _ => Err(OpenError::Damaged),
        }
    }
}

impl fmt::Debug for Retry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Retry(..)")
    }
}

/// The idempotency key of a request, if it has one.
///
/// The draft has a quoted string; most clients send it bare. Both name the same key.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, InvalidIdempotencyKey> {
    let mut values = headers.get_all(HEADER).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(InvalidIdempotencyKey);
    }
    let value = value.to_str().map_err(|_| InvalidIdempotencyKey)?.trim();
    let quoted = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let key = quoted.unwrap_or(value);
    let visible = key.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"');
    if (1..=255).contains(&key.len()) && visible {
        Ok(Some(key))
    } else {
        Err(InvalidIdempotencyKey)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use lambda_http::http::HeaderValue;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    fn retry(token: &str, key: &str, body: &str) -> Retry {
        let mut request = Request::new(Body::Text(body.to_owned()));
        let headers = request.headers_mut();
        let bearer = format!("Bearer {token}");
        headers.insert("authorization", HeaderValue::try_from(bearer).expect("a value"));
        headers.insert(HEADER, HeaderValue::try_from(key).expect("a value"));
        let caller = "CALLER".parse().expect("an id");
        Retry::of(&request, &caller, "mint", &["A"]).expect("a key").expect("a header")
    }

    fn seal(retry: &Retry) -> SealedAnswer {
        let now = Timestamp::from_millis(0).expect("in range");
        let answer = json_response(StatusCode::CREATED, "{\"key\":\"secret\"}".to_owned());
        retry.seal(&mut StdRng::seed_from_u64(1), now, &answer).expect("infallible")
    }

    #[test]
    fn an_answer_opens_for_the_same_request_of_the_same_caller_only() {
        let kept = seal(&retry("token", "key", "{}"));
        let opened = retry("token", "\"key\"", "{}").open(&kept).expect("the answer");
        assert_eq!(opened.status(), StatusCode::CREATED);
        assert_eq!(opened.body().as_ref(), b"{\"key\":\"secret\"}");
        assert_eq!(opened.headers()["cache-control"], "no-store");

        let other_body = retry("token", "key", "{} ").open(&kept);
        assert_eq!(other_body.expect_err("refused"), OpenError::OtherRequest);
        let other_token = retry("other", "key", "{}").open(&kept);
        assert_eq!(other_token.expect_err("refused"), OpenError::Damaged);
        let other_key = retry("token", "other", "{}").open(&kept);
        assert_eq!(other_key.expect_err("refused"), OpenError::Damaged);
    }

    #[test]
    fn what_is_kept_shows_nothing_and_tolerates_no_change() {
        let retry = retry("token", "key", "{}");
        let kept = seal(&retry);
        assert!(!kept.sealed.windows(6).any(|window| window == b"secret"));
        assert!(!kept.id.contains("key"));
        assert_eq!(format!("{retry:?}"), "Retry(..)");
        for at in 0..kept.sealed.len() {
            let mut damaged = kept.clone();
            damaged.sealed[at] ^= 1;
            assert_eq!(retry.open(&damaged).expect_err("refused"), OpenError::Damaged);
        }
        let short = SealedAnswer { sealed: vec![0; 5], ..kept };
        assert_eq!(retry.open(&short).expect_err("refused"), OpenError::Damaged);
    }

    #[test]
    fn a_key_is_visible_ascii_quoted_or_bare() {
        let read = |values: &[&str]| {
            let values = values.iter().map(|value| value.parse().expect("a value"));
            let name = lambda_http::http::HeaderName::from_static(HEADER);
            let headers: HeaderMap = values.map(|value| (name.clone(), value)).collect();
            idempotency_key(&headers).map(|key| key.map(str::to_owned))
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
