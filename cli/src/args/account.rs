//! Arguments about service accounts.

use clap::{Args as ClapArgs, Subcommand};
use latchkey::id::{OrganizationId, ServiceAccountId};
use latchkey::text::{Description, Name};

use super::Consent;

#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  latchkey account create --organization acme --name ci --description \"Builds\"
  latchkey account list --organization acme
  latchkey account disable --account 0197CTTDF1YT9FUW
  latchkey account delete --account 0197CTTDF1YT9FUW --yes")]
pub(crate) enum AccountCommand {
    /// Make a service account without a key.
    Create(CreateAccount),
    /// List an organization's service accounts, oldest first.
    List(ListAccounts),
    /// Show a service account.
    Show(OneAccount),
    /// Disable a service account: all of its keys are refused, until it is enabled again.
    ///
    /// Functions that have just verified one of its keys refuse it within their cache's time.
    Disable(OneAccount),
    /// Enable a service account that was disabled: its keys work again.
    Enable(OneAccount),
    /// Delete a service account and all of its keys, for good.
    ///
    /// Functions that have just verified one of its keys refuse it within their cache's time.
    Delete(DeleteAccount),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct CreateAccount {
    /// The organization's id.
    #[arg(long, value_name = "ID")]
    pub(crate) organization: OrganizationId,
    /// What people call the account.
    #[arg(long)]
    pub(crate) name: Name,
    /// What the account is for.
    #[arg(long, default_value = "", value_name = "TEXT")]
    pub(crate) description: Description,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ListAccounts {
    /// The organization's id.
    #[arg(long, value_name = "ID")]
    pub(crate) organization: OrganizationId,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct OneAccount {
    /// The service account's id.
    #[arg(long, value_name = "ID")]
    pub(crate) account: ServiceAccountId,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct DeleteAccount {
    /// The service account's id.
    #[arg(long, value_name = "ID")]
    pub(crate) account: ServiceAccountId,
    /// The organization that it belonged to: only to finish a deletion that was interrupted.
    #[arg(long, value_name = "ID")]
    pub(crate) organization: Option<OrganizationId>,
    #[command(flatten)]
    pub(crate) consent: Consent,
}
