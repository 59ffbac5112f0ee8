//! The keys of a service account: `/api/org/v1/service-accounts/{sa}/keys`.

use lambda_http::http::{Response, StatusCode};
use lambda_http::{Body, Request};
use latchkey::error::Error;
use latchkey::http::{no_content, no_store, reply};
use latchkey::id::KeyId;
use latchkey::idempotency::Retry;
use latchkey::key::Key;
use latchkey::page::PageRequest;
use latchkey::principal::AccountPrincipal;
use latchkey::store::{Listed, Revoked};
use latchkey::{MintRequest, Minted};

use crate::App;
use crate::wire::{self, CreatedKey, EXPIRES_AT, Items, KeySummary, MARKER};

/// `CreateServiceAccountKey`
pub(crate) async fn create(
    app: &App,
    caller: &AccountPrincipal,
    [account]: [&str; 1],
    request: &Request,
) -> Result<Response<Body>, Error> {
    let retry = Retry::of(request, &caller.key, "CreateServiceAccountKey", &[account])?;
    let request = MintRequest {
        account: wire::account_id(account)?,
        name: None,
        // Ours: this dialect has no scopes, so a key gets its minter's and never exceeds it.
        scopes: None,
        expires_at: wire::expires_at(request)?,
        expires_at_field: EXPIRES_AT,
    };
    let respond = |minted: &Minted| no_store(reply(StatusCode::CREATED, &CreatedKey::from(minted)));
    app.latchkey.mint(caller, request, retry, respond).await
}

/// `ListServiceAccountKeys`
pub(crate) async fn list(
    app: &App,
    caller: &AccountPrincipal,
    [account]: [&str; 1],
    request: &Request,
) -> Result<Response<Body>, Error> {
    let account = wire::account_id(account)?;
    let list = ["keys", account.as_ref()];
    let request = PageRequest::of(request, MARKER, &list, app.latchkey.now())?;
    // Ours: this dialect has no word for a key that was revoked, so it is gone.
    let (size, after) = (request.size(), request.after.as_deref());
    let page = app.latchkey.keys(caller, &account, Listed::NotRevoked, size, after).await?;
    let items = page.items.iter().map(KeySummary::from).collect();
    let marker = app.latchkey.marker(&request, page.next.as_deref())?;
    Ok(reply(StatusCode::OK, &Items { items, marker }))
}

/// `DescribeServiceAccountKey`
pub(crate) async fn describe(
    app: &App,
    caller: &AccountPrincipal,
    [account, key]: [&str; 2],
) -> Result<Response<Body>, Error> {
    let (account, key) = (wire::account_id(account)?, wire::key_id(key)?);
    let key = app.latchkey.key(caller, &account, &key).await?;
    summary(&key)
}

/// `DeleteServiceAccountKey`
pub(crate) async fn delete(
    app: &App,
    caller: &AccountPrincipal,
    [account, key]: [&str; 2],
) -> Result<Response<Body>, Error> {
    let (account, key) = (wire::account_id(account)?, wire::key_id(key)?);
    deleted(&key, app.latchkey.revoke_key(caller, &account, &key).await?)
}

/// The answer that describes a key; one that was deleted is gone.
pub(crate) fn summary(key: &Key) -> Result<Response<Body>, Error> {
    match key.revoked_at {
        None => Ok(reply(StatusCode::OK, &KeySummary::from(key))),
        Some(_) => Err(Error::KeyNotFound(key.id.clone())),
    }
}

/// The answer to a delete; a key that was deleted before is gone.
pub(crate) fn deleted(key: &KeyId, revoked: Revoked) -> Result<Response<Body>, Error> {
    match revoked {
        Revoked::Now(_) => Ok(no_content()),
        Revoked::Before(_) => Err(Error::KeyNotFound(key.clone())),
    }
}
