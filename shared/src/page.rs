//! Pages of lists: how many entries, and after which one.
//!
//! A marker says after which entry a page starts. It is sealed under a key derived from the caller's
//! token, for one list: it reveals nothing, and another caller, another list or a changed byte make it
//! no marker at all.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lambda_http::Request;
use rand::TryCryptoRng;

use crate::error::Error;
use crate::gateway;
use crate::http::{bearer, query_parameters};
use crate::sealing::SealingKey;
use crate::time::Timestamp;

/// Entries on a page, at most.
pub const LIMIT_MAX: usize = 100;

/// How long a marker is good for.
const MARKER_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

const LIMIT: &str = "limit";

/// Why a query parameter of a list is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPage {
    /// The limit is no number, or out of bounds.
    #[error("must be a whole number from 1 to {LIMIT_MAX}, given once")]
    Limit,
    /// The marker is none of ours, or of another caller or list, or too old.
    #[error(
        "is not one that this list gave out to this key within the last 24 hours; \
         start again without it"
    )]
    Marker,
}

/// The page that a request asks for.
#[derive(Debug)]
pub struct PageRequest {
    /// How many entries at most; `None` if the request does not say.
    pub limit: Option<usize>,
    /// The id after which it starts; `None` for the first page.
    pub after: Option<String>,
    list: String,
    key: SealingKey,
}

impl PageRequest {
    /// Reads the page that `request` asks for: `limit`, and the dialect's `marker`. `list` names the
    /// list, so that a marker is good for no other, nor for the same list in another dialect.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidPage`].
    pub fn of(
        request: &Request,
        marker: &'static str,
        list: &[&str],
        now: Timestamp,
    ) -> Result<Self, Error> {
        let query = gateway::query(request);
        let limit = match once(query, LIMIT)? {
            None => None,
            Some(text) => Some(
                parse_limit(&text)
                    .ok_or(Error::InvalidPage { parameter: LIMIT, problem: InvalidPage::Limit })?,
            ),
        };
        // The caller has authenticated by it, so there is one.
        let token = bearer(request.headers()).map_err(Error::Unauthenticated)?;
        let key = SealingKey::derive(token, b"latchkey/marker/1");
        let list = format!("{marker}/{}", list.join("/"));
        let after =
            match once(query, marker)? {
                None => None,
                Some(text) => Some(open(&key, &list, &text, now).ok_or(Error::InvalidPage {
                    parameter: marker,
                    problem: InvalidPage::Marker,
                })?),
            };
        Ok(Self { limit, after, list, key })
    }

    /// How many entries the page holds at most: as many as the request says, or else [`LIMIT_MAX`].
    pub fn size(&self) -> usize {
        self.limit.unwrap_or(LIMIT_MAX)
    }

    /// The marker of the page after this one, which starts after the entry `last`.
    ///
    /// # Errors
    ///
    /// The generator's own.
    pub fn marker<R: TryCryptoRng>(
        &self,
        rng: &mut R,
        last: &str,
        now: Timestamp,
    ) -> Result<String, R::Error> {
        let plain = [&now.as_millis().to_be_bytes(), last.as_bytes()].concat();
        let sealed = self.key.seal(rng, &plain, self.list.as_bytes())?;
        Ok(URL_SAFE_NO_PAD.encode(sealed))
    }
}

fn once(query: &str, name: &'static str) -> Result<Option<String>, Error> {
    let mut values = query_parameters(query, name);
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => Ok(Some(value.into_owned())),
        (Some(_), Some(_)) => Err(Error::Parameter(name)),
    }
}

fn parse_limit(text: &str) -> Option<usize> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|limit| digits && (1..=LIMIT_MAX).contains(limit))
}

fn open(key: &SealingKey, list: &str, marker: &str, now: Timestamp) -> Option<String> {
    let sealed = URL_SAFE_NO_PAD.decode(marker).ok()?;
    let plain = key.open(&sealed, list.as_bytes())?;
    let (made, last) = plain.split_first_chunk::<8>()?;
    let made = Timestamp::from_millis(i64::from_be_bytes(*made))?;
    let last = String::from_utf8(last.to_vec()).ok()?;
    (now <= made.saturating_add(MARKER_LIFETIME)).then_some(last)
}

#[cfg(test)]
mod tests {
    use lambda_http::Body;
    use lambda_http::http::HeaderValue;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_millis(hours * 3_600_000).expect("in range")
    }

    fn page(token: &str, list: &[&str], query: &str, now: Timestamp) -> Result<PageRequest, Error> {
        page_by("marker", token, list, query, now)
    }

    fn page_by(
        parameter: &'static str,
        token: &str,
        list: &[&str],
        query: &str,
        now: Timestamp,
    ) -> Result<PageRequest, Error> {
        let mut request = gateway::request_with_query(Body::Empty, query);
        let bearer = HeaderValue::try_from(format!("Bearer {token}")).expect("a value");
        request.headers_mut().insert("authorization", bearer);
        PageRequest::of(&request, parameter, list, now)
    }

    fn marker() -> String {
        let first = page("token", &["keys", "A"], "", at(0)).expect("a page");
        first.marker(&mut StdRng::seed_from_u64(1), "LAST", at(0)).expect("infallible")
    }

    #[test]
    fn a_marker_brings_the_same_caller_to_the_next_page_of_the_same_list() {
        let query = format!("marker={}&limit=7", marker());
        let next = page("token", &["keys", "A"], &query, at(24)).expect("a page");
        assert_eq!((next.limit, next.after.as_deref()), (Some(7), Some("LAST")));
        assert!(!marker().contains("LAST"));
    }

    #[test]
    fn a_foreign_stale_or_changed_marker_is_refused() {
        let query = format!("marker={}", marker());
        for (token, list, now) in [
            ("other", &["keys", "A"][..], at(0)),
            ("token", &["keys", "B"], at(0)),
            ("token", &["accounts"], at(0)),
            ("token", &["keys", "A"], at(25)),
        ] {
            let error = page(token, list, &query, now).expect_err("refused");
            assert!(matches!(
                error,
                Error::InvalidPage { parameter: "marker", problem: InvalidPage::Marker }
            ));
        }
        for at in 0..marker().len() {
            let mut changed = marker().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let query = format!("marker={}", String::from_utf8(changed).expect("ASCII"));
            assert!(page("token", &["keys", "A"], &query, self::at(0)).is_err());
        }
        for query in ["marker=", "marker=%00", "marker=LAST", "marker=a&marker=b"] {
            assert!(page("token", &["keys", "A"], query, at(0)).is_err(), "{query}");
        }
    }

    #[test]
    fn a_marker_of_another_dialect_is_refused() {
        let query = format!("cursor={}", marker());
        assert!(page_by("cursor", "token", &["keys", "A"], &query, at(0)).is_err());
    }

    #[test]
    fn a_limit_is_a_whole_number_from_1_to_100() {
        for (query, limit) in
            [("", None), ("limit=1", Some(1)), ("limit=100", Some(100)), ("other=7", None)]
        {
            assert_eq!(page("token", &[], query, at(0)).expect("a page").limit, limit);
        }
        for query in ["limit=0", "limit=101", "limit=", "limit=+1", "limit=1.0", "limit=1&limit=1"]
        {
            assert!(page("token", &[], query, at(0)).is_err(), "{query}");
        }
    }
}
