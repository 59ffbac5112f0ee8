//! Commands about organizations.

use latchkey::id::OrganizationId;
use latchkey::service::operator;

use crate::args::{Bootstrap, DeleteOrganization, OrganizationCommand};
use crate::confirm::confirm;
use crate::output::{
    BootstrapReport, DeletedOrganizationReport, OrganizationReport, OrganizationsReport, print,
};

use super::{Context, Failure};

pub(super) async fn run(
    command: OrganizationCommand,
    context: &Context<'_>,
) -> Result<(), Failure> {
    match command {
        OrganizationCommand::Create(new) => create(new, context).await,
        OrganizationCommand::List => {
            let organizations = operator::organizations(context.store).await?;
            Ok(print(&OrganizationsReport::new(&organizations), context.format)?)
        }
        OrganizationCommand::Disable(one) => set_disabled(&one.organization, true, context).await,
        OrganizationCommand::Enable(one) => set_disabled(&one.organization, false, context).await,
        OrganizationCommand::Delete(one) => delete(&one, context).await,
    }
}

pub(super) async fn create(new: Bootstrap, context: &Context<'_>) -> Result<(), Failure> {
    let Context { store, policy, now, format } = context;
    let (id, name, account_name) = (new.organization, new.name, new.account_name);
    let made = operator::bootstrap(store, policy, *now, id, name, account_name).await?;
    print(&BootstrapReport::new(&made, *now), *format)?;
    warn_if_several(context).await;
    Ok(())
}

/// Warns on standard error, also in scripts: a second organization changes how keys must be verified.
async fn warn_if_several(context: &Context<'_>) {
    // The organization exists and its key is printed, so a failure from here on must not end the command.
    let count = operator::count_organizations(context.store).await.ok().flatten();
    if let Some(count) = count.filter(|count| *count > 1) {
        eprintln!(
            "warning: this deployment now has {count} organizations, and verification accepts keys of \
             all of them.\n  \
             To restrict it, set the template parameters `VerifyOrganizations` and \
             `AuthorizerOrganizations`, or call `/verify?organization=<ID>`."
        );
    }
}

async fn set_disabled(
    id: &OrganizationId,
    disabled: bool,
    context: &Context<'_>,
) -> Result<(), Failure> {
    let found = operator::set_organization_disabled(context.store, id, disabled).await?;
    Ok(print(&OrganizationReport::new(&found), context.format)?)
}

async fn delete(one: &DeleteOrganization, context: &Context<'_>) -> Result<(), Failure> {
    let id = &one.organization;
    if !one.consent.yes {
        let accounts = operator::accounts(context.store, id).await?.len();
        let question = format!(
            "Delete organization {id}, its {accounts} service accounts, and all of their keys?"
        );
        confirm(one.consent, &question)?;
    }
    let deleted = operator::delete_organization(context.store, id).await?;
    Ok(print(&DeletedOrganizationReport::new(id, deleted), context.format)?)
}
