//! List cursors, which mark the entry after which a page starts.
//!
//! A cursor is sealed for one list under a key derived from the caller's token. It reveals nothing, and it is
//! invalid for another caller, for another list, or with a changed byte.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::TryCryptoRng;

use crate::time::Timestamp;

use super::sealing::{CallerSecret, SealingKey};

/// How long a cursor is valid.
const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// The cursors of one list for one caller.
#[derive(Debug)]
pub struct Cursors {
    list: String,
    key: SealingKey,
}

impl Cursors {
    /// Creates the cursors of `list`. The name must be unique across lists and dialects.
    pub fn new(secret: &CallerSecret, list: String) -> Self {
        Self { list, key: secret.key_for(b"latchkey/marker/1") }
    }

    /// Returns the cursor of the page that starts after the entry `last`.
    ///
    /// # Errors
    ///
    /// Returns the generator's error.
    pub fn seal<R: TryCryptoRng>(
        &self,
        rng: &mut R,
        last: &str,
        now: Timestamp,
    ) -> Result<String, R::Error> {
        let plain = [&now.as_millis().to_be_bytes(), last.as_bytes()].concat();
        let sealed = self.key.seal(rng, &plain, self.list.as_bytes())?;
        Ok(URL_SAFE_NO_PAD.encode(sealed))
    }

    /// Returns the entry after which the page starts, or `None` if the cursor is invalid or expired.
    pub fn open(&self, cursor: &str, now: Timestamp) -> Option<String> {
        let sealed = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let plain = self.key.open(&sealed, self.list.as_bytes())?;
        let (made, last) = plain.split_first_chunk::<8>()?;
        let made = Timestamp::from_millis(i64::from_be_bytes(*made))?;
        let last = String::from_utf8(last.to_vec()).ok()?;
        (now <= made.saturating_add(LIFETIME)).then_some(last)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_millis(hours * 3_600_000).expect("in range")
    }

    fn cursors(token: &str, list: &str) -> Cursors {
        Cursors::new(&CallerSecret::of(token), list.to_owned())
    }

    fn cursor() -> String {
        let mut rng = StdRng::seed_from_u64(1);
        cursors("token", "keys/A").seal(&mut rng, "LAST", at(0)).expect("infallible")
    }

    #[test]
    fn a_cursor_brings_the_same_caller_to_the_next_page_of_the_same_list() {
        let opened = cursors("token", "keys/A").open(&cursor(), at(24));
        assert_eq!(opened.as_deref(), Some("LAST"));
        assert!(!cursor().contains("LAST"));
    }

    #[test]
    fn a_foreign_stale_or_changed_cursor_is_none() {
        for (token, list, now) in [
            ("other", "keys/A", at(0)),
            ("token", "keys/B", at(0)),
            ("token", "accounts", at(0)),
            ("token", "keys/A", at(25)),
        ] {
            assert_eq!(cursors(token, list).open(&cursor(), now), None, "{token} {list}");
        }
        for position in 0..cursor().len() {
            let mut changed = cursor().into_bytes();
            changed[position] = if changed[position] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).expect("ASCII");
            assert_eq!(cursors("token", "keys/A").open(&changed, at(0)), None);
        }
        for text in ["", "\0", "LAST"] {
            assert_eq!(cursors("token", "keys/A").open(text, at(0)), None);
        }
    }
}
