//! The Chaser dialect: service-account keys in the format of Chaser's core API.

mod accounts;
mod audit;
mod error;
mod keys;
mod list;
mod own_keys;
mod scopes;
mod selection;
mod webhooks;
mod wire;

use std::sync::Arc;

use latchkey::Latchkey;
#[cfg(feature = "dev")]
use latchkey::store::environment::Environment;
#[cfg(feature = "dev")]
use latchkey::webhook::LOCAL_ENDPOINTS;
use latchkey::webhook::{DeploymentSecret, InvalidUrl, WebhookUrl};
use latchkey_http::authenticate::authenticate_for_management;
use latchkey_http::route::{self, Route, route};
use latchkey_http::serve::with_deadline;
use latchkey_http::webhook_secret::WebhookSecret;
use latchkey_http::{Error, Request, Response};

pub use scopes::AllowedScopes;

/// The function's state, built once per cold start.
#[derive(Clone, Debug)]
pub struct App {
    /// The service.
    pub latchkey: Latchkey,
    /// The scopes of this deployment.
    pub scopes: AllowedScopes,
    webhooks: Option<Arc<WebhookSecret>>,
    /// Reads the URL of an endpoint.
    endpoint: fn(&str) -> Result<WebhookUrl, InvalidUrl>,
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
    /// Lists webhooks. Only deployments with webhooks have this and the operations below.
    ListWebhooks,
    /// Creates a webhook.
    CreateWebhook,
    /// Deletes a webhook.
    DeleteWebhook,
    /// Lists deliveries to webhooks.
    ListDeliveries,
    /// Describes a delivery.
    GetDelivery,
    /// Repeats a delivery.
    ReplayDelivery,
    /// Gives up a delivery.
    DiscardDelivery,
}

/// The routes of these operations; the template lists the same routes. Those of webhooks are the last ones.
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
    route("GET", "/v1/webhooks", Operation::ListWebhooks),
    route("POST", "/v1/webhooks", Operation::CreateWebhook),
    route("DELETE", "/v1/webhooks/{webhook_id}", Operation::DeleteWebhook),
    route("GET", "/v1/webhooks/deliveries", Operation::ListDeliveries),
    route("GET", "/v1/webhooks/deliveries/{delivery_id}", Operation::GetDelivery),
    route("POST", "/v1/webhooks/deliveries/{delivery_id}/replay", Operation::ReplayDelivery),
    route("POST", "/v1/webhooks/deliveries/{delivery_id}/discard", Operation::DiscardDelivery),
];

impl App {
    /// Creates the state of a deployment without webhooks.
    pub fn new(latchkey: Latchkey, scopes: AllowedScopes) -> Self {
        Self { latchkey, scopes, webhooks: None, endpoint: str::parse }
    }

    /// Lets webhooks have endpoints on this machine, if `cargo dev` asks for it. No release has this.
    #[cfg(feature = "dev")]
    #[must_use]
    pub fn with_local_endpoints(self, environment: &Environment) -> Self {
        match environment.text(LOCAL_ENDPOINTS) {
            Some(_) => Self { endpoint: WebhookUrl::local, ..self },
            None => self,
        }
    }

    /// Adds webhooks, whose signing secrets derive from `secret`. `None` changes nothing.
    #[must_use]
    pub fn with_webhooks(self, secret: impl Into<Option<WebhookSecret>>) -> Self {
        let webhooks = secret.into().map(Arc::new).or(self.webhooks);
        Self { webhooks, ..self }
    }

    /// Returns the secret from which the signing secrets of webhooks derive.
    async fn webhook_secret(&self) -> Result<&DeploymentSecret, Error> {
        self.webhooks.as_deref().ok_or(Error::RouteNotFound)?.read_for_caller().await
    }

    /// The routes that the deployment serves: without webhooks, theirs are as unknown as any other path.
    fn routes(&self) -> &'static [Route<Operation>] {
        let without = ROUTES.partition_point(|route| !route.path.starts_with("/v1/webhooks"));
        if self.webhooks.is_some() { ROUTES } else { &ROUTES[..without] }
    }

    /// Returns the state for one request, whose origin the audit trail names.
    fn for_request(&self, request: &Request) -> Self {
        Self { latchkey: self.latchkey.for_request(request.origin.clone()), ..self.clone() }
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
    let matched = route::find(app.routes(), request)?;
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
        Operation::ListWebhooks => webhooks::list(app, caller).await,
        Operation::CreateWebhook => webhooks::create(app, caller, request).await,
        Operation::DeleteWebhook => webhooks::delete(app, caller, matched.parameters()).await,
        Operation::ListDeliveries => webhooks::list_deliveries(app, caller, request).await,
        Operation::GetDelivery => webhooks::get_delivery(app, caller, matched.parameters()).await,
        Operation::ReplayDelivery => webhooks::replay(app, caller, matched.parameters()).await,
        Operation::DiscardDelivery => webhooks::discard(app, caller, matched.parameters()).await,
    }
}
