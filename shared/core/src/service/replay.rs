//! Repeated requests: a request that is sent again with the same idempotency key gets its first response
//! again and creates nothing.
//!
//! The response holds a secret, so the table stores it sealed with AES-256-GCM. HKDF-SHA-256 derives the
//! sealing key from the caller's token and the idempotency key, neither of which is stored.

use std::fmt;

use rand::TryCryptoRng;
use rand::rngs::SysRng;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::error::{Error, StoreError};
use crate::id::KeyId;
use crate::idempotency::{IdempotencyKey, KEPT, StoredResponse};
use crate::store::Written;
use crate::time::Timestamp;

use super::Latchkey;
use super::sealing::{CallerSecret, SealingKey};

/// A response that can be stored and returned again, byte for byte.
pub trait Replay: Sized {
    /// Returns every byte that is needed to repeat the response.
    fn to_bytes(&self) -> Zeroizing<Vec<u8>>;

    /// Returns the response written by [`Replay::to_bytes`], or `None` for other bytes.
    fn from_bytes(bytes: &[u8]) -> Option<Self>;
}

/// A request that may be sent again, with the location of its stored response and the key that seals it.
///
/// Its `Debug` output shows no parts, because it holds a key derived from the caller's token.
pub struct IdempotentRequest {
    /// The ID of the record: the caller's key and a digest of the idempotency key.
    id: String,
    /// Distinguishes this request from another one with the same idempotency key.
    fingerprint: [u8; 32],
    sealing_key: SealingKey,
}

impl IdempotentRequest {
    /// Creates the request that the key `caller` identifies by `key`: `operation` with the path's
    /// `parameters` and `body`.
    pub fn new(
        caller: &KeyId,
        secret: &CallerSecret,
        key: &IdempotencyKey,
        operation: &str,
        parameters: &[&str],
        body: &[u8],
    ) -> Self {
        let mut fingerprint = Sha256::new();
        for part in [operation].iter().chain(parameters) {
            fingerprint.update((part.len() as u64).to_be_bytes());
            fingerprint.update(part);
        }
        fingerprint.update(body);
        let key = key.as_ref();
        let purpose = [b"latchkey/idempotency/1/", key.as_bytes()].concat();
        Self {
            id: format!("{caller}#{}", hex(&Sha256::digest(key))),
            fingerprint: fingerprint.finalize().into(),
            sealing_key: secret.key_for(&purpose),
        }
    }

    fn seal<R: TryCryptoRng>(
        &self,
        rng: &mut R,
        now: Timestamp,
        response: &impl Replay,
    ) -> Result<StoredResponse, R::Error> {
        Ok(StoredResponse {
            id: self.id.clone(),
            fingerprint: self.fingerprint,
            sealed: self.sealing_key.seal(rng, &response.to_bytes(), self.id.as_bytes())?,
            expires_at: now.saturating_add(KEPT),
        })
    }

    /// Opens the response that was stored for this request.
    fn open<R: Replay>(&self, stored: &StoredResponse) -> Result<R, Error> {
        if stored.fingerprint != self.fingerprint {
            return Err(Error::IdempotencyKeyReused);
        }
        let plain = self.sealing_key.open(&stored.sealed, self.id.as_bytes());
        let response = plain.and_then(|plain| R::from_bytes(&plain));
        response.ok_or_else(|| StoreError::corrupt("sealed").into())
    }
}

impl fmt::Debug for IdempotentRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdempotentRequest(..)")
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes a change whose request may be sent again.
pub(super) struct Writer<'a> {
    request: Option<&'a IdempotentRequest>,
    now: Timestamp,
}

