//! Accounts, `/v1/accounts`, and the service accounts of the current one.

use latchkey::account::{AccountChange, ServiceAccount};
use latchkey::principal::AccountPrincipal;
use latchkey::text::Description;
use latchkey_http::authenticate::AuthenticatedRequest;
use latchkey_http::{Error, Response, StatusCode};

use crate::App;
use crate::list;
use crate::wire::{self, Account, CurrentAccount, NAME, OrganizationInfo, Organizations};

const DISABLED: &str = "disabled";

/// Describes the account of the presented key.
pub(crate) async fn current(app: &App, caller: &AccountPrincipal) -> Result<Response, Error> {
    let organization = app.latchkey.organization(caller).await?;
    let account = OrganizationInfo::new(&organization, caller);
    Ok(Response::json(StatusCode::OK, &CurrentAccount { account }))
}

/// Lists the accounts of the presented key; there is exactly one.
pub(crate) async fn list_all(app: &App, caller: &AccountPrincipal) -> Result<Response, Error> {
    let organization = app.latchkey.organization(caller).await?;
    let accounts = [OrganizationInfo::new(&organization, caller)];
    Ok(Response::json(StatusCode::OK, &Organizations { accounts }))
}

/// Creates a service account.
pub(crate) async fn create(
    app: &App,
    caller: &AccountPrincipal,
    request: &AuthenticatedRequest<'_>,
) -> Result<Response, Error> {
    let repeatable = request.idempotency("create-current-service-account", &[])?;
    let name = request.json(|fields| fields.required_text(NAME))??;
    // A replayed response has this header, so the first one has it too.
    let respond = |account: &ServiceAccount| {
        Response::json(StatusCode::OK, &Account::from(account)).no_store()
    };
    // This dialect has no descriptions.
    let description = Description::empty();
    Ok(app.latchkey.create_account(caller, name, description, repeatable, respond).await?)
}

/// Lists service accounts.
pub(crate) async fn list(
    app: &App,
    caller: &AccountPrincipal,
    request: &AuthenticatedRequest<'_>,
) -> Result<Response, Error> {
    let read = async |limit, after: Option<&str>| app.latchkey.accounts(caller, limit, after).await;
    list::list(app, request, &["accounts"], read).await
}

/// Describes a service account.
pub(crate) async fn get(
    app: &App,
    caller: &AccountPrincipal,
    [account]: [&str; 1],
) -> Result<Response, Error> {
    let account = app.latchkey.account(caller, &wire::account_id(account)?).await?;
    Ok(Response::json(StatusCode::OK, &Account::from(&account)))
}

/// Changes a service account; absent fields keep their values.
pub(crate) async fn update(
    app: &App,
    caller: &AccountPrincipal,
    [account]: [&str; 1],
    request: &AuthenticatedRequest<'_>,
) -> Result<Response, Error> {
    let account = wire::account_id(account)?;
    let (name, disabled) = request.json(|fields| (fields.text(NAME), fields.boolean(DISABLED)))?;
    let change = AccountChange { name: name?, description: None, disabled: disabled? };
    let account = app.latchkey.update_account(caller, &account, &change).await?;
    Ok(Response::json(StatusCode::OK, &Account::from(&account)))
}

/// Deletes a service account and its keys.
pub(crate) async fn delete(
    app: &App,
    caller: &AccountPrincipal,
    [account]: [&str; 1],
) -> Result<Response, Error> {
    app.latchkey.delete_account(caller, &wire::account_id(account)?).await?;
    Ok(Response::no_content())
}
