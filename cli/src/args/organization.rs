//! Arguments about organizations.

use clap::{Args as ClapArgs, Subcommand};
use latchkey::id::OrganizationId;
use latchkey::text::Name;

#[derive(Debug, Subcommand)]
pub(crate) enum OrganizationCommand {
    /// Make an organization, its first service account and a full-access key; the same as `bootstrap`.
    Create(Bootstrap),
    /// List every organization. This scans the whole table and costs accordingly.
    List,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Example:
  latchkey bootstrap --organization acme --name \"Acme\"

The key is printed once. Its holder mints other keys through the API; so does `latchkey key mint`.")]
pub(crate) struct Bootstrap {
    /// The organization's id: letters, digits, `.`, `_` and `-`.
    #[arg(long, value_name = "ID")]
    pub(crate) organization: OrganizationId,
    /// What people call the organization.
    #[arg(long)]
    pub(crate) name: Name,
    /// What people call its first service account.
    #[arg(long, default_value = "admin", value_name = "NAME")]
    pub(crate) account_name: Name,
}
