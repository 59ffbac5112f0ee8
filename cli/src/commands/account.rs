//! Commands about service accounts.

use latchkey::id::ServiceAccountId;
use latchkey::service::operator;

use crate::args::{AccountCommand, CreateAccount, DeleteAccount};
use crate::confirm::confirm;
use crate::output::{AccountReport, AccountsReport, DeletedAccountReport, print};

use super::{Context, Failure};

pub(super) async fn run(command: AccountCommand, context: &Context<'_>) -> Result<(), Failure> {
    match command {
        AccountCommand::Create(new) => create(new, context).await,
        AccountCommand::List(list) => {
            let (store, organization) = (context.store, &list.organization);
            let accounts = operator::accounts(store, organization).await?;
            let deleting = operator::accounts_being_deleted(store, organization).await?;
            Ok(print(&AccountsReport::new(&accounts, &deleting), context.format)?)
        }
        AccountCommand::Show(one) => {
            let account = operator::account(context.store, &one.account).await?;
            Ok(print(&AccountReport::new(&account), context.format)?)
        }
        AccountCommand::Disable(one) => set_disabled(&one.account, true, context).await,
        AccountCommand::Enable(one) => set_disabled(&one.account, false, context).await,
        AccountCommand::Delete(one) => delete(one, context).await,
    }
}

async fn create(new: CreateAccount, context: &Context<'_>) -> Result<(), Failure> {
    let Context { store, policy, clock, format, .. } = context;
    let (organization, name, now) = (new.organization, new.name, clock.now());
    let made =
        operator::create_account(store, policy, now, organization, name, new.description).await?;
    Ok(print(&AccountReport::new(&made), *format)?)
}

async fn set_disabled(
    id: &ServiceAccountId,
    disabled: bool,
    context: &Context<'_>,
) -> Result<(), Failure> {
    let Context { store, clock, format, .. } = context;
    let account = operator::set_account_disabled(store, clock.now(), id, disabled).await?;
    let report = AccountReport::new(&account);
    let report = if disabled { report.refusing_soon() } else { report };
    Ok(print(&report, *format)?)
}

async fn delete(one: DeleteAccount, context: &Context<'_>) -> Result<(), Failure> {
    let Context { store, clock, format, .. } = context;
    let organization = match one.organization {
        Some(organization) => organization,
        None => operator::account(store, &one.account).await?.organization,
    };
    let id = &one.account;
    let question =
        format!("Delete service account {id} of organization {organization}, and all of its keys?");
    let now = confirm(one.consent, &question, clock)?;
    operator::delete_account(store, now, &organization, id).await?;
    Ok(print(&DeletedAccountReport::new(id, &organization), *format)?)
}
