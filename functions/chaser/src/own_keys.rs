//! The keys of the caller's own service account, `/v1/keys`: a machine need not know its account's id.
//!
//! The vendor's SDK has these for the keys of a user, of whom there are none here.

use lambda_http::http::{Response, StatusCode};
use lambda_http::{Body, Request};
use latchkey::Minted;
use latchkey::error::Error;
use latchkey::http::{no_store, reply};
use latchkey::idempotency::Retry;
use latchkey::principal::AccountPrincipal;

use crate::wire::{self, CreatedKey};
use crate::{App, keys};

/// Mints a key.
pub(crate) async fn create(
    app: &App,
    caller: &AccountPrincipal,
    request: &Request,
) -> Result<Response<Body>, Error> {
    let retry = Retry::of(request, &caller.key, "create-api-key", &[])?;
    let request = keys::mint_request(app, caller.account.clone(), request)?;
    app.latchkey.mint(caller, request, retry, created).await
}

/// Lists keys, those that have ended as well.
pub(crate) async fn list(
    app: &App,
    caller: &AccountPrincipal,
    request: &Request,
) -> Result<Response<Body>, Error> {
    keys::list_of(app, caller, &caller.account, request).await
}

/// Revokes a key.
pub(crate) async fn revoke(
    app: &App,
    caller: &AccountPrincipal,
    [key]: [&str; 1],
) -> Result<Response<Body>, Error> {
    keys::revoke(app, caller, [caller.account.as_ref(), key]).await
}

/// Mints a key in place of another one. Ours.
pub(crate) async fn rotate(
    app: &App,
    caller: &AccountPrincipal,
    [key]: [&str; 1],
    request: &Request,
) -> Result<Response<Body>, Error> {
    let retry = Retry::of(request, &caller.key, "rotate-api-key", &[key])?;
    let request = keys::rotate_request(caller.account.clone(), wire::key_id(key)?, request)?;
    app.latchkey.rotate(caller, &request, retry, |minted, _| created(minted)).await
}

fn created(minted: &Minted) -> Response<Body> {
    no_store(reply(StatusCode::OK, &CreatedKey::new(minted, None)))
}
