//! Root keys, which administer the deployment: `/api/admin/v1/keys`.

use lambda_http::http::{Response, StatusCode};
use lambda_http::{Body, Request};
use latchkey::Minted;
use latchkey::error::Error;
use latchkey::http::{no_store, reply};
use latchkey::idempotency::Retry;
use latchkey::page::PageRequest;
use latchkey::principal::Principal;
use latchkey::store::Listed;

use crate::wire::{self, CreatedKey, EXPIRES_AT, Items, KeySummary, MARKER};
use crate::{App, keys};

/// `CreateRootKey`
pub(crate) async fn create(
    app: &App,
    caller: &Principal,
    request: &Request,
) -> Result<Response<Body>, Error> {
    caller.root()?;
    let retry = Retry::of(request, caller.key(), "CreateRootKey", &[])?;
    let expires_at = wire::expires_at(request)?;
    let respond = |minted: &Minted| no_store(reply(StatusCode::CREATED, &CreatedKey::from(minted)));
    app.latchkey.create_root_key(caller, expires_at, EXPIRES_AT, retry, respond).await
}

/// `ListRootKeys`
pub(crate) async fn list(
    app: &App,
    caller: &Principal,
    request: &Request,
) -> Result<Response<Body>, Error> {
    let request = PageRequest::of(request, MARKER, &["root keys"], app.latchkey.now())?;
    let (size, after) = (request.size(), request.after.as_deref());
    let page = app.latchkey.root_keys(caller, Listed::NotRevoked, size, after).await?;
    let items = page.items.iter().map(KeySummary::from).collect();
    let marker = app.latchkey.marker(&request, page.next.as_deref())?;
    Ok(reply(StatusCode::OK, &Items { items, marker }))
}

/// `DescribeRootKey`
pub(crate) async fn describe(
    app: &App,
    caller: &Principal,
    [key]: [&str; 1],
) -> Result<Response<Body>, Error> {
    keys::summary(&app.latchkey.root_key(caller, &wire::key_id(key)?).await?)
}

/// `DeleteRootKey`
pub(crate) async fn delete(
    app: &App,
    caller: &Principal,
    [key]: [&str; 1],
) -> Result<Response<Body>, Error> {
    let key = wire::key_id(key)?;
    keys::deleted(&key, app.latchkey.revoke_root_key(caller, &key).await?)
}
