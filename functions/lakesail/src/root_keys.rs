//! Root keys, which administer the deployment: `/api/admin/v1/keys`.

use latchkey::principal::Principal;
use latchkey::store::Listed;
use latchkey_http::authenticate::AuthenticatedRequest;
use latchkey_http::{Error, Response, StatusCode};

use crate::wire::{self, Items, KeySummary, MARKER};
use crate::{App, keys};

/// `CreateRootKey`
pub(crate) async fn create(
    app: &App,
    request: &AuthenticatedRequest<'_>,
) -> Result<Response, Error> {
    let caller = request.principal();
    caller.root()?;
    let repeatable = request.idempotency("CreateRootKey", &[])?;
    let expires_at = wire::expires_at(request)?;
    let created = app.latchkey.create_root_key(caller, expires_at, repeatable, keys::created);
    Ok(created.await?)
}

/// `ListRootKeys`
pub(crate) async fn list(app: &App, request: &AuthenticatedRequest<'_>) -> Result<Response, Error> {
    let asked = request.page(MARKER, &["root keys"], app.latchkey.now())?;
    let (size, after, listed) = (asked.size(), asked.after.as_deref(), Listed::NotRevoked);
    let page = app.latchkey.root_keys(request.principal(), listed, size, after).await?;
    let items = page.items.iter().map(KeySummary::from).collect();
    let marker = asked.next(&app.latchkey, page.next.as_deref())?;
    Ok(Response::json(StatusCode::OK, &Items { items, marker }))
}

/// `DescribeRootKey`
pub(crate) async fn describe(
    app: &App,
    caller: &Principal,
    [key]: [&str; 1],
) -> Result<Response, Error> {
    keys::summary(&app.latchkey.root_key(caller, &wire::key_id(key)?).await?)
}

/// `DeleteRootKey`
pub(crate) async fn delete(
    app: &App,
    caller: &Principal,
    [key]: [&str; 1],
) -> Result<Response, Error> {
    let key = wire::key_id(key)?;
    keys::deleted(&key, app.latchkey.revoke_root_key(caller, &key).await?)
}
