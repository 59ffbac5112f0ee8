//! The keys of a service account: `.../service-accounts/{service_account_id}/keys`.

use std::time::Duration;

use lambda_http::http::{Response, StatusCode};
use lambda_http::{Body, Request};
use latchkey::account::ServiceAccount;
use latchkey::error::Error;
use latchkey::http::{json_fields, no_content, no_store, reply};
use latchkey::idempotency::Retry;
use latchkey::key::KeyChange;
use latchkey::principal::AccountPrincipal;
use latchkey::store::Listed;
use latchkey::{MintRequest, Minted, RotateRequest};

use crate::App;
use crate::wire::{self, CreatedKey, KeyInfo, KeyList, NAME, SCOPES};

const GRACE_DAYS: &str = "grace_days";

/// Ours, after the vendor's other API: how long a rotated key stays valid.
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
    let account = wire::account_id(account)?;
    let mut fields = json_fields(request, &[NAME, SCOPES])?;
    let request = MintRequest {
        account,
        name: wire::key_name(&mut fields)?,
        scopes: Some(app.scopes.select(&fields.take_nullable_strings(SCOPES)?)?),
        // This dialect has no expiry; the deployment's maximum lifetime still applies.
        expires_at: None,
        expires_at_field: "",
    };
    app.latchkey.mint_and_describe(caller, request, retry, created).await
}

/// Lists keys, those that have ended as well.
pub(crate) async fn list(
    app: &App,
    caller: &AccountPrincipal,
    [account]: [&str; 1],
    request: &Request,
) -> Result<Response<Body>, Error> {
    let account = wire::account_id(account)?;
    let request = wire::page(app, request, &["keys", account.as_ref()])?;
    let page = app.latchkey.keys(caller, &account, Listed::All, &request).await?;
    let keys = page.items.iter().map(KeyInfo::from).collect();
    let next_cursor = app.latchkey.marker(&request, page.next.as_deref())?;
    Ok(reply(StatusCode::OK, &KeyList { keys, next_cursor }))
}

/// Describes a key.
pub(crate) async fn get(
    app: &App,
    caller: &AccountPrincipal,
    [account, key]: [&str; 2],
) -> Result<Response<Body>, Error> {
    let (account, key) = (wire::account_id(account)?, wire::key_id(key)?);
    let key = app.latchkey.key(caller, &account, &key).await?;
    Ok(reply(StatusCode::OK, &KeyInfo::from(&key)))
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
    Ok(reply(StatusCode::OK, &KeyInfo::from(&key)))
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
    let (account, key) = (wire::account_id(account)?, wire::key_id(key)?);
    let mut fields = json_fields(request, &[GRACE_DAYS])?;
    let days = fields.take_integer(GRACE_DAYS, 0, GRACE_DAYS_MAX)?.unwrap_or(GRACE_DAYS_DEFAULT);
    let grace = Duration::from_secs(days * 24 * 60 * 60);
    let request = RotateRequest { account, key, grace };
    app.latchkey.rotate(caller, &request, retry, created).await
}

fn created(minted: &Minted, account: &ServiceAccount) -> Response<Body> {
    no_store(reply(StatusCode::OK, &CreatedKey::new(minted, account)))
}
