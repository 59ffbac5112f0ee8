//! Idempotency keys and the stored responses to requests that may be sent again.
//!
//! Implements `Idempotency-Key` of draft-ietf-httpapi-idempotency-key-header.

use std::str::FromStr;
use std::time::Duration;

use super::time::Timestamp;

/// How long a response is stored.
pub const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// The client's name for a request that it may send again: 1 to 255 visible ASCII characters other than `"`.
///
/// ```
/// use latchkey::idempotency::IdempotencyKey;
///
/// assert!("9b2f6f0e".parse::<IdempotencyKey>().is_ok());
/// assert!("two words".parse::<IdempotencyKey>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(String);

/// The reason a string is not an [`IdempotencyKey`].
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

/// A response as stored in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredResponse {
    /// The ID of the record.
    pub id: String,
    /// The fingerprint of the request.
    pub fingerprint: [u8; 32],
    /// A nonce and the sealed response.
    pub sealed: Vec<u8>,
    /// When the response expires.
    pub expires_at: Timestamp,
}
