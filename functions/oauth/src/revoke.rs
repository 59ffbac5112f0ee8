//! Token revocation (RFC 7009): POST `/oauth/revoke`.

use lambda_http::http::{Response, StatusCode};
use lambda_http::{Body, Request};
use latchkey::error::Error;
use latchkey::http::form_parameter;

use crate::App;

/// Whoever holds a token may revoke it, and need not say who it is: a leaked key is ended by whoever
/// finds it. Tokens that are none of ours are revoked already (RFC 7009, section 2.2).
pub(crate) async fn revoke(app: &App, request: &Request) -> Result<Response<Body>, Error> {
    let token = form_parameter(request, "token")?;
    app.latchkey.revoke_presented(&token).await?;
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::OK;
    Ok(response)
}
