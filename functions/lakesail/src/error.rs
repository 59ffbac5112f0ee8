//! Errors as LakeSail's clients read them: `{"message": string}`.

use lambda_http::Body;
use lambda_http::http::Response;
use latchkey::error::Error;
use latchkey::http::reply_error;
use latchkey::principal::Denial;
use serde::Serialize;

#[derive(Serialize)]
struct Problem {
    message: String,
}

/// Says `error` the way this dialect's clients expect to read it.
pub(crate) fn render(error: &Error) -> Response<Body> {
    let message = match error {
        // This dialect has no word for scopes.
        Error::Denied(Denial::MissingScope(_)) => {
            "this key may not manage service account keys".to_owned()
        }
        Error::Denied(Denial::FullAccessNeeded) => {
            "this key may not manage service accounts".to_owned()
        }
        other => other.to_string(),
    };
    reply_error(error, &Problem { message })
}
