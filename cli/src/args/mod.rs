//! The command line's arguments.

mod account;
mod key;
mod key_reference;
mod leak;
mod organization;
mod root_key;
mod time;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

pub(crate) use account::{AccountCommand, CreateAccount, DeleteAccount};
pub(crate) use key::{Descendants, KeyCommand, KeyOwner, ListKeys, MintKey, RevokeKey, RotateKey};
pub(crate) use key_reference::{KeyReference, OneKey};
pub(crate) use leak::refuse_whole_keys;
pub(crate) use organization::{Bootstrap, DeleteOrganization, OrganizationCommand};
pub(crate) use root_key::RootKeyCommand;
pub(crate) use time::Expiry;
#[cfg(test)]
pub(crate) use time::Moment;

/// Operates a Latchkey table: organizations, service accounts, keys and root keys, from the first to the
/// last day of each.
///
/// It works on the DynamoDB table itself, with your AWS credentials, and needs no key.
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
  latchkey key mint --account 0197CTTDF1YT9FUW --scope sessions.read --expires-in 90d
  latchkey key list --organization acme --expires-before 30d
  latchkey key rotate --key sk_0197CTTDF1YT9FUW_0197CTTLAFLKW3FL_ --grace 7d
  latchkey key revoke --account 0197CTTDF1YT9FUW --key 0197CTTLAFLKW3FL
  latchkey root-key create --expires-in 90d --output json
  latchkey verify < key.txt

`latchkey <COMMAND> --help` tells more of each.

Keys follow the deployment's rules if you set them here too, as for its functions:
  LATCHKEY_PREFIX, LATCHKEY_KEY_LIMIT, LATCHKEY_ACCOUNT_LIMIT, LATCHKEY_MAX_LIFETIME,
  LATCHKEY_RETENTION";

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
    Operate(Operation),
    /// Read a key from standard input and tell whether it is valid, whose, and until when.
    Verify(Verify),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Operation {
    /// Make an organization, its first service account and a full-access key.
    Bootstrap(Bootstrap),
    /// Organizations: the tenants.
    #[command(subcommand)]
    Organization(OrganizationCommand),
    /// Service accounts: the machines that hold keys.
    #[command(subcommand)]
    Account(AccountCommand),
    /// Keys of service accounts: mint, list, show, rotate, revoke.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Root keys: they administer the deployment and belong to no organization.
    #[command(subcommand)]
    RootKey(RootKeyCommand),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Verify {
    /// Check the form and the checksum only, without a table.
    #[arg(long)]
    pub(crate) offline: bool,
}

/// Consent to what cannot be undone.
#[derive(Clone, Copy, Debug, ClapArgs)]
pub(crate) struct Consent {
    /// Do it without asking; needed where nobody can answer, as in a script.
    #[arg(long)]
    pub(crate) yes: bool,
}
