//! Service accounts: `/api/org/v1/service-accounts`.

use latchkey::account::{AccountChange, ServiceAccount};
use latchkey::principal::AccountPrincipal;
use latchkey_http::authenticate::AuthenticatedRequest;
use latchkey_http::{Error, Response, StatusCode};

use crate::App;
use crate::wire::{self, Account, Items, MARKER};

const USERNAME: &str = "username";
const DESCRIPTION: &str = "description";

/// `CreateServiceAccount`
pub(crate) async fn create(
    app: &App,
    caller: &AccountPrincipal,
    request: &AuthenticatedRequest<'_>,
) -> Result<Response, Error> {
    let repeatable = request.idempotency("CreateServiceAccount", &[])?;
    let (username, description) = request
        .json(|fields| (fields.required_text(USERNAME), fields.required_text(DESCRIPTION)))?;
    // A replayed response has this header, so the first one has it too.
    let respond = |account: &ServiceAccount| {
        Response::json(StatusCode::CREATED, &Account::from(account)).no_store()
    };
    let created = app.latchkey.create_account(caller, username?, description?, repeatable, respond);
    Ok(created.await?)
}

/// `ListServiceAccounts`
pub(crate) async fn list(
    app: &App,
    caller: &AccountPrincipal,
    request: &AuthenticatedRequest<'_>,
) -> Result<Response, Error> {
    let asked = request.page(MARKER, &["accounts"], app.latchkey.now())?;
    let page = app.latchkey.accounts(caller, asked.size(), asked.after.as_deref()).await?;
    let items = page.items.iter().map(Account::from).collect();
    let marker = asked.next(&app.latchkey, page.next.as_deref())?;
    Ok(Response::json(StatusCode::OK, &Items { items, marker }))
}

/// `DescribeServiceAccount`
pub(crate) async fn describe(
    app: &App,
    caller: &AccountPrincipal,
    [account]: [&str; 1],
) -> Result<Response, Error> {
    let account = app.latchkey.account(caller, &wire::account_id(account)?).await?;
    Ok(Response::json(StatusCode::OK, &Account::from(&account)))
}

/// `UpdateServiceAccount`
pub(crate) async fn update(
    app: &App,
    caller: &AccountPrincipal,
    [account]: [&str; 1],
    request: &AuthenticatedRequest<'_>,
) -> Result<Response, Error> {
    let account = wire::account_id(account)?;
    let (name, description) =
        request.json(|fields| (fields.text(USERNAME), fields.text(DESCRIPTION)))?;
    let change = AccountChange { name: name?, description: description?, disabled: None };
    let account = app.latchkey.update_account(caller, &account, &change).await?;
    Ok(Response::json(StatusCode::OK, &Account::from(&account)))
}

/// `DeleteServiceAccount`
pub(crate) async fn delete(
    app: &App,
    caller: &AccountPrincipal,
    [account]: [&str; 1],
) -> Result<Response, Error> {
    app.latchkey.delete_account(caller, &wire::account_id(account)?).await?;
    Ok(Response::no_content())
}
