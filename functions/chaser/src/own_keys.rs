//! The keys of the caller's own service account, `/v1/keys`: a machine need not know its account's ID.
//!
//! The vendor's SDK has these calls for a user's keys. Latchkey has no users.

use latchkey::key::Minted;
use latchkey::principal::AccountPrincipal;
use latchkey_http::authenticate::AuthenticatedRequest;
use latchkey_http::{Error, Response, StatusCode};

use crate::wire::{self, CreatedKey};
use crate::{App, keys};

/// Creates a key.
pub(crate) async fn create(
    app: &App,
    caller: &AccountPrincipal,
    request: &AuthenticatedRequest<'_>,
) -> Result<Response, Error> {
    let repeatable = request.idempotency("create-api-key", &[])?;
    let mint = keys::mint_request(app, caller.account.clone(), request)?;
    Ok(app.latchkey.mint(caller, mint, repeatable, created).await?)
}

/// Lists keys, including ended ones.
pub(crate) async fn list(
    app: &App,
    caller: &AccountPrincipal,
    request: &AuthenticatedRequest<'_>,
) -> Result<Response, Error> {
    keys::list_of(app, caller, &caller.account, request).await
}

/// Revokes a key.
pub(crate) async fn revoke(
    app: &App,
    caller: &AccountPrincipal,
    [key]: [&str; 1],
) -> Result<Response, Error> {
    keys::revoke(app, caller, [caller.account.as_ref(), key]).await
}

/// Ours: creates a key that replaces another one.
pub(crate) async fn rotate(
    app: &App,
    caller: &AccountPrincipal,
    [key]: [&str; 1],
    request: &AuthenticatedRequest<'_>,
) -> Result<Response, Error> {
    let repeatable = request.idempotency("rotate-api-key", &[key])?;
    let rotate = keys::rotate_request(caller.account.clone(), wire::key_id(key)?, request)?;
    Ok(app.latchkey.rotate(caller, &rotate, repeatable, |minted, _| created(minted)).await?)
}

fn created(minted: &Minted) -> Response {
    Response::json(StatusCode::OK, &CreatedKey::new(minted, None)).no_store()
}
