//! The Chaser dialect: service-account keys in the format of Chaser's core API.

mod accounts;
mod audit;
mod error;
mod keys;
mod list;
mod own_keys;
mod scopes;
mod selection;
mod wire;

use latchkey::Latchkey;
use latchkey_http::authenticate::authenticate_for_management;
use latchkey_http::route::{self, Route, route};
use latchkey_http::serve::with_deadline;
use latchkey_http::{Error, Request, Response};

pub use scopes::AllowedScopes;

/// The function's state, built once per cold start.
#[derive(Clone, Debug)]
pub struct App {
    /// The service.
    pub latchkey: Latchkey,
    /// The scopes of this deployment.
    pub scopes: AllowedScopes,
}

/// The operations of this dialect.
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
    /// Creates a key that replaces another one.
    RotateKey,
    /// Creates a service account.
    CreateAccount,
    /// Lists service accounts.
    ListAccounts,
    /// Describes a service account.
    GetAccount,
    /// Renames, disables or enables a service account.
    UpdateAccount,
    /// Deletes a service account and its keys.
    DeleteAccount,
    /// Describes the account of the presented key.
    CurrentAccount,
    /// Lists the accounts of the presented key.
    ListOrganizations,
    /// Creates a key for the service account of the presented key.
    CreateOwnKey,
    /// Lists the keys of that service account.
    ListOwnKeys,
    /// Revokes a key of that service account.
    RevokeOwnKey,
    /// Creates a key that replaces another one of that service account.
    RotateOwnKey,
    /// Lists the changes in the account of the presented key.
    ListEvents,
}

/// The routes of these operations; the template lists the same routes.
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
    route("GET", "/v1/accounts", Operation::ListOrganizations),
    route("POST", "/v1/keys", Operation::CreateOwnKey),
    route("GET", "/v1/keys", Operation::ListOwnKeys),
    route("DELETE", "/v1/keys/{key_id}", Operation::RevokeOwnKey),
    route("POST", "/v1/keys/{key_id}/rotate", Operation::RotateOwnKey),
    route("GET", "/v1/audit/events", Operation::ListEvents),
];

impl App {
    /// Returns the state for one request, whose origin the audit trail names.
    fn for_request(&self, request: &Request) -> Self {
        Self {
            latchkey: self.latchkey.for_request(request.origin.clone()),
            scopes: self.scopes.clone(),
        }
    }
}

/// Responds to a request; every error is a response that the client can read.
pub async fn handle(app: &App, request: Request) -> Response {
    let app = &app.for_request(&request);
    match with_deadline(&app.latchkey, serve(app, &request)).await {
        Ok(response) => response,
        Err(error) => error::render(&error),
    }
}

async fn serve(app: &App, request: &Request) -> Result<Response, Error> {
    let matched = route::find(ROUTES, request)?;
    let request = &authenticate_for_management(&app.latchkey, request).await?;
    let caller = request.service_account()?;
    selection::check(app, caller, request.request()).await?;
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
        Operation::ListOrganizations => accounts::list_all(app, caller).await,
        Operation::CreateOwnKey => own_keys::create(app, caller, request).await,
        Operation::ListOwnKeys => own_keys::list(app, caller, request).await,
        Operation::RevokeOwnKey => own_keys::revoke(app, caller, matched.parameters()).await,
        Operation::RotateOwnKey => {
            own_keys::rotate(app, caller, matched.parameters(), request).await
        }
        Operation::ListEvents => audit::list(app, caller, request.request()).await,
    }
}
