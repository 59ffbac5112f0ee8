//! Service accounts: `/api/org/v1/service-accounts`.

use lambda_http::http::{Response, StatusCode};
use lambda_http::{Body, Request};
use latchkey::account::{AccountChange, ServiceAccount};
use latchkey::error::Error;
use latchkey::http::{json_fields, no_content, no_store, reply};
use latchkey::idempotency::Retry;
use latchkey::page::PageRequest;
use latchkey::principal::AccountPrincipal;
use latchkey::text::{Description, Name};

use crate::App;
use crate::wire::{self, Account, Items, MARKER};

const USERNAME: &str = "username";
const DESCRIPTION: &str = "description";

/// `CreateServiceAccount`
pub(crate) async fn create(
    app: &App,
    caller: &AccountPrincipal,
    request: &Request,
) -> Result<Response<Body>, Error> {
    let retry = Retry::of(request, &caller.key, "CreateServiceAccount", &[])?;
    let mut fields = json_fields(request, &[USERNAME, DESCRIPTION])?;
    let username = username(&fields.take_required_string(USERNAME)?)?;
    let description = description(&fields.take_required_string(DESCRIPTION)?)?;
    // A kept answer is given again with this header, so the first one has it too.
    let respond =
        |account: &ServiceAccount| no_store(reply(StatusCode::CREATED, &Account::from(account)));
    app.latchkey.create_account(caller, username, description, retry, respond).await
}

/// `ListServiceAccounts`
pub(crate) async fn list(
    app: &App,
    caller: &AccountPrincipal,
    request: &Request,
) -> Result<Response<Body>, Error> {
    let request = PageRequest::of(request, MARKER, &["accounts"], app.latchkey.now())?;
    let page = app.latchkey.accounts(caller, request.size(), request.after.as_deref()).await?;
    let items = page.items.iter().map(Account::from).collect();
    let marker = app.latchkey.marker(&request, page.next.as_deref())?;
    Ok(reply(StatusCode::OK, &Items { items, marker }))
}

/// `DescribeServiceAccount`
pub(crate) async fn describe(
    app: &App,
    caller: &AccountPrincipal,
    [account]: [&str; 1],
) -> Result<Response<Body>, Error> {
    let account = app.latchkey.account(caller, &wire::account_id(account)?).await?;
    Ok(reply(StatusCode::OK, &Account::from(&account)))
}

/// `UpdateServiceAccount`
pub(crate) async fn update(
    app: &App,
    caller: &AccountPrincipal,
    [account]: [&str; 1],
    request: &Request,
) -> Result<Response<Body>, Error> {
    let account = wire::account_id(account)?;
    let mut fields = json_fields(request, &[USERNAME, DESCRIPTION])?;
    let name = fields.take_string(USERNAME)?.map(|text| username(&text)).transpose()?;
    let description =
        fields.take_string(DESCRIPTION)?.map(|text| self::description(&text)).transpose()?;
    let change = AccountChange { name, description, disabled: None };
    let account = app.latchkey.update_account(caller, &account, &change).await?;
    Ok(reply(StatusCode::OK, &Account::from(&account)))
}

/// `DeleteServiceAccount`
pub(crate) async fn delete(
    app: &App,
    caller: &AccountPrincipal,
    [account]: [&str; 1],
) -> Result<Response<Body>, Error> {
    app.latchkey.delete_account(caller, &wire::account_id(account)?).await?;
    Ok(no_content())
}

fn username(text: &str) -> Result<Name, Error> {
    text.parse().map_err(|problem| Error::InvalidText { field: USERNAME, problem })
}

fn description(text: &str) -> Result<Description, Error> {
    text.parse().map_err(|problem| Error::InvalidText { field: DESCRIPTION, problem })
}
