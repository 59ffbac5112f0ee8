//! `CreateServiceAccountKey`: POST `/api/org/v1/service-accounts/{sa}/keys`.

use lambda_http::http::{Response, StatusCode};
use lambda_http::{Body, Request};
use latchkey::error::Error;
use latchkey::http::{json_fields, no_store, reply};
use latchkey::id::ServiceAccountId;
use latchkey::idempotency::Retry;
use latchkey::principal::Principal;
use latchkey::time::Timestamp;
use latchkey::{MintRequest, Minted};
use serde::Serialize;

use crate::App;

const EXPIRES_AT: &str = "expiresAt";

pub(crate) async fn create_key(
    app: &App,
    principal: &Principal,
    account: &str,
    request: &Request,
) -> Result<Response<Body>, Error> {
    let caller = principal.service_account()?;
    let retry = Retry::of(request, &caller.key, "CreateServiceAccountKey", &[account])?;
    let request = parse(account, request)?;
    let respond =
        |minted: &Minted| no_store(reply(StatusCode::CREATED, &ServiceAccountKey::from(minted)));
    app.latchkey.mint(caller, request, retry, respond).await
}

/// `ServiceAccountKeySpec`.
fn parse(account: &str, request: &Request) -> Result<MintRequest, Error> {
    let account: ServiceAccountId = account.parse()?;
    let mut fields = json_fields(request, &[EXPIRES_AT])?;
    let expires_at = match fields.take_string(EXPIRES_AT)? {
        None => None,
        Some(text) => Some(
            text.parse::<Timestamp>()
                .map_err(|problem| Error::InvalidTimestamp { field: EXPIRES_AT, problem })?,
        ),
    };
    Ok(MintRequest {
        account,
        name: None,
        // Ours: this dialect has no scopes, so a key gets its minter's and never exceeds it.
        scopes: None,
        expires_at,
        expires_at_field: EXPIRES_AT,
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ServiceAccountKey<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    key: &'a str,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl<'a> From<&'a Minted> for ServiceAccountKey<'a> {
    fn from(minted: &'a Minted) -> Self {
        Self {
            id: minted.key.id.as_ref(),
            expires_at: minted.key.spec.expires_at,
            key: minted.token.expose(),
            created_at: minted.key.created_at,
            updated_at: minted.key.updated_at,
        }
    }
}
