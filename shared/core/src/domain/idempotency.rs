//! Idempotency: what a request that may be sent again carries, and what the table keeps of its response.
//!
//! `Idempotency-Key` as in draft-ietf-httpapi-idempotency-key-header.

use std::str::FromStr;
use std::time::Duration;

use super::time::Timestamp;

/// How long a response is kept.
pub const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// What a client names a request by, which it may send again: 1 to 255 visible ASCII characters, `"` not
/// among them.
///
/// ```
/// use latchkey::idempotency::IdempotencyKey;
///
/// assert!("9b2f6f0e".parse::<IdempotencyKey>().is_ok());
/// assert!("two words".parse::<IdempotencyKey>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(String);

/// Why a text is no [`IdempotencyKey`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be sent once, with 1 to 255 visible ASCII characters, such as a UUID")]
pub struct InvalidIdempotencyKey;

impl FromStr for IdempotencyKey {
    type Err = InvalidIdempotencyKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let visible = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"');
        if (1..=255).contains(&text.len()) && visible {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidIdempotencyKey)
        }
    }
}

impl AsRef<str> for IdempotencyKey {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// A response as the table keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredResponse {
    /// Names the record.
    pub id: String,
    /// The request that it answers.
    pub fingerprint: [u8; 32],
    /// A nonce and the sealed response.
    pub sealed: Vec<u8>,
    /// When the response is forgotten.
    pub expires_at: Timestamp,
}
