//! The command line's arguments.

mod account;
mod audit;
mod key;
mod key_reference;
mod leak;
mod organization;
mod restore;
mod root_key;
mod time;
mod webhook;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

pub(crate) use account::{AccountCommand, CreateAccount, DeleteAccount};
pub(crate) use audit::{AuditCommand, KeyTrail, ListEvents, TrailChoice, TrailHead, VerifyTrail};
pub(crate) use key::{Descendants, KeyCommand, KeyOwner, ListKeys, MintKey, RevokeKey, RotateKey};
pub(crate) use key_reference::{KeyReference, OneKey};
pub(crate) use leak::refuse_whole_keys;
pub(crate) use organization::{Bootstrap, DeleteOrganization, OrganizationCommand, SecretTarget};
pub(crate) use restore::RestoreCheck;
pub(crate) use root_key::RootKeyCommand;
pub(crate) use time::Expiry;
#[cfg(test)]
pub(crate) use time::Moment;
pub(crate) use webhook::{DeleteWebhook, WebhookCommand};

/// Manage organizations, service accounts, keys, and webhooks in a Latchkey table.
///
/// The command works directly on the DynamoDB table with your AWS credentials, so you need no key. A new key
/// is printed once, on standard output, and cannot be shown again.
#[derive(Debug, Parser)]
#[command(name = "latchkey", version, after_help = EXAMPLES, subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(flatten, next_help_heading = "Table and AWS account")]
    pub(crate) target: Target,
    /// Output format.
    #[arg(long, global = true, help_heading = "Output", value_enum, default_value_t = Format::Text)]
    pub(crate) output: Format,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  latchkey bootstrap --table keys --organization acme --name \"Acme\"
  latchkey account create --organization acme --name ci
  latchkey key mint --account 0197CTTDF1YT9FUW --scope sessions.read --expires-in 90d
  latchkey key list --organization acme --expires-before 30d
  latchkey key rotate --key sk_0197CTTDF1YT9FUW_0197CTTLAFLKW3FL_ --grace 7d
  latchkey key revoke --account 0197CTTDF1YT9FUW --key 0197CTTLAFLKW3FL
  latchkey root-key create --expires-in 90d --output json
  latchkey webhook list --organization acme
  latchkey audit list --organization acme --since 24h
  latchkey verify < key.txt

Run `latchkey <COMMAND> --help` for details and more examples.

To apply your deployment's rules for keys, set the same variables here as for its functions:
  LATCHKEY_PREFIX, LATCHKEY_KEY_LIMIT, LATCHKEY_ACCOUNT_LIMIT, LATCHKEY_MAX_LIFETIME,
  LATCHKEY_RETENTION

To record changes as your deployment does: LATCHKEY_AUDIT, LATCHKEY_AUDIT_RETENTION";

/// The table and how to reach it.
#[derive(Debug, ClapArgs)]
pub(crate) struct Target {
    /// DynamoDB table name: the stack's output `TableName`.
    #[arg(long, global = true, env = "LATCHKEY_TABLE", value_name = "NAME")]
    pub(crate) table: Option<String>,
    /// Custom DynamoDB endpoint, such as a local one [env: `AWS_ENDPOINT_URL_DYNAMODB`].
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) endpoint_url: Option<String>,
    /// AWS region; by default, the region of the environment or the profile.
    #[arg(long, global = true)]
    pub(crate) region: Option<String>,
    /// AWS profile; by default, `AWS_PROFILE` or `default`.
    #[arg(long, global = true)]
    pub(crate) profile: Option<String>,
}

/// The output format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Text for people.
    Text,
    /// One JSON object, for scripts.
    Json,
    /// One JSON object per line: one for each entry of a list, otherwise a single one.
    Jsonl,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    #[command(flatten)]
    Operate(Operation),
    /// Verify a key from standard input and show its status, owner, scopes, and expiry.
    Verify(Verify),
    /// Compare a restored table with the current one, and re-apply what was revoked, disabled, or deleted since.
    RestoreCheck(RestoreCheck),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Operation {
    /// Create an organization, its first service account, and a full-access key.
    Bootstrap(Bootstrap),
    /// Manage organizations (tenants).
    #[command(subcommand)]
    Organization(OrganizationCommand),
    /// Manage service accounts, the machine identities that hold keys.
    #[command(subcommand)]
    Account(AccountCommand),
    /// Create, list, show, rotate, and revoke keys of service accounts.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Manage root keys, which administer the deployment and belong to no organization.
    #[command(subcommand)]
    RootKey(RootKeyCommand),
    /// List and delete webhooks of organizations.
    #[command(subcommand)]
    Webhook(WebhookCommand),
    /// List who changed what, when, and from where, and verify that the record was not tampered with.
    #[command(subcommand)]
    Audit(AuditCommand),
}

impl Operation {
    /// Returns whether the operation may change the table.
    pub(crate) fn changes(&self) -> bool {
        match self {
            Self::Bootstrap(_) => true,
            Self::Organization(command) => !matches!(command, OrganizationCommand::List),
            Self::Account(command) => {
                !matches!(command, AccountCommand::List(_) | AccountCommand::Show(_))
            }
            Self::Key(KeyCommand::List(_) | KeyCommand::Show(_)) => false,
            Self::Key(KeyCommand::Revoke(one)) => !one.descendants.dry_run,
            Self::Key(_) => true,
            Self::RootKey(RootKeyCommand::List) => false,
            Self::RootKey(RootKeyCommand::Revoke(one)) => !one.descendants.dry_run,
            Self::RootKey(_) => true,
            Self::Webhook(command) => !matches!(command, WebhookCommand::List(_)),
            Self::Audit(_) => false,
        }
    }
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Verify {
    /// Check only the format and the checksum, without reading the table.
    #[arg(long)]
    pub(crate) offline: bool,
}

/// Confirmation of an irreversible action.
#[derive(Clone, Copy, Debug, ClapArgs)]
pub(crate) struct Consent {
    /// Skip the confirmation prompt; required without a terminal, for example in a script.
    #[arg(long)]
    pub(crate) yes: bool,
}
