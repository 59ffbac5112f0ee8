//! The keys of a service account: `.../service-accounts/{service_account_id}/keys`.

use std::time::Duration;

use latchkey::account::ServiceAccount;
use latchkey::id::{KeyId, ServiceAccountId};
use latchkey::key::{KeyChange, Minted};
use latchkey::principal::AccountPrincipal;
use latchkey::service::{MintRequest, RotateRequest};
use latchkey::store::Listed;
use latchkey_http::authenticate::AuthenticatedRequest;
use latchkey_http::{Error, Response, StatusCode};

use crate::App;
use crate::list;
use crate::wire::{self, CreatedKey, KeyInfo, NAME, SCOPES};

const GRACE_DAYS: &str = "grace_days";

/// Ours, modeled on the vendor's newer API: how long a rotated key stays valid.
const GRACE_DAYS_DEFAULT: u64 = 7;
const GRACE_DAYS_MAX: u64 = 30;

/// `create-current-service-account-key`
pub(crate) async fn create(
    app: &App,
    caller: &AccountPrincipal,
    [account]: [&str; 1],
    request: &AuthenticatedRequest<'_>,
) -> Result<Response, Error> {
    let repeatable = request.idempotency("create-current-service-account-key", &[account])?;
    let mint = mint_request(app, wire::account_id(account)?, request)?;
    let own = request.own_account();
    Ok(app.latchkey.mint_and_describe(caller, own, mint, repeatable, created).await?)
}

/// Reads the key to create from a request.
pub(crate) fn mint_request(
    app: &App,
    account: ServiceAccountId,
    request: &AuthenticatedRequest<'_>,
) -> Result<MintRequest, Error> {
    let (name, scopes) =
        request.json(|fields| (fields.nullable_text(NAME), fields.nullable_strings(SCOPES)))?;
    Ok(MintRequest {
        account,
        name: name?.flatten(),
        scopes: Some(app.scopes.select(&scopes?.unwrap_or_default())?),
        // This dialect has no expiry; the deployment's maximum lifetime still applies.
        expires_at: None,
    })
}

/// Lists keys, including ended ones.
pub(crate) async fn list(
    app: &App,
    caller: &AccountPrincipal,
    [account]: [&str; 1],
    request: &AuthenticatedRequest<'_>,
) -> Result<Response, Error> {
    list_of(app, caller, &wire::account_id(account)?, request).await
}

/// Lists the keys of `account`.
pub(crate) async fn list_of(
    app: &App,
    caller: &AccountPrincipal,
    account: &ServiceAccountId,
    request: &AuthenticatedRequest<'_>,
) -> Result<Response, Error> {
    let read = async |limit, after: Option<&str>| {
        app.latchkey.keys(caller, account, Listed::All, limit, after).await
    };
    list::list(app, request, &["keys", account.as_ref()], read).await
}

/// Describes a key.
pub(crate) async fn get(
    app: &App,
    caller: &AccountPrincipal,
    [account, key]: [&str; 2],
) -> Result<Response, Error> {
    let (account, key) = (wire::account_id(account)?, wire::key_id(key)?);
    let key = app.latchkey.key(caller, &account, &key).await?;
    Ok(Response::json(StatusCode::OK, &KeyInfo::new(&key, app.latchkey.now())))
}

/// Changes a key's name or scopes; absent fields keep their values.
pub(crate) async fn update(
    app: &App,
    caller: &AccountPrincipal,
    [account, key]: [&str; 2],
    request: &AuthenticatedRequest<'_>,
) -> Result<Response, Error> {
    let (account, key) = (wire::account_id(account)?, wire::key_id(key)?);
    let (name, scopes) =
        request.json(|fields| (fields.nullable_text(NAME), fields.nullable_strings(SCOPES)))?;
    let name = name?;
    let scopes = scopes?.map(|scopes| app.scopes.select(&scopes)).transpose()?;
    let change = KeyChange { name, scopes };
    let key = app.latchkey.update_key(caller, &account, &key, &change).await?;
    Ok(Response::json(StatusCode::OK, &KeyInfo::new(&key, app.latchkey.now())))
}

/// Revokes a key. Ours: revoking a revoked key succeeds, so that a retry succeeds.
pub(crate) async fn revoke(
    app: &App,
    caller: &AccountPrincipal,
    [account, key]: [&str; 2],
) -> Result<Response, Error> {
    let (account, key) = (wire::account_id(account)?, wire::key_id(key)?);
    app.latchkey.revoke_key(caller, &account, &key).await?;
    Ok(Response::no_content())
}

/// Creates a key that replaces another one, which stays valid for some days.
pub(crate) async fn rotate(
    app: &App,
    caller: &AccountPrincipal,
    [account, key]: [&str; 2],
    request: &AuthenticatedRequest<'_>,
) -> Result<Response, Error> {
    let operation = "rotate-current-service-account-key";
    let repeatable = request.idempotency(operation, &[account, key])?;
    let rotate = rotate_request(wire::account_id(account)?, wire::key_id(key)?, request)?;
    Ok(app.latchkey.rotate(caller, &rotate, repeatable, created).await?)
}

/// Reads the rotation from a request.
pub(crate) fn rotate_request(
    account: ServiceAccountId,
    key: KeyId,
    request: &AuthenticatedRequest<'_>,
) -> Result<RotateRequest, Error> {
    let days = request.json(|fields| fields.integer(GRACE_DAYS, 0, GRACE_DAYS_MAX))??;
    let days = days.unwrap_or(GRACE_DAYS_DEFAULT);
    let grace = Duration::from_secs(days * 24 * 60 * 60);
    Ok(RotateRequest { account, key, grace })
}

fn created(minted: &Minted, account: &ServiceAccount) -> Response {
    Response::json(StatusCode::OK, &CreatedKey::new(minted, Some(account))).no_store()
}
