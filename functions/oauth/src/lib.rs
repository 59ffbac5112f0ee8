//! Key verification over HTTP.
//!
//! OAuth token introspection (RFC 7662) and revocation (RFC 7009), their metadata (RFC 8414), forward
//! authentication for proxies, reports of leaked keys, and a health check.

mod error;
mod health;
mod introspect;
mod leaks;
mod metadata;
mod revoke;
mod settings;
mod token;
mod verify;

use std::sync::Arc;

use latchkey::Latchkey;
use latchkey_http::route::{self, Route};
use latchkey_http::serve::with_deadline;
use latchkey_http::{Error, Request, Response};

use error::Refused;
use leaks::PublicKeys;

pub use leaks::{Document, KeySource, SourceError};
pub use settings::{InvalidIssuer, Issuer, Settings};

/// The function's state, built once per cold start.
#[derive(Clone, Debug)]
pub struct App {
    /// The service.
    pub latchkey: Latchkey,
    /// The deployment's settings.
    pub settings: Settings,
    github_keys: Arc<PublicKeys>,
}

impl App {
    /// Creates the state. It reads the public keys that verify leak reports from GitHub, once a report needs
    /// them.
    pub fn new(latchkey: Latchkey, settings: Settings) -> Self {
        let github_keys = Arc::new(PublicKeys::new(leaks::from_github()));
        Self { latchkey, settings, github_keys }
    }

    /// Reads those keys from `source` instead.
    #[must_use]
    pub fn with_github_keys(self, source: KeySource) -> Self {
        Self { github_keys: Arc::new(PublicKeys::new(source)), ..self }
    }
}

/// The operations of this function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// RFC 7662.
    Introspect,
    /// RFC 7009.
    Revoke,
    /// RFC 6749, section 3.2; rejects every grant.
    Token,
    /// RFC 8414.
    Metadata,
    /// The request that NGINX, Caddy, and Traefik send before they forward a client's request.
    Verify,
    /// The same for Envoy.
    VerifyPath,
    /// For synthetic checks.
    Health,
    /// GitHub's reports of leaked keys; unless the deployment accepts them, there is no such path.
    ReportLeak,
}

/// The routes of these operations; the template lists the same routes.
pub const ROUTES: &[Route<Operation>] = &[
    Route { method: "POST", path: "/oauth/introspect", operation: Operation::Introspect },
    Route { method: "POST", path: "/oauth/revoke", operation: Operation::Revoke },
    Route { method: "POST", path: "/oauth/token", operation: Operation::Token },
    Route {
        method: "GET",
        path: "/.well-known/oauth-authorization-server",
        operation: Operation::Metadata,
    },
    Route { method: "ANY", path: "/verify", operation: Operation::Verify },
    Route { method: "ANY", path: "/verify/{path+}", operation: Operation::VerifyPath },
    Route { method: "GET", path: "/health", operation: Operation::Health },
    Route { method: "POST", path: "/leaks/github", operation: Operation::ReportLeak },
];

/// Responds to a request; every error is a response that the client can read.
pub async fn handle(app: &App, request: Request) -> Response {
    let response = match with_deadline(&app.latchkey, serve(app, &request)).await {
        Ok(response) => response,
        Err(refused) => error::render(&refused),
    };
    // A verdict is valid only at this moment, so only Latchkey itself may cache it.
    response.no_store()
}

async fn serve(app: &App, request: &Request) -> Result<Response, Refused> {
    let matched = route::find(routes(app), request)?;
    match matched.operation {
        Operation::Introspect => introspect::introspect(app, request).await,
        Operation::Revoke => Ok(revoke::revoke(app, request).await?),
        Operation::Token => Ok(token::token(request)?),
        Operation::Metadata => Ok(metadata::metadata(app, request)),
        Operation::Verify => Ok(verify::verify(app, request).await?),
        Operation::VerifyPath => Ok(verify::verify_path(app, request).await?),
        Operation::Health => Ok(health::health(app, request).await?),
        Operation::ReportLeak => match app.settings.leak_action {
            Some(action) => Ok(leaks::report(app, action, request).await?),
            None => Err(Error::RouteNotFound.into()),
        },
    }
}

/// The routes that the deployment serves: without leak reports, all but their path, which then is as unknown
/// as any other.
fn routes(app: &App) -> &'static [Route<Operation>] {
    match ROUTES {
        [others @ .., reports] if reports.operation == Operation::ReportLeak => {
            if app.settings.leak_action.is_some() { ROUTES } else { others }
        }
        all => all,
    }
}
