//! The public keys that GitHub publishes for its reports, and how long they stay usable.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use latchkey::error::causes;
use latchkey::time::Timestamp;
use serde::Deserialize;
use tokio::sync::Mutex;

use super::signature::PublicKey;

/// The maximum size of the document with the keys, in bytes. With two keys, it has 600.
pub(crate) const DOCUMENT_BYTES_MAX: usize = 64 * 1024;

/// The maximum number of keys in the document.
const KEYS_MAX: usize = 64;

/// How long the keys are used without asking for them again, in milliseconds: an hour. GitHub removes a key
/// that it no longer trusts, so an hour is the longest that Latchkey trusts it.
const FRESH: u64 = 60 * 60 * 1000;

/// How long the keys stay usable if GitHub does not respond, in milliseconds: a day.
const USABLE: u64 = 24 * FRESH;

/// The minimum interval between two requests for the keys, in milliseconds: a minute. Anyone can send a
/// report with an unknown key identifier, and GitHub allows 60 requests an hour from one address without a
/// token.
/// Source: <https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api>
const INTERVAL: u64 = 60 * 1000;

/// The error of a [`KeySource`].
pub type SourceError = Box<dyn Error + Send + Sync>;

/// The future of a [`KeySource`].
pub type Document = Pin<Box<dyn Future<Output = Result<Vec<u8>, SourceError>> + Send>>;

/// Where the document with the public keys comes from: GitHub, or a test.
///
/// A source returns the document's bytes in bounded time.
#[derive(Clone)]
pub struct KeySource(Arc<dyn Fn() -> Document + Send + Sync>);

impl KeySource {
    /// Creates a source that calls `read` for each copy of the document.
    pub fn new(read: impl Fn() -> Document + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }
}

impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeySource")
    }
}

/// The document, as GitHub publishes it.
#[derive(Deserialize)]
struct Published {
    public_keys: Vec<PublishedKey>,
}

#[derive(Deserialize)]
struct PublishedKey {
    key_identifier: String,
    key: String,
}

/// The keys of one copy of the document, by identifier.
#[derive(Debug)]
struct Keys(Vec<(String, PublicKey)>);

/// The reason a document has no usable keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum InvalidDocument {
    #[error("the document with GitHub's public keys is larger than {DOCUMENT_BYTES_MAX} bytes")]
    TooLarge,
    #[error("the document with GitHub's public keys is not JSON of the published form")]
    Form,
    #[error(
        "the document with GitHub's public keys has no P-256 key, or more than {KEYS_MAX} keys"
    )]
    Keys,
}

impl Keys {
    /// Reads the document. Leaves out keys of other kinds, so that a new kind does not stop the others.
    fn parse(document: &[u8]) -> Result<Self, InvalidDocument> {
        if document.len() > DOCUMENT_BYTES_MAX {
            return Err(InvalidDocument::TooLarge);
        }
        let published: Published =
            serde_json::from_slice(document).map_err(|_| InvalidDocument::Form)?;
        if published.public_keys.len() > KEYS_MAX {
            return Err(InvalidDocument::Keys);
        }
        let keys = published.public_keys.into_iter().filter_map(|published| {
            Some((published.key_identifier, PublicKey::from_pem(&published.key)?))
        });
        let keys: Vec<_> = keys.collect();
        if keys.is_empty() { Err(InvalidDocument::Keys) } else { Ok(Self(keys)) }
    }

    fn get(&self, id: &str) -> Option<&PublicKey> {
        self.0.iter().find(|(known, _)| known == id).map(|(_, key)| key)
    }
}

/// The keys are not known and could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("GitHub's public keys could not be read")]
pub(crate) struct KeysUnavailable;

/// The latest copy of the document.
#[derive(Debug, Default)]
struct Latest {
    keys: Option<(Keys, Timestamp)>,
    asked_at: Option<Timestamp>,
}

impl Latest {
    fn find(&self, id: &str, now: Timestamp, at_most: u64) -> Option<PublicKey> {
        let (keys, read_at) = self.keys.as_ref()?;
        let key = keys.get(id).filter(|_| age(*read_at, now) < at_most);
        key.cloned()
    }
}

/// The time between two times in milliseconds. A clock that was set back counts as one that went on, so that
/// nothing stays usable until it catches up.
fn age(earlier: Timestamp, now: Timestamp) -> u64 {
    now.as_millis().abs_diff(earlier.as_millis())
}

/// Finds public keys in the latest copy of the document, and reads it again when necessary.
#[derive(Debug)]
pub(crate) struct PublicKeys {
    source: KeySource,
    // Locked while the document is read, so that requests at the same time wait for one copy.
    latest: Mutex<Latest>,
}

impl PublicKeys {
    pub(crate) fn new(source: KeySource) -> Self {
        Self { source, latest: Mutex::default() }
    }

    /// Returns the key with this identifier; `None` if GitHub publishes no such key.
    ///
    /// Reads the document if the copy is older than an hour or has no such key, but at most once a minute. If
    /// that fails, a copy of up to a day remains usable.
    ///
    /// # Errors
    ///
    /// [`KeysUnavailable`] if GitHub may publish the key, but no usable copy has it.
    pub(crate) async fn find(
        &self,
        id: &str,
        now: Timestamp,
    ) -> Result<Option<PublicKey>, KeysUnavailable> {
        let mut latest = self.latest.lock().await;
        if let Some(key) = latest.find(id, now, FRESH) {
            return Ok(Some(key));
        }
        if latest.asked_at.is_none_or(|at| age(at, now) >= INTERVAL) {
            latest.asked_at = Some(now);
            match self.read().await {
                Ok(keys) => latest.keys = Some((keys, now)),
                Err(error) => {
                    let source = causes(error.as_ref());
                    tracing::warn!(error.source = source, "{error}");
                }
            }
        }
        if let Some(key) = latest.find(id, now, USABLE) {
            return Ok(Some(key));
        }
        // Without a recent copy, the key may be one that GitHub has published since.
        let recent = latest.keys.as_ref().map(|(_, read_at)| age(*read_at, now));
        if recent.is_some_and(|age| age < INTERVAL) { Ok(None) } else { Err(KeysUnavailable) }
    }

