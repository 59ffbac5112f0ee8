//! Commands about organizations.

use latchkey::id::OrganizationId;
use latchkey::service::operator;

use crate::args::{DeleteOrganization, OrganizationCommand};
use crate::confirm::confirm;
use crate::output::{DeletedOrganizationReport, OrganizationReport, OrganizationsReport, print};

use super::{Context, Failure, bootstrap};

pub(super) async fn run(
    command: OrganizationCommand,
    context: &Context<'_>,
) -> Result<(), Failure> {
    match command {
        OrganizationCommand::Create(new) => bootstrap::run(new, context).await,
        OrganizationCommand::List => {
            let organizations = operator::organizations(context.store).await?;
            Ok(print(&OrganizationsReport::new(&organizations), context.format)?)
        }
        OrganizationCommand::Disable(one) => set_disabled(&one.organization, true, context).await,
        OrganizationCommand::Enable(one) => set_disabled(&one.organization, false, context).await,
        OrganizationCommand::Delete(one) => delete(&one, context).await,
    }
}

async fn set_disabled(
    id: &OrganizationId,
    disabled: bool,
    context: &Context<'_>,
) -> Result<(), Failure> {
    let Context { store, clock, format, .. } = context;
    let found = operator::set_organization_disabled(store, clock.now(), id, disabled).await?;
    Ok(print(&OrganizationReport::new(&found), *format)?)
}

async fn delete(one: &DeleteOrganization, context: &Context<'_>) -> Result<(), Failure> {
    let Context { store, clock, format, .. } = context;
    let id = &one.organization;
    let now = if one.consent.yes {
        clock.now()
    } else {
        let accounts = operator::accounts(store, id).await?.len();
        let question = format!(
            "Delete organization {id}, its {accounts} service accounts, and all of their keys?"
        );
        confirm(one.consent, &question, clock)?
    };
    let deleted = operator::delete_organization(store, now, id).await?;
    Ok(print(&DeletedOrganizationReport::new(id, deleted), *format)?)
}
