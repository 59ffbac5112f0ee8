//! Token introspection (RFC 7662): POST `/oauth/introspect`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lambda_http::http::header::{AUTHORIZATION, CACHE_CONTROL};
use lambda_http::http::{HeaderMap, HeaderValue, Response, StatusCode};
use lambda_http::{Body, Request};
use latchkey::error::{Error, Unauthenticated};
use latchkey::http::{form_parameter, reply};
use latchkey::principal::{AccountPrincipal, Principal};
use latchkey::scope::KEYS_READ;
use percent_encoding::percent_decode_str;
use serde::Serialize;

use crate::App;

/// What is said of a token: that it is not active, and then nothing else, or all that a resource
/// server needs. `organization`, `key_id` and `full_access` are extensions (RFC 7662, section 2.2).
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

pub(crate) async fn introspect(app: &App, request: &Request) -> Result<Response<Body>, Error> {
    let principal = authenticate(app, request.headers()).await?;
    let caller = principal.service_account()?;
    caller.require(KEYS_READ)?;
    let token = form_parameter(request, "token")?;
    let verified = if wants_no_cache(request.headers()) {
        app.latchkey.verify_now(&token).await
    } else {
        app.latchkey.verify(&token).await
    };
    let introspection = match verified {
        // Another organization's key does not exist, nor does a root key.
        Ok(Principal::ServiceAccount(holder)) if holder.organization == caller.organization => {
            Introspection::from(&holder)
        }
        Ok(_) | Err(Error::Unauthenticated(_)) => Introspection::default(),
        Err(error) => return Err(error),
    };
    Ok(reply(StatusCode::OK, &introspection))
}

/// Who asks: a key as a bearer, or as the password of a service account (RFC 6749, section 2.3.1).
async fn authenticate(app: &App, headers: &HeaderMap) -> Result<Principal, Error> {
    let value = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let basic = value.and_then(|value| value.trim().split_once(' '));
    let Some((_, credentials)) = basic.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("Basic"))
    else {
        return app.latchkey.authenticate(headers).await;
    };
    let malformed = || Error::Unauthenticated(Unauthenticated::Scheme);
    let decoded = STANDARD.decode(credentials.trim()).map_err(|_| malformed())?;
    let decoded = String::from_utf8(decoded).map_err(|_| malformed())?;
    let (client_id, key) = decoded.split_once(':').ok_or_else(malformed)?;
    let text = |part| percent_decode_str(part).decode_utf8_lossy().into_owned();
    let (client_id, key) = (text(client_id), text(key));
    match app.latchkey.verify(&key).await? {
        Principal::ServiceAccount(caller) if caller.account.as_ref() != client_id => {
            Err(malformed())
        }
        principal => Ok(principal),
    }
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
            // Down: whoever keeps the answer until then must not take the key after its end.
            exp: holder.expires_at.map(|end| end.as_millis().div_euclid(1000)),
            sub: Some(holder.account.to_string()),
            organization: Some(holder.organization.to_string()),
            key_id: Some(holder.key.to_string()),
            full_access: Some(holder.scopes.is_full_access()),
        }
    }
}
