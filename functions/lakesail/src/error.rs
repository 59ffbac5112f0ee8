//! Errors as LakeSail's clients read them: `{"message": string}`.

use lambda_http::Body;
use lambda_http::http::Response;
use lambda_http::http::header::WWW_AUTHENTICATE;
use latchkey::error::Error;
use latchkey::http::reply_error;
use latchkey::principal::Denial;
use latchkey::scope::KEYS_READ;
use serde::Serialize;

#[derive(Serialize)]
struct Problem {
    message: String,
}

/// Says `error` the way this dialect's clients expect to read it.
pub(crate) fn render(error: &Error) -> Response<Body> {
    let message = match error {
        // This dialect has no word for scopes.
        Error::Denied(Denial::MissingScope(scope)) if scope == KEYS_READ => {
            "this key may not read about service accounts and their keys".to_owned()
        }
        Error::Denied(Denial::MissingScope(_)) => {
            "this key may not manage service account keys".to_owned()
        }
        Error::Denied(Denial::FullAccessNeeded) => {
            "this key may not manage service accounts".to_owned()
        }
        Error::Denied(Denial::TargetHoldsScope(_) | Denial::TargetHasFullAccess) => {
            "this key may not delete a key that may do more than it may".to_owned()
        }
        other => other.to_string(),
    };
    let mut response = reply_error(error, &Problem { message });
    if matches!(error, Error::Denied(_)) {
        // Its challenge speaks of scopes.
        response.headers_mut().remove(WWW_AUTHENTICATE);
    }
    response
}
