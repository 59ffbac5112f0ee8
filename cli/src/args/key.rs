//! Arguments about keys.

use std::time::Duration;

use clap::{Args as ClapArgs, Subcommand};
use latchkey::id::{OrganizationId, ServiceAccountId};
use latchkey::scope::Scope;
use latchkey::service::operator::{KeyFilter, KeyStatus};
use latchkey::text::KeyName;
use latchkey::time::Timestamp;

use super::time::{Expiry, Moment, grace};
use super::{Consent, KeyReference, OneKey};

#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  latchkey key mint --account 0197CTTDF1YT9FUW --name ci --scope sessions.read --expires-in 90d
  latchkey key list --account 0197CTTDF1YT9FUW
  latchkey key list --organization acme --expires-before 30d
  latchkey key list --organization acme --unused-since 90d --output json
  latchkey key rotate --key sk_0197CTTDF1YT9FUW_0197CTTLAFLKW3FL_ --grace 7d
  latchkey key revoke --account 0197CTTDF1YT9FUW --key 0197CTTLAFLKW3FL --yes
  latchkey key revoke --key sk_0197CTTDF1YT9FUW_0197CTTLAFLKW3FL_ --with-descendants --dry-run

A key is named by its id and its account's, or by what lists show of it, which holds both.
Never pass a whole key: others on this machine can see arguments.")]
pub(crate) enum KeyCommand {
    /// Create a key for a service account. The key is printed only once.
    Mint(MintKey),
    /// List keys, oldest first, including ended ones.
    List(ListKeys),
    /// Show a key's owner, scopes, and status, but never its secret.
    Show(OneKey),
    /// Create a key that replaces another one, which ends after a grace period.
    Rotate(RotateKey),
    /// Revoke a key permanently; with `--with-descendants`, also every key that it created.
    ///
    /// Functions that have just verified the key reject it within `CacheTtl` (10 s by default).
    Revoke(RevokeKey),
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  latchkey key mint --account 0197CTTDF1YT9FUW --name ci --expires-in 90d
  latchkey key mint --account 0197CTTDF1YT9FUW --scope keys.read,sessions.read --output json")]
pub(crate) struct MintKey {
    /// ID of the service account that the key is for.
    #[arg(long, value_name = "ID")]
    pub(crate) account: ServiceAccountId,
    /// Key name.
    #[arg(long)]
    pub(crate) name: Option<KeyName>,
    /// Scopes of the key, separated by commas or as repeated options. Without any, the key has full access.
    /// Scopes are not checked against `LATCHKEY_SCOPES`.
    #[arg(long = "scope", value_name = "SCOPE", value_delimiter = ',')]
    pub(crate) scopes: Vec<Scope>,
    #[command(flatten)]
    pub(crate) expiry: Expiry,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  latchkey key list --account 0197CTTDF1YT9FUW
  latchkey key list --organization acme --expires-before 30d
  latchkey key list --organization acme --unused-since 90d --output json
  latchkey key list --created-by sk_0197CTTDF1YT9FUW_0197CTTLAFLKW3FL_

STATUS tells how a key stands:
  live     it works
  rotated  another key has taken its place, and it works until its grace is over
  expired  it has ended by itself, or its grace is over
  revoked  it was revoked

Conditions add up: with several, only keys that meet them all are listed.
The table forgets a key some time after its end (LATCHKEY_RETENTION, 30 days by default).
The last use is recorded at most once per LATCHKEY_LAST_USED_INTERVAL (5 minutes by
default), and never where that is 0s: then --unused-since lists keys in use, too.")]
pub(crate) struct ListKeys {
    #[command(flatten)]
    pub(crate) owner: KeyOwner,
    /// Only expired keys.
    #[arg(long, conflicts_with_all = ["revoked", "expires_before", "unused_since"])]
    expired: bool,
    /// Only revoked keys.
    #[arg(long, conflicts_with_all = ["expires_before", "unused_since"])]
    revoked: bool,
    /// Only working keys that end before this: an RFC 3339 date-time, or a duration from now, such as 30d.
    #[arg(long, value_name = "TIME|DURATION", allow_hyphen_values = true)]
    expires_before: Option<Moment>,
    /// Only working keys that were created before this and not used since: an RFC 3339 date-time, or a
    /// duration before now, such as 90d.
    #[arg(long, value_name = "TIME|DURATION", allow_hyphen_values = true)]
    unused_since: Option<Moment>,
    /// Only keys that this key created, directly or through other keys, and their successors by rotation.
    /// Key ID, or the key's prefix as lists show it; the prefix also identifies the organization to search.
    #[arg(long, value_name = "KEY", value_parser = KeyReference::parser())]
    pub(crate) created_by: Option<KeyReference>,
}

/// The owner of the listed keys.
#[derive(Debug, ClapArgs)]
#[group(multiple = false)]
pub(crate) struct KeyOwner {
    /// Service account ID; `ROOT` for root keys.
    #[arg(long, value_name = "ID")]
    pub(crate) account: Option<ServiceAccountId>,
    /// Organization ID, for the keys of all its accounts.
    #[arg(long, value_name = "ID")]
    pub(crate) organization: Option<OrganizationId>,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
The new key has the name and the scopes of the old one, and a fresh lifetime of the same length.
An account holds both during the grace; in a full one, rotate with `--grace 0s`.
A key that has expired, was revoked or was rotated before cannot be rotated, nor can a root key.

Examples:
  latchkey key rotate --account 0197CTTDF1YT9FUW --key 0197CTTLAFLKW3FL
  latchkey key rotate --key sk_0197CTTDF1YT9FUW_0197CTTLAFLKW3FL_ --grace 0s")]
pub(crate) struct RotateKey {
    #[command(flatten)]
    pub(crate) key: OneKey,
    /// How long the old key still works, at most 30d; 0s ends it now. Never extends the key's life.
    #[arg(long, value_name = "DURATION", default_value = "7d", value_parser = grace, allow_hyphen_values = true)]
    pub(crate) grace: Duration,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Descendants are the keys that the key made, the keys that those made, and so on, with their
successors by rotation. Latchkey finds them as long as the table keeps the keys in between
(LATCHKEY_RETENTION, 30 days after their end by default). Interrupted, run the same command again.

Examples:
  latchkey key revoke --account 0197CTTDF1YT9FUW --key 0197CTTLAFLKW3FL
  latchkey key revoke --key sk_0197CTTDF1YT9FUW_0197CTTLAFLKW3FL_ --with-descendants --dry-run
  latchkey key revoke --key sk_0197CTTDF1YT9FUW_0197CTTLAFLKW3FL_ --with-descendants --yes")]
pub(crate) struct RevokeKey {
    #[command(flatten)]
    pub(crate) key: OneKey,
    #[command(flatten)]
    pub(crate) descendants: Descendants,
    /// Organization of a deleted account, to revoke what its key created in other accounts.
    #[arg(long, value_name = "ID", requires = "with_descendants")]
    pub(crate) organization: Option<OrganizationId>,
    #[command(flatten)]
    pub(crate) consent: Consent,
}

/// Options for revoking more than one key.
#[derive(Clone, Copy, Debug, ClapArgs)]
pub(crate) struct Descendants {
    /// Also revoke every key that the key created, directly or through other keys.
    #[arg(long)]
    pub(crate) with_descendants: bool,
    /// Show the key and its descendants without changing anything.
    #[arg(long, requires = "with_descendants")]
    pub(crate) dry_run: bool,
}

impl ListKeys {
    /// Converts the conditions to a filter, relative to `now`.
    pub(crate) fn filter(&self, now: Timestamp) -> KeyFilter {
        let expired = self.expired.then_some(KeyStatus::Expired);
        KeyFilter {
            status: expired.or(self.revoked.then_some(KeyStatus::Revoked)),
            expires_before: self.expires_before.map(|moment| moment.ahead_of(now)),
            unused_since: self.unused_since.map(|moment| moment.before(now)),
        }
    }
}
