//! Key verification over HTTP.
//!
//! OAuth token introspection (RFC 7662) and revocation (RFC 7009), their metadata (RFC 8414), forward
//! authentication for proxies, and a health check.

mod error;
mod health;
mod introspect;
mod metadata;
mod revoke;
mod settings;
mod token;
mod verify;

use latchkey::Latchkey;
use latchkey_http::route::{self, Route};
use latchkey_http::serve::with_deadline;
use latchkey_http::{Request, Response};

use error::Refused;

pub use settings::{InvalidIssuer, Issuer, Settings};

/// The function's state, built once per cold start.
#[derive(Clone, Debug)]
pub struct App {
    /// The service.
    pub latchkey: Latchkey,
    /// The deployment's settings.
    pub settings: Settings,
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
    let matched = route::find(ROUTES, request)?;
    match matched.operation {
        Operation::Introspect => introspect::introspect(app, request).await,
        Operation::Revoke => Ok(revoke::revoke(app, request).await?),
        Operation::Token => Ok(token::token(request)?),
        Operation::Metadata => Ok(metadata::metadata(app, request)),
        Operation::Verify => Ok(verify::verify(app, request).await?),
        Operation::VerifyPath => Ok(verify::verify_path(app, request).await?),
        Operation::Health => Ok(health::health(app, request).await?),
    }
}
