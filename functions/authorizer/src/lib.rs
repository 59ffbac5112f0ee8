//! A Lambda authorizer for API Gateway and AppSync: verifies keys for your own APIs.
//!
//! One function covers every form: HTTP APIs with payload 2.0 (simple response or policy) and 1.0, REST
//! APIs with `REQUEST` and `TOKEN` authorizers, WebSocket APIs, and AppSync GraphQL APIs.
//!
//! Whatever a caller presents, the response is an allow or a deny. Only a failing store and a misconfigured
//! deployment are errors: API Gateway responds to those with a 500 and caches nothing.

mod event;
mod response;
mod routes;
mod settings;

use lambda_runtime::Diagnostic;
use latchkey::Latchkey;
use latchkey::error::Refusal;
use latchkey::principal::{AccountPrincipal, Principal};
use latchkey::scope::Scope;
use latchkey::service::Freshness;
use latchkey_http::authenticate::refuse;
use latchkey_http::serve::with_deadline;
use latchkey_http::{Error, StatusCode, log};

pub use event::Event;
pub use response::Response;
pub use routes::RouteScopes;
pub use settings::{ResponseForm, Settings};

/// The function's state, built once per cold start.
#[derive(Clone, Debug)]
pub struct App {
    /// The service.
    pub latchkey: Latchkey,
    /// The deployment's settings.
    pub settings: Settings,
}

/// Why there is no verdict: the caller gets no access, and nothing is cached.
#[derive(Debug, thiserror::Error)]
pub enum NoVerdict {
    /// The store failed.
    #[error("{0}")]
    Store(#[from] Error),
    /// The event names no API for a policy and is not from AppSync.
    #[error("the event must come from API Gateway or an AppSync GraphQL API")]
    NoApi,
    /// Scopes are required by route, and the event does not name its route.
    #[error("LATCHKEY_ROUTE_SCOPES is set, but the event names no route; use a REQUEST authorizer")]
    NoRoute,
}

/// The form in which Lambda reports a failed invocation; logs can be filtered by its `errorType`.
impl From<NoVerdict> for Diagnostic {
    fn from(reason: NoVerdict) -> Self {
        let word = match &reason {
            NoVerdict::Store(error) if error.status() == StatusCode::SERVICE_UNAVAILABLE => {
                "StoreUnavailable"
            }
            NoVerdict::Store(_) => "StoreFailed",
            NoVerdict::NoApi => "NoApi",
            NoVerdict::NoRoute => "NoRoute",
        };
        Self { error_type: word.to_owned(), error_message: reason.to_string() }
    }
}

/// Decides whether a request to a protected API may pass.
///
/// # Errors
///
/// [`NoVerdict`], which API Gateway turns into a 500.
pub async fn handle(app: &App, event: Event) -> Result<Response, NoVerdict> {
    let judged = judge(app, &event).await;
    // A store failure has already been logged where it occurred.
    if let Err(error @ (NoVerdict::NoApi | NoVerdict::NoRoute)) = &judged
        && let Some(left_out) = app.latchkey.admit_line("no verdict")
    {
        tracing::error!(left_out, "{error}");
    }
    judged
}

async fn judge(app: &App, event: &Event) -> Result<Response, NoVerdict> {
    let form = response::Form::of(event, app.settings.response)?;
    let Some(required) = app.settings.routes.required(event)? else {
        if let Some(left_out) = app.latchkey.admit_line("route not listed") {
            let route = event.routes().into_iter().next();
            tracing::info!(route, left_out, "denied, because RouteScopes does not list this route");
        }
        return Ok(form.deny());
    };
    match with_deadline(&app.latchkey, authorize(app, event, required)).await {
        Ok(caller) => Ok(form.allow(&caller)),
        Err(error) if error.status().is_client_error() => Ok(form.deny()),
        Err(error) => Err(error.into()),
    }
}

async fn authorize(
    app: &App,
    event: &Event,
    required: &[Scope],
) -> Result<AccountPrincipal, Error> {
    let token = event.credential(&app.settings.header);
    let token = token.ok_or_else(|| refuse(&app.latchkey, Refusal::Missing))?;
    let verified = app.latchkey.verify(token, Freshness::Cached).await;
    let principal = verified.inspect_err(|_| log::presented(token))?;
    let allowed = allowed(app, &principal, required);
    allowed.cloned().inspect_err(|_| log::caller(&principal))
}

/// Checks that a verified caller may use a route that requires some scopes.
fn allowed<'p>(
    app: &App,
    principal: &'p Principal,
    required: &[Scope],
) -> Result<&'p AccountPrincipal, Error> {
    // Root keys administer Latchkey; they give no access to other APIs.
    let caller = principal.service_account()?;
    app.settings.organizations.check(caller)?;
    for scope in required {
        caller.require(scope)?;
    }
    Ok(caller)
}

#[cfg(test)]
mod tests {
    use latchkey::store::StoreError;

    use super::*;

    #[test]
    fn a_failed_invocation_has_a_word_for_its_type() {
        for (reason, word) in [
            (
                NoVerdict::Store(latchkey::Error::from(StoreError::unavailable("time-out")).into()),
                "StoreUnavailable",
            ),
            (NoVerdict::Store(latchkey::Error::Busy.into()), "StoreUnavailable"),
            (NoVerdict::NoApi, "NoApi"),
            (NoVerdict::NoRoute, "NoRoute"),
        ] {
            let message = reason.to_string();
            let diagnostic = Diagnostic::from(reason);
            assert_eq!((diagnostic.error_type.as_str(), diagnostic.error_message), (word, message));
        }
    }
}
