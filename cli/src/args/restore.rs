//! Arguments about a table that was restored from a backup.

use clap::Args as ClapArgs;
use latchkey::id::{OrganizationId, ServiceAccountId};
use latchkey::service::operator::restore::ComparisonScope;
use latchkey::time::Timestamp;

use super::Consent;

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  latchkey restore-check --restored keys-restored --current keys
  latchkey restore-check --restored keys-restored --current keys --apply
  latchkey restore-check --restored keys-restored --current keys --apply --copy-new --yes --output json

The command reads both tables as a whole. It fails if the restored table still accepts what the
current one rejects. If it was interrupted, or if the current table was in use meanwhile, run it again.
It never changes the current table, and without `--copy-new` it only restricts the restored one.
`--table` has no effect.

See docs/restore.md for the whole procedure and the permissions.")]
pub(crate) struct RestoreCheck {
    /// Restored table: the new one, with the state of the backup.
    #[arg(long, value_name = "TABLE")]
    pub(crate) restored: String,
    /// Current table: the one in use until the restore, with everything that was changed since the backup.
    #[arg(long, value_name = "TABLE")]
    pub(crate) current: String,
    /// Revoke, disable, delete, and limit in the restored table what the current one rejects.
    #[arg(long)]
    pub(crate) apply: bool,
    /// Also copy working keys that were created since the backup. Not if somebody else may have created them.
    #[arg(long, requires = "apply")]
    pub(crate) copy_new: bool,
    /// Organization to bring back with its service accounts and keys, although the current table lacks them. May
    /// be repeated.
    #[arg(long = "keep-organization", value_name = "ID")]
    keep_organizations: Vec<OrganizationId>,
    /// Service account to bring back with its keys, although the current table lacks them. May be repeated.
    #[arg(long = "keep-account", value_name = "ID")]
    keep_accounts: Vec<ServiceAccountId>,
    /// Time of the backup; by default, as DynamoDB recorded it. What was created in the restored table later is
    /// left alone.
    #[arg(long, value_name = "TIME")]
    backup_time: Option<Timestamp>,
    #[command(flatten)]
    pub(crate) consent: Consent,
}

impl RestoreCheck {
    /// What to compare. `recorded` is the time of the backup according to DynamoDB.
    pub(crate) fn scope(&self, recorded: Option<Timestamp>) -> ComparisonScope {
        ComparisonScope {
            kept_organizations: self.keep_organizations.iter().cloned().collect(),
            kept_accounts: self.keep_accounts.iter().cloned().collect(),
            backup_time: self.backup_time.or(recorded),
        }
    }
}