    async fn read(&self) -> Result<Keys, SourceError> {
        Ok(Keys::parse(&(self.source.0)().await?)?)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex as Lock;
    use std::time::Duration;

    use super::super::tests::keys::{SigningKey, document};
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");
        start.saturating_add(Duration::from_secs(seconds))
    }

    /// A source with the keys `published`, or that fails without them; and how often it was asked.
    #[derive(Clone, Default)]
    struct Published(Arc<Lock<(Option<Vec<u8>>, u32)>>);

    impl Published {
        fn set(&self, document: Option<Vec<u8>>) {
            self.0.lock().expect("no panic").0 = document;
        }

        fn asked(&self) -> u32 {
            std::mem::take(&mut self.0.lock().expect("no panic").1)
        }

        fn keys(&self) -> PublicKeys {
            let published = self.clone();
            PublicKeys::new(KeySource::new(move || {
                let mut published = published.0.lock().expect("no panic");
                published.1 += 1;
                let document = published.0.clone();
                Box::pin(async move { document.ok_or_else(|| "no response".into()) })
            }))
        }
    }

    #[tokio::test]
    async fn keys_are_read_once_an_hour_and_for_an_unknown_identifier_once_a_minute() {
        let (old, new) = (SigningKey::new("old"), SigningKey::new("new"));
        let published = Published::default();
        published.set(Some(document(&[&old])));
        let keys = published.keys();
        let find = async |id, seconds| keys.find(id, at(seconds)).await;
        for seconds in [0, 1, 3599] {
            assert_eq!(find("old", seconds).await, Ok(Some(old.public())));
        }
        assert_eq!(published.asked(), 1);
        // A flood of unknown identifiers.
        for second in 3500..3599 {
            assert_eq!(find("new", second).await.ok().flatten(), None);
        }
        assert_eq!(published.asked(), 2);
        published.set(Some(document(&[&old, &new])));
        assert_eq!(find("new", 3620).await, Ok(Some(new.public())));
        assert_eq!(published.asked(), 1);
        // A key that GitHub withdraws is not accepted for longer than an hour.
        published.set(Some(document(&[&new])));
        assert_eq!(find("old", 3620 + 3600).await, Ok(None));
        assert_eq!(find("new", 3620 + 3600).await, Ok(Some(new.public())));
        assert_eq!(published.asked(), 1);
    }

    #[tokio::test]
    async fn without_a_response_known_keys_stay_usable_for_a_day() {
        let key = SigningKey::new("key");
        let published = Published::default();
        published.set(Some(document(&[&key])));
        let keys = published.keys();
        let find = async |id, seconds| keys.find(id, at(seconds)).await;
        assert_eq!(find("key", 0).await, Ok(Some(key.public())));
        published.set(None);
        for hour in 1..24 {
            assert_eq!(find("key", hour * 3600).await, Ok(Some(key.public())), "{hour}");
            // GitHub may have published it since, so this is no refusal.
            assert_eq!(find("other", hour * 3600).await, Err(KeysUnavailable), "{hour}");
        }
        assert_eq!(published.asked(), 24);
        assert_eq!(find("key", 24 * 3600).await, Err(KeysUnavailable));
        published.set(Some(document(&[&key])));
        assert_eq!(find("key", 24 * 3600 + 59).await, Err(KeysUnavailable));
        assert_eq!(find("key", 24 * 3600 + 60).await, Ok(Some(key.public())));
    }

    #[tokio::test]
    async fn without_any_copy_nothing_is_known_and_a_flood_asks_once_a_minute() {
        let published = Published::default();
        let keys = published.keys();
        for second in 0..120 {
            assert_eq!(keys.find("key", at(second)).await, Err(KeysUnavailable));
        }
        assert_eq!(published.asked(), 2);
    }

    #[tokio::test]
    async fn requests_at_the_same_time_wait_for_one_copy() {
        let key = SigningKey::new("key");
        let published = Published::default();
        published.set(Some(document(&[&key])));
        let keys = published.keys();
        let find = || keys.find("key", at(0));
        let (first, second, third) = tokio::join!(find(), find(), find());
        assert_eq!([first, second, third], [(); 3].map(|()| Ok(Some(key.public()))));
        assert_eq!(published.asked(), 1);
    }

    #[test]
    fn a_document_of_another_form_has_no_keys() {
        let key = SigningKey::new("key");
        let pem = |count: usize| document(&vec![&key; count]);
        assert!(Keys::parse(&pem(KEYS_MAX)).is_ok());
        let large = vec![b' '; DOCUMENT_BYTES_MAX + 1];
        let rsa = br#"{"public_keys":[{"key_identifier":"a","key":"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"}]}"#;
        for (document, error) in [
            (&large[..], InvalidDocument::TooLarge),
            (b"", InvalidDocument::Form),
            (b"[]", InvalidDocument::Form),
            (br#"{"message":"API rate limit exceeded"}"#, InvalidDocument::Form),
            (br#"{"public_keys":[]}"#, InvalidDocument::Keys),
            (rsa, InvalidDocument::Keys),
            (&pem(KEYS_MAX + 1), InvalidDocument::Keys),
        ] {
            assert_eq!(Keys::parse(document).err(), Some(error));
        }
    }
}
