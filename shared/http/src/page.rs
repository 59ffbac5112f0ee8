//! Pages of lists: their size and the entry after which they start.

use latchkey::Latchkey;
use latchkey::service::{CallerSecret, Cursors};
use latchkey::time::Timestamp;

use crate::error::{Error, InvalidPage, LIMIT_MAX};
use crate::request::Request;

/// The query parameter with the maximum number of entries.
pub const LIMIT: &str = "limit";

/// The page that a request asks for.
#[derive(Debug)]
pub struct PageRequest {
    /// The requested maximum number of entries; `None` if the request does not set it.
    pub limit: Option<usize>,
    /// The ID after which the page starts; `None` for the first page.
    pub after: Option<String>,
    cursors: Cursors,
}

impl PageRequest {
    /// Reads the page parameters of `request`: `limit`, and the dialect's name for the `cursor`. A cursor is
    /// valid only for `list` and this dialect.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidPage`].
    pub(crate) fn of(
        request: &Request,
        secret: &CallerSecret,
        cursor: &'static str,
        list: &[&str],
        now: Timestamp,
    ) -> Result<Self, Error> {
        let limit = limit(request, 1, LIMIT_MAX)?;
        let cursors = Cursors::new(secret, format!("{cursor}/{}", list.join("/")));
        let after =
            match once(request, cursor)? {
                None => None,
                Some(text) => Some(cursors.open(&text, now).ok_or(Error::InvalidPage {
                    parameter: cursor,
                    problem: InvalidPage::Cursor,
                })?),
            };
        Ok(Self { limit, after, cursors })
    }

    /// The maximum number of entries on the page: the requested limit, or [`LIMIT_MAX`].
    pub fn size(&self) -> usize {
        self.limit.unwrap_or(LIMIT_MAX)
    }

    /// Returns the cursor of the page after the entry `last`; `None` after the last page.
    ///
    /// # Errors
    ///
    /// [`latchkey::Error::Random`].
    pub fn next(&self, latchkey: &Latchkey, last: Option<&str>) -> Result<Option<String>, Error> {
        Ok(latchkey.cursor(&self.cursors, last)?)
    }
}

/// Returns the value of the query parameter `name`, if `request` has it.
///
/// # Errors
///
/// [`Error::Parameter`] if it is there twice.
pub fn once(request: &Request, name: &'static str) -> Result<Option<String>, Error> {
    let mut values = request.query_parameters(name);
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => Ok(Some(value.into_owned())),
        (Some(_), Some(_)) => Err(Error::Parameter(name)),
    }
}

/// Returns the query parameter `limit`, a whole number from `min` to `max`, if `request` has it.
///
/// # Errors
///
/// [`Error::Parameter`], [`Error::InvalidPage`].
pub fn limit(request: &Request, min: usize, max: usize) -> Result<Option<usize>, Error> {
    let Some(text) = once(request, LIMIT)? else { return Ok(None) };
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let limit = text.parse().ok().filter(|limit| digits && (min..=max).contains(limit));
    let problem = InvalidPage::Limit { min, max };
    limit.map(Some).ok_or(Error::InvalidPage { parameter: LIMIT, problem })
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn page(cursor: &'static str, list: &[&str], query: &str) -> Result<PageRequest, Error> {
        let request = Request { query: query.to_owned(), ..Request::default() };
        PageRequest::of(&request, &CallerSecret::of("token"), cursor, list, NOW)
    }

    fn cursor() -> String {
        let first = page("cursor", &["keys", "A"], "").expect("a page");
        first.cursors.seal(&mut StdRng::seed_from_u64(1), "LAST", NOW).expect("infallible")
    }

    #[test]
    fn a_cursor_is_good_for_one_list_of_one_dialect() {
        let query = format!("cursor={}&limit=7", cursor());
        let next = page("cursor", &["keys", "A"], &query).expect("a page");
        assert_eq!((next.limit, next.after.as_deref()), (Some(7), Some("LAST")));
        let marker = format!("marker={}", cursor());
        for (parameter, list, query) in [
            ("cursor", &["keys", "B"][..], &query),
            ("cursor", &["accounts"], &query),
            ("marker", &["keys", "A"], &marker),
        ] {
            let error = page(parameter, list, query).expect_err("refused");
            assert!(matches!(error, Error::InvalidPage { problem: InvalidPage::Cursor, .. }));
        }
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        for query in ["cursor=", "cursor=%00", "cursor=LAST", "cursor=a&cursor=b"] {
            assert!(page("cursor", &["keys", "A"], query).is_err(), "{query}");
        }
    }

    #[test]
    fn a_limit_is_a_whole_number_from_1_to_100() {
        for (query, limit) in
            [("", None), ("limit=1", Some(1)), ("limit=100", Some(100)), ("other=7", None)]
        {
            assert_eq!(page("cursor", &[], query).expect("a page").limit, limit);
        }
        for query in ["limit=0", "limit=101", "limit=", "limit=+1", "limit=1.0", "limit=1&limit=1"]
        {
            assert!(page("cursor", &[], query).is_err(), "{query}");
        }
    }
}
