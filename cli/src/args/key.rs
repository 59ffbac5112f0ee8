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

To name a key, pass `--account` and `--key` with both IDs, or only `--key` with the key prefix
that lists show, which contains both.
Never pass a whole key: other users of this machine can see arguments.")]
pub(crate) enum KeyCommand {
    /// Create a key for a service account. The key is printed only once.
    Mint(MintKey),
    /// List keys, oldest first, including expired and revoked ones.
    List(ListKeys),
    /// Show a key's owner, scopes, and status, but never its secret.
    Show(OneKey),
    /// Replace a key with a new one. The old key works until its grace period ends.
    Rotate(RotateKey),
    /// Permanently revoke a key; with `--with-descendants`, also every key that it created.
    ///
    /// Functions may still accept a cached key for up to `CacheTtl` (10 s by default).
    Revoke(RevokeKey),
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  latchkey key mint --account 0197CTTDF1YT9FUW --name ci --expires-in 90d
  latchkey key mint --account 0197CTTDF1YT9FUW --scope keys.read,sessions.read --output json")]
pub(crate) struct MintKey {
    /// Service account ID.
    #[arg(long, value_name = "ID")]
    pub(crate) account: ServiceAccountId,
    /// Key name.
    #[arg(long)]
    pub(crate) name: Option<KeyName>,
    /// Scopes of the key, separated by commas or in repeated options. Without scopes, the key has full
    /// access. Scopes are not checked against `LATCHKEY_SCOPES`.
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

STATUS of a key:
  live     works
  rotated  replaced by another key; works until its grace period ends
  expired  has passed its expiry or the end of its grace period
  revoked  revoked

If you pass several conditions, the list has only the keys that meet all of them.
Expired and revoked keys stay in the table for LATCHKEY_RETENTION (30 days by default).
LAST USED is updated at most once per LATCHKEY_LAST_USED_INTERVAL (5 minutes by default).
If that interval is 0s, it is never updated, and `--unused-since` also lists keys in use.")]
pub(crate) struct ListKeys {
    #[command(flatten)]
    pub(crate) owner: KeyOwner,
    /// Only expired keys.
    #[arg(long, conflicts_with_all = ["revoked", "expires_before", "unused_since"])]
    expired: bool,
    /// Only revoked keys.
    #[arg(long, conflicts_with_all = ["expires_before", "unused_since"])]
    revoked: bool,
    /// Only working keys that expire before this: an RFC 3339 date-time, or a duration from now, such as 30d.
    #[arg(long, value_name = "TIME|DURATION", allow_hyphen_values = true)]
    expires_before: Option<Moment>,
    /// Only working keys that were created before this and not used since: an RFC 3339 date-time, or a
    /// duration before now, such as 90d.
    #[arg(long, value_name = "TIME|DURATION", allow_hyphen_values = true)]
    unused_since: Option<Moment>,
    /// Only keys that this key created, directly or through other keys, and the keys that replaced those.
    /// Key ID, or key prefix as shown in lists; the prefix also identifies the organization to search.
    #[arg(long, value_name = "KEY", value_parser = KeyReference::parser())]
    pub(crate) created_by: Option<KeyReference>,
}

/// The owner of the listed keys.
#[derive(Debug, ClapArgs)]
#[group(multiple = false)]
pub(crate) struct KeyOwner {
    /// Service account ID, or `ROOT` for root keys.
    #[arg(long, value_name = "ID")]
    pub(crate) account: Option<ServiceAccountId>,
    /// Organization ID, for the keys of all of its service accounts.
    #[arg(long, value_name = "ID")]
    pub(crate) organization: Option<OrganizationId>,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
The new key has the name and scopes of the old one, and a fresh lifetime of the same length.
Both keys count against the key limit during the grace period. If the service account has reached
the limit, pass `--grace 0s`.
You cannot rotate a root key, or a key that is expired, revoked, or already rotated.

Examples:
  latchkey key rotate --account 0197CTTDF1YT9FUW --key 0197CTTLAFLKW3FL
  latchkey key rotate --key sk_0197CTTDF1YT9FUW_0197CTTLAFLKW3FL_ --grace 0s")]
pub(crate) struct RotateKey {
    #[command(flatten)]
    pub(crate) key: OneKey,
    /// Grace period of the old key, at most 30d; 0s ends the old key now. Never extends its expiry.
    #[arg(long, value_name = "DURATION", default_value = "7d", value_parser = grace, allow_hyphen_values = true)]
    pub(crate) grace: Duration,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Descendants are the keys that the key created, the keys that those created, and so on, and the
keys that replaced any of them. Latchkey finds a descendant only while the table has the keys in
between, which stay for LATCHKEY_RETENTION (30 days by default) after they end.
If the command is interrupted, run it again.

Examples:
  latchkey key revoke --account 0197CTTDF1YT9FUW --key 0197CTTLAFLKW3FL
  latchkey key revoke --key sk_0197CTTDF1YT9FUW_0197CTTLAFLKW3FL_ --with-descendants --dry-run
  latchkey key revoke --key sk_0197CTTDF1YT9FUW_0197CTTLAFLKW3FL_ --with-descendants --yes")]
pub(crate) struct RevokeKey {
    #[command(flatten)]
    pub(crate) key: OneKey,
    #[command(flatten)]
    pub(crate) descendants: Descendants,
    /// Organization ID; required only if the key's service account was deleted.
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
