//! Errors in the form that LakeSail's clients read: `{"message": string}`.

use latchkey::Error as Refused;
use latchkey::principal::Denial;
use latchkey::scope::KEYS_READ;
use latchkey_http::http::header::WWW_AUTHENTICATE;
use latchkey_http::{Error, Response};
use serde::Serialize;

use crate::wire::EXPIRES_AT;

#[derive(Serialize)]
struct Problem {
    message: String,
}

/// Renders `error` as this dialect's clients expect it.
pub(crate) fn render(error: &Error) -> Response {
    let message = match error {
        Error::Service(Refused::Denied(denial)) => denied(denial),
        Error::Service(Refused::InvalidExpiry(problem)) => format!("`{EXPIRES_AT}` {problem}"),
        other => other.to_string(),
    };
    let mut response = error.response(&Problem { message });
    if matches!(error, Error::Service(Refused::Denied(_))) {
        // Its challenge mentions scopes.
        response.headers.remove(WWW_AUTHENTICATE);
    }
    response
}

/// Describes a denial without scopes, which this dialect does not have.
fn denied(denial: &Denial) -> String {
    let message = match denial {
        Denial::MissingScope(scope) if *scope == KEYS_READ => {
            "this key may not read service accounts and their keys"
        }
        Denial::MissingScope(_) => "this key may not manage service account keys",
        Denial::FullAccessNeeded => "this key may not manage service accounts",
        Denial::TargetHoldsScope(_) | Denial::TargetHasFullAccess => {
            "this key may not delete a key that has more access"
        }
        other => return other.to_string(),
    };
    message.to_owned()
}
