//! The keys of a service account: `.../service-accounts/{service_account_id}/keys`.

use std::time::Duration;

use lambda_http::http::{Response, StatusCode};
use lambda_http::{Body, Request};
use latchkey::account::ServiceAccount;
use latchkey::error::Error;
use latchkey::http::{json_fields, no_content, no_store, reply};
use latchkey::id::{KeyId, ServiceAccountId};
use latchkey::idempotency::Retry;
use latchkey::key::KeyChange;
use latchkey::principal::AccountPrincipal;
use latchkey::store::Listed;
use latchkey::{MintRequest, Minted, RotateRequest};

use crate::App;
use crate::list;
use crate::wire::{self, CreatedKey, KeyInfo, NAME, SCOPES};

const GRACE_DAYS: &str = "grace_days";

/// Ours, after the vendor's newer API: how long a rotated key stays valid.
const GRACE_DAYS_DEFAULT: u64 = 7;
const GRACE_DAYS_MAX: u64 = 30;

/// `create-current-service-account-key`
pub(crate) async fn create(
    app: &App,
    caller: &AccountPrincipal,
    [account]: [&str; 1],
    request: &Request,
) -> Result<Response<Body>, Error> {
    let operation = "create-current-service-account-key";
    let retry = Retry::of(request, &caller.key, operation, &[account])?;
    let request = mint_request(app, wire::account_id(account)?, request)?;
    app.latchkey.mint_and_describe(caller, request, retry, created).await
}

/// The key that a request asks for.
pub(crate) fn mint_request(
    app: &App,
    account: ServiceAccountId,
    request: &Request,
) -> Result<MintRequest, Error> {
    let mut fields = json_fields(request, &[NAME, SCOPES])?;
    Ok(MintRequest {
        account,
        name: wire::key_name(&mut fields)?,
        scopes: Some(app.scopes.select(&fields.take_nullable_strings(SCOPES)?)?),
        // This dialect has no expiry; the deployment's maximum lifetime still applies.
        expires_at: None,
        expires_at_field: "",
    })
}

/// Lists keys, those that have ended as well.
pub(crate) async fn list(
    app: &App,
    caller: &AccountPrincipal,
    [account]: [&str; 1],
    request: &Request,
) -> Result<Response<Body>, Error> {
    list_of(app, caller, &wire::account_id(account)?, request).await
}

/// Lists the keys of `account`.
pub(crate) async fn list_of(
    app: &App,
    caller: &AccountPrincipal,
    account: &ServiceAccountId,
    request: &Request,
) -> Result<Response<Body>, Error> {
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
) -> Result<Response<Body>, Error> {
    let (account, key) = (wire::account_id(account)?, wire::key_id(key)?);
    let key = app.latchkey.key(caller, &account, &key).await?;
    Ok(reply(StatusCode::OK, &KeyInfo::new(&key, app.latchkey.now())))
}

/// Changes a key's name or scopes; what is absent stays.
pub(crate) async fn update(
    app: &App,
    caller: &AccountPrincipal,
    [account, key]: [&str; 2],
    request: &Request,
) -> Result<Response<Body>, Error> {
    let (account, key) = (wire::account_id(account)?, wire::key_id(key)?);
    let mut fields = json_fields(request, &[NAME, SCOPES])?;
    let mut change = KeyChange::default();
    if fields.holds(NAME) {
        change.name = Some(wire::key_name(&mut fields)?);
    }
    if fields.holds(SCOPES) {
        change.scopes = Some(app.scopes.select(&fields.take_nullable_strings(SCOPES)?)?);
    }
    let key = app.latchkey.update_key(caller, &account, &key, &change).await?;
    Ok(reply(StatusCode::OK, &KeyInfo::new(&key, app.latchkey.now())))
}

/// Revokes a key. Ours: a key that was revoked before is revoked, so that a retry succeeds.
pub(crate) async fn revoke(
    app: &App,
    caller: &AccountPrincipal,
    [account, key]: [&str; 2],
) -> Result<Response<Body>, Error> {
    let (account, key) = (wire::account_id(account)?, wire::key_id(key)?);
    app.latchkey.revoke_key(caller, &account, &key).await?;
    Ok(no_content())
}

/// Mints a key in place of another one, which stays valid for some days.
pub(crate) async fn rotate(
    app: &App,
    caller: &AccountPrincipal,
    [account, key]: [&str; 2],
    request: &Request,
) -> Result<Response<Body>, Error> {
    let operation = "rotate-current-service-account-key";
    let retry = Retry::of(request, &caller.key, operation, &[account, key])?;
    let request = rotate_request(wire::account_id(account)?, wire::key_id(key)?, request)?;
    app.latchkey.rotate(caller, &request, retry, created).await
}

/// The rotation that a request asks for.
pub(crate) fn rotate_request(
    account: ServiceAccountId,
    key: KeyId,
    request: &Request,
) -> Result<RotateRequest, Error> {
    let mut fields = json_fields(request, &[GRACE_DAYS])?;
    let days = fields.take_integer(GRACE_DAYS, 0, GRACE_DAYS_MAX)?.unwrap_or(GRACE_DAYS_DEFAULT);
    let grace = Duration::from_secs(days * 24 * 60 * 60);
    Ok(RotateRequest { account, key, grace })
}

fn created(minted: &Minted, account: &ServiceAccount) -> Response<Body> {
    no_store(reply(StatusCode::OK, &CreatedKey::new(minted, Some(account))))
}
