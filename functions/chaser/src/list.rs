//! Lists: one page if the request sets a limit, otherwise everything.
//!
//! The vendor's lists have no pages, and its SDK reads one response, so a user of the SDK never sees an
//! entry that this response omits. Ours: `limit`, `cursor`, and `next_cursor`.

use std::time::Duration;

use latchkey::account::ServiceAccount;
use latchkey::key::Key;
use latchkey::store::Page;
use latchkey::time::Timestamp;
use latchkey_http::authenticate::AuthenticatedRequest;
use latchkey_http::response::json_text;
use latchkey_http::{Error, Response, StatusCode};

use crate::App;
use crate::wire::{AccountInfo, KeyInfo};

/// Maximum bytes of a response, out of the 6 MB that Lambda accepts; the rest is for headers.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
pub(crate) const WEIGHT_MAX: usize = 6_000_000;

/// Reading stops after this time, so that the response is sent before the request times out.
const READING_MAX: Duration = Duration::from_secs(5);

/// Entries read at a time: for keys, less than the 1 MB that DynamoDB reads at once.
const BATCH: usize = 1000;

/// An entry of a list.
pub(crate) trait Entry {
    /// The name of the list in the response.
    const LIST: &'static str;

    /// Whether a list without a limit has all entries, rather than a page of 100.
    const WHOLE: bool = true;

    /// The ID after which the rest of the list starts.
    fn id(&self) -> &str;

    /// The entry in JSON, as the list shows it `now`.
    fn to_json(&self, now: Timestamp) -> String;
}

impl Entry for Key {
    const LIST: &'static str = "keys";

    fn id(&self) -> &str {
        self.id.as_ref()
    }

    fn to_json(&self, now: Timestamp) -> String {
        json_text(&KeyInfo::new(self, now))
    }
}

impl Entry for ServiceAccount {
    const LIST: &'static str = "service_accounts";

    fn id(&self) -> &str {
        self.id.as_ref()
    }

    fn to_json(&self, _: Timestamp) -> String {
        json_text(&AccountInfo::from(self))
    }
}

/// Responds with a list, which `read` returns in parts.
///
/// `read` gets the maximum number of entries and the ID after which they start. `name` distinguishes this
/// list's cursors from those of every other list.
///
/// Without a limit, a [whole](Entry::WHOLE) list is complete unless it reaches the maximum weight or reading time. Only then is
/// there a `next_cursor`.
pub(crate) async fn list<T: Entry>(
    app: &App,
    request: &AuthenticatedRequest<'_>,
    name: &[&str],
    read: impl AsyncFn(usize, Option<&str>) -> Result<Page<T>, latchkey::Error>,
) -> Result<Response, Error> {
    let began = app.latchkey.now();
    let asked = request.page("cursor", name, began)?;
    let paged = !T::WHOLE || asked.limit.is_some();
    let size = if paged { asked.size() } else { BATCH };
    let mut text = format!("{{\"{}\":[", T::LIST);
    let mut weight = weight(&text);
    let mut next = asked.after.clone();
    'pages: loop {
        let page = read(size, next.as_deref()).await?;
        for entry in &page.items {
            let json = entry.to_json(began);
            weight += self::weight(&json) + 1;
            if weight > WEIGHT_MAX {
                break 'pages;
            }
            if !text.ends_with('[') {
                text.push(',');
            }
            text.push_str(&json);
            next = Some(entry.id().to_owned());
        }
        next = page.next;
        let late = app.latchkey.now() > began.saturating_add(READING_MAX);
        if next.is_none() || paged || late {
            break;
        }
    }
    let cursor = asked.next(&app.latchkey, next.as_deref())?;
    text.push_str(&format!("],\"next_cursor\":{}}}", json_text(&cursor)));
    Ok(Response::json_text(StatusCode::OK, text))
}

/// The bytes that part of a body takes as a string within the response's JSON.
///
/// Each quote and each backslash takes two. No other character in JSON needs more than it takes already.
pub(crate) fn weight(json: &str) -> usize {
    json.len() + json.bytes().filter(|byte| matches!(byte, b'"' | b'\\')).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever the names contain, no body weighs more than calculated.
        #[test]
        fn a_body_weighs_what_it_takes_within_json(text in "\\PC{0,40}") {
            let json = json_text(&text);
            let within = json_text(&json);
            prop_assert_eq!(weight(&json), within.len() - 2);
        }
    }
}
