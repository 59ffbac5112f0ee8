//! Token revocation (RFC 7009): POST `/oauth/revoke`.

use latchkey_http::form::form_parameter;
use latchkey_http::{Error, Request, Response, StatusCode, log};

use crate::App;

/// Revokes the token.
///
/// The caller needs no other authentication, so that anyone who finds a leaked key can revoke it. A token
/// that is not a Latchkey key counts as already revoked (RFC 7009, section 2.2).
pub(crate) async fn revoke(app: &App, request: &Request) -> Result<Response, Error> {
    let token = form_parameter(request, "token")?;
    // Whoever sends the key revokes it, so the log names the key.
    log::presented(&token);
    let latchkey = app.latchkey.for_request(request.origin.clone());
    latchkey.revoke_presented(&token).await?;
    Ok(Response::empty(StatusCode::OK))
}
