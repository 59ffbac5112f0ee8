//! Verifying keys over HTTP: OAuth token introspection (RFC 7662) and revocation (RFC 7009), their
//! metadata (RFC 8414), and forward authentication for proxies.

mod error;
mod introspect;
mod metadata;
mod revoke;
mod settings;
mod token;
mod verify;

use lambda_http::http::Response;
use lambda_http::{Body, Request, RequestExt};
use latchkey::Latchkey;
use latchkey::gateway;
use latchkey::http::no_store;
use latchkey::route::{self, Route};

use error::Refused;

pub use settings::{InvalidIssuer, Issuer, Settings};

/// What the function serves with, built once per cold start.
#[derive(Clone, Debug)]
pub struct App {
    /// The service.
    pub latchkey: Latchkey,
    /// The deployment's choices.
    pub settings: Settings,
}

/// What this function does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// RFC 7662.
    Introspect,
    /// RFC 7009.
    Revoke,
    /// RFC 6749, section 3.2; it refuses every grant.
    Token,
    /// RFC 8414.
    Metadata,
    /// The question that NGINX, Caddy and Traefik ask before they pass a request on.
    Verify,
    /// The same, as Envoy asks it.
    VerifyPath,
}

/// Where this function does it; the template lists the same routes.
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
];

/// Answers a request; every refusal is a response that the client can read.
pub async fn handle(app: &App, request: Request) -> Response<Body> {
    let response = match app.latchkey.attend(serve(app, &request)).await {
        Ok(response) => response,
        Err(refused) => error::render(&refused),
    };
    // Verdicts are for the moment, and cached by nobody but us.
    no_store(response)
}

async fn serve(app: &App, request: &Request) -> Result<Response<Body>, Refused> {
    let path = request.raw_http_path();
    let matched = route::find(ROUTES, request.method(), path, gateway::stage(request))?;
    match matched.operation {
        Operation::Introspect => introspect::introspect(app, request).await,
        Operation::Revoke => Ok(revoke::revoke(app, request).await?),
        Operation::Token => Ok(token::token(request)?),
        Operation::Metadata => Ok(metadata::metadata(app, request)),
        Operation::Verify => Ok(verify::verify(app, request).await?),
        Operation::VerifyPath => Ok(verify::verify_path(app, request).await?),
    }
}
