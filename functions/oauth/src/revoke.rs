//! Token revocation (RFC 7009): POST `/oauth/revoke`.

use latchkey_http::form::form_parameter;
use latchkey_http::{Error, Request, Response, StatusCode};

use crate::App;

/// Whoever holds a token may revoke it, and need not say who it is: a leaked key is ended by whoever
/// finds it. Tokens that are none of ours are revoked already (RFC 7009, section 2.2).
pub(crate) async fn revoke(app: &App, request: &Request) -> Result<Response, Error> {
    let token = form_parameter(request, "token")?;
    app.latchkey.revoke_presented(&token).await?;
    Ok(Response::empty(StatusCode::OK))
}
