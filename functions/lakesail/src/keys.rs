//! The keys of a service account: `/api/org/v1/service-accounts/{sa}/keys`.

use latchkey::Error as Refused;
use latchkey::id::KeyId;
use latchkey::key::{Key, Minted};
use latchkey::principal::AccountPrincipal;
use latchkey::service::MintRequest;
use latchkey::store::{Listed, Revocation};
use latchkey_http::authenticate::AuthenticatedRequest;
use latchkey_http::{Error, Response, StatusCode};

use crate::App;
use crate::wire::{self, CreatedKey, Items, KeySummary, MARKER};

/// `CreateServiceAccountKey`
pub(crate) async fn create(
    app: &App,
    caller: &AccountPrincipal,
    [account]: [&str; 1],
    request: &AuthenticatedRequest<'_>,
) -> Result<Response, Error> {
    let repeatable = request.idempotency("CreateServiceAccountKey", &[account])?;
    let mint = MintRequest {
        account: wire::account_id(account)?,
        name: None,
        // Ours: this dialect has no scopes, so a key gets exactly the scopes of the key that creates it.
        scopes: None,
        expires_at: wire::expires_at(request)?,
    };
    Ok(app.latchkey.mint(caller, mint, repeatable, created).await?)
}

/// `ListServiceAccountKeys`
pub(crate) async fn list(
    app: &App,
    caller: &AccountPrincipal,
    [account]: [&str; 1],
    request: &AuthenticatedRequest<'_>,
) -> Result<Response, Error> {
    let account = wire::account_id(account)?;
    let list = ["keys", account.as_ref()];
    let asked = request.page(MARKER, &list, app.latchkey.now())?;
    // Ours: this dialect cannot express a revoked key, so it is reported as gone.
    let (size, after) = (asked.size(), asked.after.as_deref());
    let page = app.latchkey.keys(caller, &account, Listed::NotRevoked, size, after).await?;
    let items = page.items.iter().map(KeySummary::from).collect();
    let marker = asked.next(&app.latchkey, page.next.as_deref())?;
    Ok(Response::json(StatusCode::OK, &Items { items, marker }))
}

/// `DescribeServiceAccountKey`
pub(crate) async fn describe(
    app: &App,
    caller: &AccountPrincipal,
    [account, key]: [&str; 2],
) -> Result<Response, Error> {
    let (account, key) = (wire::account_id(account)?, wire::key_id(key)?);
    let key = app.latchkey.key(caller, &account, &key).await?;
    summary(&key)
}

/// `DeleteServiceAccountKey`
pub(crate) async fn delete(
    app: &App,
    caller: &AccountPrincipal,
    [account, key]: [&str; 2],
) -> Result<Response, Error> {
    let (account, key) = (wire::account_id(account)?, wire::key_id(key)?);
    deleted(&key, app.latchkey.revoke_key(caller, &account, &key).await?)
}

/// The response to a create.
pub(crate) fn created(minted: &Minted) -> Response {
    Response::json(StatusCode::CREATED, &CreatedKey::from(minted)).no_store()
}

/// The response that describes a key; a deleted key is reported as gone.
pub(crate) fn summary(key: &Key) -> Result<Response, Error> {
    match key.revoked_at {
        None => Ok(Response::json(StatusCode::OK, &KeySummary::from(key))),
        Some(_) => Err(Refused::KeyNotFound(key.id.clone()).into()),
    }
}

/// The response to a delete; a key that was deleted before is reported as gone.
pub(crate) fn deleted(key: &KeyId, revocation: Revocation) -> Result<Response, Error> {
    match revocation {
        Revocation::Revoked(_) => Ok(Response::no_content()),
        Revocation::AlreadyRevoked(_) => Err(Refused::KeyNotFound(key.clone()).into()),
    }
}
