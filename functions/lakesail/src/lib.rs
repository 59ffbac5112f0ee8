//! The LakeSail dialect: service-account keys in the format of LakeSail's organization API.

mod accounts;
mod error;
mod keys;
mod me;
mod root_keys;
mod wire;

use latchkey::Latchkey;
use latchkey_http::authenticate::authenticate_for_management;
use latchkey_http::route::{self, Route, route};
use latchkey_http::serve::with_deadline;
use latchkey_http::{Error, Request, Response};

/// The function's state, built once per cold start.
#[derive(Clone, Debug)]
pub struct App {
    /// The service.
    pub latchkey: Latchkey,
}

/// The operations of this dialect, by the vendor's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// `CreateServiceAccountKey`
    CreateKey,
    /// `ListServiceAccountKeys`
    ListKeys,
    /// `DescribeServiceAccountKey`
    DescribeKey,
    /// `DeleteServiceAccountKey`
    DeleteKey,
    /// `CreateServiceAccount`
    CreateAccount,
    /// `ListServiceAccounts`
    ListAccounts,
    /// `DescribeServiceAccount`
    DescribeAccount,
    /// `UpdateServiceAccount`
    UpdateAccount,
    /// `DeleteServiceAccount`
    DeleteAccount,
    /// `CreateRootKey`
    CreateRootKey,
    /// `ListRootKeys`
    ListRootKeys,
    /// `DescribeRootKey`
    DescribeRootKey,
    /// `DeleteRootKey`
    DeleteRootKey,
    /// `DescribeCurrentIdentity`
    DescribeIdentity,
}

/// The routes of these operations; the template lists the same routes.
pub const ROUTES: &[Route<Operation>] = &[
    route("POST", "/api/org/v1/service-accounts/{sa}/keys", Operation::CreateKey),
    route("GET", "/api/org/v1/service-accounts/{sa}/keys", Operation::ListKeys),
    route("GET", "/api/org/v1/service-accounts/{sa}/keys/{key}", Operation::DescribeKey),
    route("DELETE", "/api/org/v1/service-accounts/{sa}/keys/{key}", Operation::DeleteKey),
    route("POST", "/api/org/v1/service-accounts", Operation::CreateAccount),
    route("GET", "/api/org/v1/service-accounts", Operation::ListAccounts),
    route("GET", "/api/org/v1/service-accounts/{sa}", Operation::DescribeAccount),
    route("PATCH", "/api/org/v1/service-accounts/{sa}", Operation::UpdateAccount),
    route("DELETE", "/api/org/v1/service-accounts/{sa}", Operation::DeleteAccount),
    route("POST", "/api/admin/v1/keys", Operation::CreateRootKey),
    route("GET", "/api/admin/v1/keys", Operation::ListRootKeys),
    route("GET", "/api/admin/v1/keys/{key}", Operation::DescribeRootKey),
    route("DELETE", "/api/admin/v1/keys/{key}", Operation::DeleteRootKey),
    route("GET", "/api/org/v1/me", Operation::DescribeIdentity),
];

impl App {
    /// Returns the state for one request, whose origin the audit trail names.
    fn for_request(&self, request: &Request) -> Self {
        Self { latchkey: self.latchkey.for_request(request.origin.clone()) }
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
    let principal = request.principal();
    let caller = || request.service_account();
    match matched.operation {
        Operation::CreateKey => keys::create(app, caller()?, matched.parameters(), request).await,
        Operation::ListKeys => keys::list(app, caller()?, matched.parameters(), request).await,
        Operation::DescribeKey => keys::describe(app, caller()?, matched.parameters()).await,
        Operation::DeleteKey => keys::delete(app, caller()?, matched.parameters()).await,
        Operation::CreateAccount => accounts::create(app, caller()?, request).await,
        Operation::ListAccounts => accounts::list(app, caller()?, request).await,
        Operation::DescribeAccount => {
            accounts::describe(app, caller()?, matched.parameters()).await
        }
        Operation::UpdateAccount => {
            accounts::update(app, caller()?, matched.parameters(), request).await
        }
        Operation::DeleteAccount => accounts::delete(app, caller()?, matched.parameters()).await,
        Operation::CreateRootKey => root_keys::create(app, request).await,
        Operation::ListRootKeys => root_keys::list(app, request).await,
        Operation::DescribeRootKey => {
            root_keys::describe(app, principal, matched.parameters()).await
        }
        Operation::DeleteRootKey => root_keys::delete(app, principal, matched.parameters()).await,
        Operation::DescribeIdentity => me::describe(app, principal).await,
    }
}
