//! Commands about organizations.

use latchkey::operator;

use crate::args::{Bootstrap, OrganizationCommand};
use crate::output::{BootstrapReport, OrganizationsReport, print};

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
    }
}

pub(super) async fn create(new: Bootstrap, context: &Context<'_>) -> Result<(), Failure> {
    let Context { store, policy, now, format } = context;
    let (id, name, account_name) = (new.organization, new.name, new.account_name);
    let made = operator::bootstrap(store, policy, *now, id, name, account_name).await?;
    Ok(print(&BootstrapReport::new(&made, *now), *format)?)
}
