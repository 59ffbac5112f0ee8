//! Leak reports: POST `/leaks/github`.
//!
//! GitHub's secret scanning finds keys in public places and reports them here. Latchkey checks that the report
//! is GitHub's, and then revokes the keys or disables their accounts, as the deployment sets.
//!
//! [`signature`] and [`public_keys`] decide whether a report is GitHub's, [`fetch`] reads GitHub's keys, and
//! [`mod@report`] has the message and the response.

mod fetch;
mod public_keys;
mod report;
mod signature;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use latchkey::Latchkey;
use latchkey::leak::{LeakAction, Sighting};
use latchkey::time::Timestamp;
use latchkey_http::http::HeaderMap;
use latchkey_http::{Error, Request, Response, StatusCode};

use self::public_keys::KeysUnavailable;
use self::report::{Feedback, Label, Match, REPORT_BYTES_MAX};
use self::signature::{Claim, Unsigned};
use crate::App;

pub(crate) use self::fetch::from_github;
pub(crate) use self::public_keys::PublicKeys;
pub use self::public_keys::{Document, KeySource, SourceError};

/// The reporter's name in the log and in the audit trail.
const REPORTER: &str = "github";

/// Ends what a report found, and responds with whether each match is a key.
///
/// Nothing of the body is parsed before its signature is verified. A repeated report has no further effect. If
/// the store fails for one key, the others are still handled, and the response is an error: the same report,
/// sent again, handles the rest.
pub(crate) async fn report(
    app: &App,
    action: LeakAction,
    request: &Request,
) -> Result<Response, Error> {
    let body = request.body_within(REPORT_BYTES_MAX)?;
    verify(&app.github_keys, &request.headers, body, app.latchkey.now()).await?;
    let matches = report::parse(body)?;
    let latchkey = app.latchkey.for_request(request.origin.clone());
    let labels = labels(&latchkey, action, &matches).await?;
    let label = |found: &Match| labels.get(found.token.as_str()).copied();
    let feedback = matches.iter().map(|found| {
        // Each match has a label; without one, it would be none of our keys.
        Feedback::new(found, label(found).unwrap_or(Label::FalsePositive))
    });
    Ok(Response::json(StatusCode::OK, &feedback.collect::<Vec<_>>()))
}

/// Checks that GitHub signed exactly this body with one of its current `keys`.
async fn verify(
    keys: &PublicKeys,
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
) -> Result<(), Error> {
    let claim = Claim::of(headers)?;
    let key = keys.find(claim.key, now).await?;
    Ok(claim.check(key.as_ref(), body)?)
}

impl From<Unsigned> for Error {
    fn from(unsigned: Unsigned) -> Self {
        Self::InvalidSignature(unsigned.to_string())
    }
}

impl From<KeysUnavailable> for Error {
    fn from(unavailable: KeysUnavailable) -> Self {
        Self::Dependency(unavailable.to_string())
    }
}

/// Reports each token once to the service, wherever and however often it was found.
async fn labels<'m>(
    latchkey: &Latchkey,
    action: LeakAction,
    matches: &'m [Match],
) -> Result<HashMap<&'m str, Label>, Error> {
    let mut labels = HashMap::new();
    let mut failed = None;
    for found in matches {
        if labels.contains_key(found.token.as_str()) {
            continue;
        }
        let place = Sighting::new(REPORTER, found.source.as_deref(), found.url.as_deref());
        let label = match latchkey.report_leak(&found.token, action, &place).await {
            Ok(outcome) if outcome.is_known() => Label::TruePositive,
            Ok(_) => Label::FalsePositive,
            Err(error) => {
                failed.get_or_insert(error);
                Label::FalsePositive
            }
        };
        labels.insert(found.token.as_str(), label);
    }
    match failed {
        Some(error) => Err(error.into()),
        None => Ok(labels),
    }
}
