//! The Chaser dialect: service-account keys as Chaser's core API has them.

mod create_key;
mod error;
mod scopes;

use lambda_http::http::Response;
use lambda_http::{Body, Request, RequestExt};
use latchkey::Latchkey;
use latchkey::error::Error;
use latchkey::gateway;
use latchkey::principal::{AccountPrincipal, Denial};
use latchkey::route::{self, Route};

pub use scopes::AllowedScopes;

/// What the function serves with, built once per cold start.
#[derive(Clone, Debug)]
pub struct App {
    /// The service.
    pub latchkey: Latchkey,
    /// The scopes of this deployment.
    pub scopes: AllowedScopes,
}

/// What this dialect does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// `create-current-service-account-key`
    CreateKey,
}

/// Where this dialect does it; the template lists the same routes.
pub const ROUTES: &[Route<Operation>] = &[Route {
    method: "POST",
    path: "/v1/accounts/current/service-accounts/{service_account_id}/keys",
    operation: Operation::CreateKey,
}];

/// Answers a request; every refusal is a response that the client can read.
pub async fn handle(app: &App, request: Request) -> Response<Body> {
    match serve(app, &request).await {
        Ok(response) => response,
        Err(error) => {
            latchkey::log::failure(&error);
            error::render(&error)
        }
    }
}

async fn serve(app: &App, request: &Request) -> Result<Response<Body>, Error> {
    let path = request.raw_http_path();
    let matched = route::find(ROUTES, request.method(), path, gateway::stage(request))?;
    let principal = app.latchkey.authenticate(request.headers()).await?;
    let caller = principal.service_account()?;
    check_account(app, caller, request).await?;
    match (matched.operation, matched.parameters.as_slice()) {
        (Operation::CreateKey, [account]) => {
            create_key::create_key(app, caller, account, request).await
        }
        (Operation::CreateKey, _) => Err(Error::RouteNotFound),
    }
}

/// Holds `X-Chaser-Account`, an id or an exact name, against the key's own account: Chaser's
/// accounts are our organizations.
async fn check_account(
    app: &App,
    caller: &AccountPrincipal,
    request: &Request,
) -> Result<(), Error> {
    let mut selected = request.headers().get_all("x-chaser-account").iter();
    // Ours: without the header, the key's own account.
    let Some(first) = selected.next() else { return Ok(()) };
    match first.to_str() {
        Ok(first) if selected.next().is_none() => {
            app.latchkey.check_organization(caller, first).await
        }
        // Ours: a key used with another account is 403.
        _ => Err(Denial::OtherOrganization.into()),
    }
}
