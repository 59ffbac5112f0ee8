//! Token introspection (RFC 7662): POST `/oauth/introspect`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use latchkey::error::Refusal;
use latchkey::principal::{AccountPrincipal, Denial, Principal};
use latchkey::scope::KEYS_READ;
use latchkey::service::Freshness;
use latchkey_http::authenticate::{self, refuse};
use latchkey_http::form::form_parameter;
use latchkey_http::http::header::{AUTHORIZATION, CACHE_CONTROL};
use latchkey_http::http::{HeaderMap, HeaderValue};
use latchkey_http::{Error, Request, Response, StatusCode, log};
use percent_encoding::percent_decode_str;
use serde::Serialize;

use crate::App;
use crate::error::{Refused, Scheme};

/// An introspection response.
///
/// It says either that the token is not active, and nothing else, or everything that a resource server
/// needs. `organization`, `key_id`, and `full_access` are extensions (RFC 7662, section 2.2).
#[derive(Default, Serialize)]
struct Introspection {
    active: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    full_access: Option<bool>,
}

pub(crate) async fn introspect(app: &App, request: &Request) -> Result<Response, Refused> {
    let principal = authenticate(app, request).await?;
    let caller = caller(&principal).inspect_err(|_| log::caller(&principal))?;
    let token = form_parameter(request, "token")?;
    let freshness =
        if wants_no_cache(&request.headers) { Freshness::Now } else { Freshness::Cached };
    let introspection = match app.latchkey.verify(&token, freshness).await {
        // A root key or another organization's key is reported like a key that does not exist.
        Ok(Principal::ServiceAccount(holder)) if holder.organization == caller.organization => {
            Introspection::from(&holder)
        }
        Ok(_) | Err(latchkey::Error::Unauthenticated(_)) => Introspection::default(),
        Err(error) => return Err(error.into()),
    };
    Ok(Response::json(StatusCode::OK, &introspection))
}

/// Returns the caller if it may introspect keys.
fn caller(principal: &Principal) -> Result<&AccountPrincipal, Denial> {
    let caller = principal.service_account()?;
    caller.require(&KEYS_READ)?;
    Ok(caller)
}

/// Authenticates the caller by a key.
///
/// The key is a bearer token or a service account's password (RFC 6749, section 2.3.1).
async fn authenticate(app: &App, request: &Request) -> Result<Principal, Refused> {
    let Some(credentials) = basic(&request.headers) else {
        let principal = authenticate::authenticate(&app.latchkey, request).await;
        return principal.map_err(|error| match error {
            Error::NoCredentials | Error::OtherScheme => Refused { error, scheme: Scheme::Neither },
            error => error.into(),
        });
    };
    let refused = |error| Refused { error, scheme: Scheme::Basic };
    let Some((client_id, key)) = client(credentials) else {
        return Err(refused(refuse(&app.latchkey, Refusal::Scheme)));
    };
    let verified = app.latchkey.verify(&key, Freshness::Cached).await;
    let verified = verified.inspect_err(|_| log::presented(&key));
    match verified.map_err(|error| refused(error.into()))? {
        Principal::ServiceAccount(caller) if caller.account.as_ref() != client_id => {
            Err(refused(refuse(&app.latchkey, Refusal::Unknown)))
        }
        principal => Ok(principal),
    }
}

/// Returns what follows `Basic` in a single `Authorization` header.
fn basic(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let (scheme, credentials) = value.to_str().ok()?.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("Basic").then_some(credentials)
}

/// Returns a client's ID and password, each of which is form-encoded.
fn client(credentials: &str) -> Option<(String, String)> {
    let decoded = String::from_utf8(STANDARD.decode(credentials.trim()).ok()?).ok()?;
    let (client_id, password) = decoded.split_once(':')?;
    let text = |part| percent_decode_str(part).decode_utf8_lossy().into_owned();
    Some((text(client_id), text(password)))
}

fn wants_no_cache(headers: &HeaderMap) -> bool {
    let directives = |value: &HeaderValue| {
        let text = value.to_str().unwrap_or_default().to_ascii_lowercase();
        text.split(',').any(|directive| matches!(directive.trim(), "no-cache" | "no-store"))
    };
    headers.get_all(CACHE_CONTROL).iter().any(directives)
}

impl From<&AccountPrincipal> for Introspection {
    fn from(holder: &AccountPrincipal) -> Self {
        Self {
            active: true,
            scope: (!holder.scopes.is_full_access()).then(|| holder.scopes.join(" ")),
            client_id: Some(holder.account.to_string()),
            token_type: Some("Bearer"),
            // Rounded down: a caller that caches the response until then must not accept the key after it
            // expires.
            exp: holder.expires_at.map(|end| end.as_millis().div_euclid(1000)),
            sub: Some(holder.account.to_string()),
            organization: Some(holder.organization.to_string()),
            key_id: Some(holder.key.to_string()),
            full_access: Some(holder.scopes.is_full_access()),
        }
    }
}