impl Writer<'_> {
    /// Writes a change together with its `response`, if the request has an idempotency key. Calls `created`
    /// and returns `response`, or returns the first response if the request is a repeat.
    pub(super) async fn write<R: Replay>(
        &self,
        response: R,
        write: impl AsyncFnOnce(Option<&StoredResponse>) -> Result<Written, Error>,
        created: impl FnOnce(),
    ) -> Result<R, Error> {
        let stored = match self.request {
            Some(request) => {
                let sealed = request.seal(&mut SysRng, self.now, &response);
                Some(sealed.map_err(Error::Random)?)
            }
            None => None,
        };
        match (write(stored.as_ref()).await?, self.request) {
            (Written::Created, _) => {
                created();
                Ok(response)
            }
            (Written::Replayed(stored), Some(request)) => request.open(&stored),
            // Only a stored response can be replayed.
            (Written::Replayed(_), None) => Err(StoreError::corrupt("sealed").into()),
        }
    }
}

impl Latchkey {
    /// Returns the response of `make`. If a repeated request would now be rejected, for example because its
    /// expiry is past, returns its first response.
    pub(super) async fn with_replay<R: Replay>(
        &self,
        request: Option<IdempotentRequest>,
        now: Timestamp,
        make: impl AsyncFnOnce(Writer<'_>) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let request = request.as_ref();
        // Boxed because a write is a deep future, and the compiler gives up on several nested ones.
        let (error, request) = match (Box::pin(make(Writer { request, now })).await, request) {
            (Err(error), Some(request)) if error.is_refusal() => (error, request),
            (answer, _) => return answer,
        };
        match self.store.stored_response(&request.id, now).await? {
            Some(stored) => request.open(&stored),
            None => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[derive(Debug, PartialEq)]
    struct Text(String);

    impl Replay for Text {
        fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
            Zeroizing::new(self.0.clone().into_bytes())
        }

        fn from_bytes(bytes: &[u8]) -> Option<Self> {
            String::from_utf8(bytes.to_vec()).ok().map(Self)
        }
    }

    fn request(token: &str, key: &str, body: &str) -> IdempotentRequest {
        let caller = "CALLER".parse().expect("an id");
        let (secret, key) = (CallerSecret::of(token), key.parse().expect("a key"));
        IdempotentRequest::new(&caller, &secret, &key, "mint", &["A"], body.as_bytes())
    }

    fn seal(request: &IdempotentRequest) -> StoredResponse {
        let response = Text("{\"key\":\"secret\"}".to_owned());
        let mut rng = StdRng::seed_from_u64(1);
        request.seal(&mut rng, Timestamp::UNIX_EPOCH, &response).expect("infallible")
    }

    fn opened(request: &IdempotentRequest, stored: &StoredResponse) -> Result<Text, Error> {
        request.open(stored)
    }

    #[test]
    fn a_response_opens_for_the_same_request_of_the_same_caller_only() {
        let stored = seal(&request("token", "key", "{}"));
        let first = opened(&request("token", "key", "{}"), &stored).expect("the response");
        assert_eq!(first.0, "{\"key\":\"secret\"}");

        let other_body = opened(&request("token", "key", "{} "), &stored);
        assert!(matches!(other_body, Err(Error::IdempotencyKeyReused)));
        for other in [request("other", "key", "{}"), request("token", "other", "{}")] {
            let refused = opened(&other, &stored);
            assert!(matches!(refused, Err(Error::Store(StoreError::Corrupt(_)))));
        }
    }

    #[test]
    fn what_is_kept_shows_nothing_and_tolerates_no_change() {
        let request = request("token", "key", "{}");
        let stored = seal(&request);
        assert!(!stored.sealed.windows(6).any(|window| window == b"secret"));
        assert!(!stored.id.contains("key"));
        assert_eq!(format!("{request:?}"), "IdempotentRequest(..)");
        for at in 0..stored.sealed.len() {
            let mut damaged = stored.clone();
            damaged.sealed[at] ^= 1;
            assert!(opened(&request, &damaged).is_err());
        }
        assert!(opened(&request, &StoredResponse { sealed: vec![0; 5], ..stored }).is_err());
    }
}
