//! Arguments about organizations.

use clap::builder::NonEmptyStringValueParser;
use clap::{Args as ClapArgs, Subcommand};
use latchkey::id::OrganizationId;
use latchkey::text::Name;

use super::Consent;

#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  latchkey organization create --organization acme --name \"Acme\"
  latchkey organization list
  latchkey organization disable --organization acme
  latchkey organization enable --organization acme
  latchkey organization delete --organization acme --yes

STATUS in a list:
  live      keys work
  disabled  all keys are rejected until you enable the organization
  deleting  the deletion was interrupted; run `latchkey organization delete` again to finish it")]
pub(crate) enum OrganizationCommand {
    /// Create an organization, its first service account, and a full-access key (same as `bootstrap`).
    Create(Bootstrap),
    /// List all organizations. Scans the whole table, so the cost grows with its size.
    List,
    /// Disable an organization, which stops all of its keys until you enable it again.
    ///
    /// Functions reject its keys within `CacheTtl` (10 s by default).
    Disable(OneOrganization),
    /// Enable a disabled organization, which restores the keys that worked before.
    Enable(OneOrganization),
    /// Permanently delete an organization with all of its service accounts and keys.
    ///
    /// The first write stops all of its keys. If the command is interrupted, run it again to finish.
    Delete(DeleteOrganization),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct OneOrganization {
    /// Organization ID.
    #[arg(long, value_name = "ID")]
    pub(crate) organization: OrganizationId,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct DeleteOrganization {
    /// Organization ID.
    #[arg(long, value_name = "ID")]
    pub(crate) organization: OrganizationId,
    #[command(flatten)]
    pub(crate) consent: Consent,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  latchkey bootstrap --organization acme --name \"Acme\"
  latchkey bootstrap --organization acme --name \"Acme\" --to-secret latchkey/acme/admin

The key is printed once, or stored in the secret and not printed. Create more keys with it through
the API, or with `latchkey key mint`.

With `--to-secret`, the key is the secret's whole value. The secret is written before the table, so
if a step fails, no working key is lost. Your AWS identity needs the actions
secretsmanager:DescribeSecret, CreateSecret, PutSecretValue, and DeleteSecret on the secret.")]
pub(crate) struct Bootstrap {
    /// Organization ID: letters, digits, `.`, `_`, and `-`.
    #[arg(long, value_name = "ID")]
    pub(crate) organization: OrganizationId,
    /// Organization name.
    #[arg(long)]
    pub(crate) name: Name,
    /// Name of the first service account.
    #[arg(long, default_value = "admin", value_name = "NAME")]
    pub(crate) account_name: Name,
    #[command(flatten)]
    pub(crate) secret: SecretOptions,
}

/// Options for a key that is stored instead of printed.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct SecretOptions {
    /// AWS Secrets Manager secret to store the key in, instead of printing it. The secret must not exist or have
    /// no value yet.
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    to_secret: Option<String>,
    /// KMS key for a new secret; by default, `aws/secretsmanager`.
    #[arg(long, value_name = "KEY", requires = "to_secret")]
    secret_kms_key: Option<String>,
}

/// The secret for a key.
#[derive(Clone, Debug)]
pub(crate) struct SecretTarget {
    pub(crate) name: String,
    pub(crate) kms_key: Option<String>,
}

impl SecretOptions {
    /// The secret, if the key is to be stored in one.
    pub(crate) fn into_target(self) -> Option<SecretTarget> {
        Some(SecretTarget { name: self.to_secret?, kms_key: self.secret_kms_key })
    }
}
