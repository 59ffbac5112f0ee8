//! The Chaser dialect: service-account keys as Chaser's core API has them.

mod accounts;
mod error;
mod keys;
mod scopes;
mod wire;

use lambda_http::http::Response;
use lambda_http::{Body, Request, RequestExt};
use latchkey::Latchkey;
use latchkey::error::Error;
use latchkey::gateway;
use latchkey::principal::{AccountPrincipal, Denial};
use latchkey::route::{self, Route, route};

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
    /// Lists the keys of a service account.
    ListKeys,
    /// Describes a key.
    GetKey,
    /// Changes a key's name or scopes.
    UpdateKey,
    /// Revokes a key.
    RevokeKey,
    /// Mints a key in place of another.
    RotateKey,
    /// Makes a service account.
    CreateAccount,
    /// Lists service accounts.
    ListAccounts,
    /// Describes a service account.
    GetAccount,
    /// Renames, disables or enables a service account.
    UpdateAccount,
    /// Deletes a service account and its keys.
    DeleteAccount,
    /// Describes the account of the key presented.
    CurrentAccount,
}

/// Where this dialect does it; the template lists the same routes.
pub const ROUTES: &[Route<Operation>] = &[
    route(
        "POST",
        "/v1/accounts/current/service-accounts/{service_account_id}/keys",
        Operation::CreateKey,
    ),
    route(
        "GET",
        "/v1/accounts/current/service-accounts/{service_account_id}/keys",
        Operation::ListKeys,
    ),
    route(
        "GET",
        "/v1/accounts/current/service-accounts/{service_account_id}/keys/{key_id}",
        Operation::GetKey,
    ),
    route(
        "PATCH",
        "/v1/accounts/current/service-accounts/{service_account_id}/keys/{key_id}",
        Operation::UpdateKey,
    ),
    route(
        "DELETE",
        "/v1/accounts/current/service-accounts/{service_account_id}/keys/{key_id}",
        Operation::RevokeKey,
    ),
    route(
        "POST",
        "/v1/accounts/current/service-accounts/{service_account_id}/keys/{key_id}/rotate",
        Operation::RotateKey,
    ),
    route("POST", "/v1/accounts/current/service-accounts", Operation::CreateAccount),
    route("GET", "/v1/accounts/current/service-accounts", Operation::ListAccounts),
    route(
        "GET",
        "/v1/accounts/current/service-accounts/{service_account_id}",
        Operation::GetAccount,
    ),
    route(
        "PATCH",
        "/v1/accounts/current/service-accounts/{service_account_id}",
        Operation::UpdateAccount,
    ),
    route(
        "DELETE",
        "/v1/accounts/current/service-accounts/{service_account_id}",
        Operation::DeleteAccount,
    ),
    route("GET", "/v1/accounts/current", Operation::CurrentAccount),
];

/// Answers a request; every refusal is a response that the client can read.
pub async fn handle(app: &App, request: Request) -> Response<Body> {
    match app.latchkey.attend(serve(app, &request)).await {
        Ok(response) => response,
        Err(error) => error::render(&error),
    }
}

async fn serve(app: &App, request: &Request) -> Result<Response<Body>, Error> {
    let path = request.raw_http_path();
    let matched = route::find(ROUTES, request.method(), path, gateway::stage(request))?;
    let principal = app.latchkey.authenticate_manager(request).await?;
    let caller = principal.service_account()?;
    check_account(app, caller, request).await?;
    match matched.operation {
        Operation::CreateKey => keys::create(app, caller, matched.parameters(), request).await,
        Operation::ListKeys => keys::list(app, caller, matched.parameters(), request).await,
        Operation::GetKey => keys::get(app, caller, matched.parameters()).await,
        Operation::UpdateKey => keys::update(app, caller, matched.parameters(), request).await,
        Operation::RevokeKey => keys::revoke(app, caller, matched.parameters()).await,
        Operation::RotateKey => keys::rotate(app, caller, matched.parameters(), request).await,
        Operation::CreateAccount => accounts::create(app, caller, request).await,
        Operation::ListAccounts => accounts::list(app, caller, request).await,
        Operation::GetAccount => accounts::get(app, caller, matched.parameters()).await,
        Operation::UpdateAccount => {
            accounts::update(app, caller, matched.parameters(), request).await
        }
        Operation::DeleteAccount => accounts::delete(app, caller, matched.parameters()).await,
        Operation::CurrentAccount => accounts::current(app, caller).await,
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
    // Names need not be ASCII, and API Gateway passes headers on in UTF-8.
    match std::str::from_utf8(first.as_bytes()) {
        Ok(first) if selected.next().is_none() => {
            app.latchkey.check_organization(caller, first).await
        }
        // Ours: a key used with another account is 403.
        _ => Err(Denial::OtherOrganization.into()),
    }
}
