//! The command line's arguments.

use std::time::Duration;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use latchkey::id::{KeyId, OrganizationId, ServiceAccountId};
use latchkey::text::{Description, Name};
use latchkey::time::Timestamp;

/// Operates a Latchkey table: makes the first organization and key, root keys and accounts, and
/// verifies keys.
///
/// It writes to the DynamoDB table itself, with your AWS credentials, and needs no key.
/// A key is printed once, on standard output, and can never be shown again.
#[derive(Debug, Parser)]
#[command(name = "latchkey", version, after_help = EXAMPLES, subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(flatten, next_help_heading = "Table and AWS account")]
    pub(crate) target: Target,
    /// How results are printed.
    #[arg(long, global = true, help_heading = "Output", value_enum, default_value_t = Format::Text)]
    pub(crate) output: Format,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  latchkey bootstrap --table keys --organization acme --name \"Acme\"
  latchkey account create --organization acme --name ci
  latchkey root-key create --expires-in 90d --output json
  latchkey key revoke --account 0197CTTDF1YT9FUW --key 0197CTTLAFLKW3FL
  latchkey verify < key.txt

Keys follow the deployment's rules if you set them here too, as for its functions:
  LATCHKEY_PREFIX, LATCHKEY_MAX_LIFETIME, LATCHKEY_RETENTION";

/// Which table.
#[derive(Debug, ClapArgs)]
pub(crate) struct Target {
    /// The DynamoDB table; the stack's output `TableName` tells it.
    #[arg(long, global = true, env = "LATCHKEY_TABLE", value_name = "NAME")]
    pub(crate) table: Option<String>,
    /// Another DynamoDB endpoint, such as a local one [env: `AWS_ENDPOINT_URL_DYNAMODB`].
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) endpoint_url: Option<String>,
    /// The AWS region; otherwise that of the environment or the profile.
    #[arg(long, global = true)]
    pub(crate) region: Option<String>,
    /// The AWS profile; otherwise `AWS_PROFILE` or `default`.
    #[arg(long, global = true)]
    pub(crate) profile: Option<String>,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For scripts: one JSON object.
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    #[command(flatten)]
    Make(Make),
    /// Read a key from standard input and tell whether it is valid, whose, and until when.
    Verify(Verify),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Make {
    /// Make an organization, its first service account and a full-access key.
    Bootstrap(Bootstrap),
    /// Root keys: they administer the deployment and belong to no organization.
    #[command(subcommand)]
    RootKey(RootKeyCommand),
    /// Service accounts.
    #[command(subcommand)]
    Account(AccountCommand),
    /// Keys.
    #[command(subcommand)]
    Key(KeyCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Revoke a key for good. Functions that have just verified it refuse it within their cache's time.
    Revoke(RevokeKey),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct RevokeKey {
    /// The service account's id, the second to last part of what a key shows before its secret; `ROOT`
    /// for a root key.
    #[arg(long, value_name = "ID")]
    pub(crate) account: ServiceAccountId,
    /// The key's id, the last part of what a key shows before its secret.
    #[arg(long, value_name = "ID")]
    pub(crate) key: KeyId,
}

/// A lifetime that a key may be given: more than none, and at most 100 years.
fn lifetime(text: &str) -> Result<Duration, String> {
    let lifetime = humantime::parse_duration(text).ok();
    let allowed = Duration::from_secs(1)..=Duration::from_secs(36_525 * 86_400);
    lifetime
        .filter(|lifetime| allowed.contains(lifetime))
        .ok_or_else(|| "must be a duration of 1 second to 100 years, such as 90d or 12h".to_owned())
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Verify {
    /// Check the form and the checksum only, without a table.
    #[arg(long)]
    pub(crate) offline: bool,
}

#[derive(Debug, ClapArgs)]
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

#[derive(Debug, Subcommand)]
pub(crate) enum RootKeyCommand {
    /// Make a root key.
    Create(CreateRootKey),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct CreateRootKey {
    /// When the key ends: an RFC 3339 date-time such as 2027-01-01T00:00:00Z.
    #[arg(long, value_name = "TIME", conflicts_with = "expires_in")]
    pub(crate) expires_at: Option<Timestamp>,
    /// After what time the key ends, such as 90d or 12h.
    #[arg(long, value_name = "DURATION", value_parser = lifetime, allow_hyphen_values = true)]
    pub(crate) expires_in: Option<Duration>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AccountCommand {
    /// Make a service account without a key.
    Create(CreateAccount),
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
