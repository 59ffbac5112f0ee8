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
    /// Create a service account, without a key.
    Create(CreateAccount),
    /// List an organization's service accounts, oldest first.
    List(ListAccounts),
    /// Show a service account.
    Show(OneAccount),
    /// Disable a service account, which stops all of its keys until you enable it again.
    ///
    /// Functions may still accept a cached key for up to `CacheTtl` (10 s by default).
    Disable(OneAccount),
    /// Enable a disabled service account, which restores the keys that worked before.
    Enable(OneAccount),
    /// Permanently delete a service account and all of its keys.
    ///
    /// Functions may still accept a cached key for up to `CacheTtl` (10 s by default).
    Delete(DeleteAccount),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct CreateAccount {
    /// Organization ID.
    #[arg(long, value_name = "ID")]
    pub(crate) organization: OrganizationId,
    /// Service account name.
    #[arg(long)]
    pub(crate) name: Name,
    /// Purpose of the account.
    #[arg(long, default_value = "", value_name = "TEXT")]
    pub(crate) description: Description,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ListAccounts {
    /// Organization ID.
    #[arg(long, value_name = "ID")]
    pub(crate) organization: OrganizationId,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct OneAccount {
    /// Service account ID.
    #[arg(long, value_name = "ID")]
    pub(crate) account: ServiceAccountId,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct DeleteAccount {
    /// Service account ID.
    #[arg(long, value_name = "ID")]
    pub(crate) account: ServiceAccountId,
    /// Organization ID; required only to finish an interrupted deletion.
    #[arg(long, value_name = "ID")]
    pub(crate) organization: Option<OrganizationId>,
    #[command(flatten)]
    pub(crate) consent: Consent,
}
