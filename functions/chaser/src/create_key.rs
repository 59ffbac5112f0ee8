//! `create-current-service-account-key`: POST `.../service-accounts/{service_account_id}/keys`.

use lambda_http::http::{Response, StatusCode};
use lambda_http::{Body, Request};
use latchkey::account::ServiceAccount;
use latchkey::error::Error;
use latchkey::http::{json_fields, no_store, reply};
use latchkey::id::ServiceAccountId;
use latchkey::idempotency::Retry;
use latchkey::principal::AccountPrincipal;
use latchkey::scope::Scope;
use latchkey::text::KeyName;
use latchkey::time::Timestamp;
use latchkey::{MintRequest, Minted};
use serde::Serialize;

use crate::App;

const NAME: &str = "name";
const SCOPES: &str = "scopes";

pub(crate) async fn create_key(
    app: &App,
    caller: &AccountPrincipal,
    account: &str,
    request: &Request,
) -> Result<Response<Body>, Error> {
    let operation = "create-current-service-account-key";
    let retry = Retry::of(request, &caller.key, operation, &[account])?;
    let request = parse(app, account, request)?;
    let respond = |minted: &Minted, account: &ServiceAccount| {
        no_store(reply(StatusCode::OK, &CreatedKey::new(minted, account)))
    };
    app.latchkey.mint_and_describe(caller, request, retry, respond).await
}

/// `CreateServiceAccountKeyRequest`.
fn parse(app: &App, account: &str, request: &Request) -> Result<MintRequest, Error> {
    // Ours: the vendor has no grammar for ids, so one outside ours names nothing.
    let account: ServiceAccountId = account.parse().map_err(|_| Error::UnknownAccount)?;
    let mut fields = json_fields(request, &[NAME, SCOPES])?;
    let name = match fields.take_nullable_string(NAME)? {
        None => None,
        Some(text) => Some(
            text.parse::<KeyName>()
                .map_err(|problem| Error::InvalidText { field: NAME, problem })?,
        ),
    };
    let scopes = app.scopes.select(&fields.take_nullable_strings(SCOPES)?)?;
    Ok(MintRequest {
        account,
        name,
        scopes: Some(scopes),
        // This dialect has no expiry; the deployment's maximum lifetime still applies.
        expires_at: None,
        expires_at_field: "",
    })
}

/// `CreateServiceAccountKeyResponse`.
#[derive(Serialize)]
struct CreatedKey<'a> {
    full_access: bool,
    id: &'a str,
    key: &'a str,
    key_prefix: &'a str,
    name: Option<&'a KeyName>,
    scopes: &'a [Scope],
    service_account: ServiceAccountInfo<'a>,
}

#[derive(Serialize)]
struct ServiceAccountInfo<'a> {
    created_at: Timestamp,
    created_by_user_id: &'a str,
    disabled: bool,
    id: &'a str,
    name: &'a str,
    updated_at: Timestamp,
}

impl<'a> CreatedKey<'a> {
    fn new(minted: &'a Minted, account: &'a ServiceAccount) -> Self {
        let spec = &minted.key.spec;
        Self {
            full_access: spec.scopes.is_full_access(),
            id: minted.key.id.as_ref(),
            key: minted.token.expose(),
            key_prefix: &minted.key.key_prefix,
            name: spec.name.as_ref(),
            scopes: spec.scopes.as_slice(),
            service_account: ServiceAccountInfo {
                created_at: account.created_at,
                // Ours: accounts are made by service accounts or by an operator, `ROOT`.
                created_by_user_id: account.created_by.as_ref(),
                disabled: account.disabled,
                id: account.id.as_ref(),
                name: account.name.as_ref(),
                updated_at: account.updated_at,
            },
        }
    }
}
