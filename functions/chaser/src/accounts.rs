//! Accounts, `/v1/accounts`, and the service accounts of the current one.

use lambda_http::http::{Response, StatusCode};
use lambda_http::{Body, Request};
use latchkey::account::{AccountChange, ServiceAccount};
use latchkey::error::Error;
use latchkey::http::{json_fields, no_content, no_store, reply};
use latchkey::idempotency::Retry;
use latchkey::principal::AccountPrincipal;
use latchkey::text::Description;

use crate::App;
use crate::list;
use crate::wire::{self, Account, CurrentAccount, NAME, OrganizationInfo, Organizations};

const DISABLED: &str = "disabled";

/// Describes the account that the key presented belongs to.
pub(crate) async fn current(app: &App, caller: &AccountPrincipal) -> Result<Response<Body>, Error> {
    let organization = app.latchkey.organization(caller).await?;
    let account = OrganizationInfo::new(&organization, caller);
    Ok(reply(StatusCode::OK, &CurrentAccount { account }))
}

/// Lists the accounts that the key presented belongs to, of which there is one.
pub(crate) async fn list_all(
    app: &App,
    caller: &AccountPrincipal,
) -> Result<Response<Body>, Error> {
    let organization = app.latchkey.organization(caller).await?;
    let accounts = [OrganizationInfo::new(&organization, caller)];
    Ok(reply(StatusCode::OK, &Organizations { accounts }))
}

/// Makes a service account.
pub(crate) async fn create(
    app: &App,
    caller: &AccountPrincipal,
    request: &Request,
) -> Result<Response<Body>, Error> {
    let retry = Retry::of(request, &caller.key, "create-current-service-account", &[])?;
    let mut fields = json_fields(request, &[NAME])?;
    let name = wire::account_name(&fields.take_required_string(NAME)?)?;
    // A kept answer is given again with this header, so the first one has it too.
    let respond =
        |account: &ServiceAccount| no_store(reply(StatusCode::OK, &Account::from(account)));
    // This dialect has no descriptions.
    let description = Description::empty();
    app.latchkey.create_account(caller, name, description, retry, respond).await
}

/// Lists service accounts.
pub(crate) async fn list(
    app: &App,
    caller: &AccountPrincipal,
    request: &Request,
) -> Result<Response<Body>, Error> {
    let read = async |limit, after: Option<&str>| app.latchkey.accounts(caller, limit, after).await;
    list::list(app, request, &["accounts"], read).await
}

/// Describes a service account.
pub(crate) async fn get(
    app: &App,
    caller: &AccountPrincipal,
    [account]: [&str; 1],
) -> Result<Response<Body>, Error> {
    let account = app.latchkey.account(caller, &wire::account_id(account)?).await?;
    Ok(reply(StatusCode::OK, &Account::from(&account)))
}

/// Changes a service account; what is absent stays.
pub(crate) async fn update(
    app: &App,
    caller: &AccountPrincipal,
    [account]: [&str; 1],
    request: &Request,
) -> Result<Response<Body>, Error> {
    let account = wire::account_id(account)?;
    let mut fields = json_fields(request, &[NAME, DISABLED])?;
    let name = fields.take_string(NAME)?.map(|text| wire::account_name(&text)).transpose()?;
    let disabled = fields.take_boolean(DISABLED)?;
    let change = AccountChange { name, description: None, disabled };
    let account = app.latchkey.update_account(caller, &account, &change).await?;
    Ok(reply(StatusCode::OK, &Account::from(&account)))
}

/// Deletes a service account and its keys.
pub(crate) async fn delete(
    app: &App,
    caller: &AccountPrincipal,
    [account]: [&str; 1],
) -> Result<Response<Body>, Error> {
    app.latchkey.delete_account(caller, &wire::account_id(account)?).await?;
    Ok(no_content())
}
