//! Results on standard output: lines for people, one JSON object for scripts.

use latchkey::Minted;
use latchkey::account::{Organization, ServiceAccount};
use latchkey::key::Key;
use latchkey::operator::Bootstrap;
use latchkey::time::Timestamp;
use serde::Serialize;

use crate::args::Format;

/// What a command made, or ended.
#[derive(Default, Serialize)]
pub(crate) struct Made {
    #[serde(skip_serializing_if = "Option::is_none")]
    organization: Option<OrganizationOutput>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_account: Option<AccountOutput>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<KeyOutput>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_key: Option<RevokedKeyOutput>,
}

#[derive(Serialize)]
struct RevokedKeyOutput {
    id: String,
    service_account: String,
    revoked_at: Option<Timestamp>,
}

#[derive(Serialize)]
struct OrganizationOutput {
    id: String,
    name: String,
}

#[derive(Serialize)]
struct AccountOutput {
    id: String,
    name: String,
    description: String,
    organization: String,
}

#[derive(Serialize)]
struct KeyOutput {
    id: String,
    key: String,
    expires_at: Option<Timestamp>,
}

impl From<&Key> for Made {
    fn from(key: &Key) -> Self {
        let revoked = RevokedKeyOutput {
            id: key.id.to_string(),
            service_account: key.spec.account.to_string(),
            revoked_at: key.revoked_at,
        };
        Self { revoked_key: Some(revoked), ..Self::default() }
    }
}

impl From<&Bootstrap> for Made {
    fn from(made: &Bootstrap) -> Self {
        Self {
            organization: Some(OrganizationOutput::from(&made.organization)),
            service_account: Some(AccountOutput::from(&made.account)),
            key: Some(KeyOutput::from(&made.minted)),
            revoked_key: None,
        }
    }
}

impl From<&ServiceAccount> for Made {
    fn from(account: &ServiceAccount) -> Self {
        Self { service_account: Some(account.into()), ..Self::default() }
    }
}

impl From<&Minted> for Made {
    fn from(minted: &Minted) -> Self {
        Self { key: Some(minted.into()), ..Self::default() }
    }
}

impl From<&Organization> for OrganizationOutput {
    fn from(organization: &Organization) -> Self {
        Self { id: organization.id.to_string(), name: organization.name.to_string() }
    }
}

impl From<&ServiceAccount> for AccountOutput {
    fn from(account: &ServiceAccount) -> Self {
        Self {
            id: account.id.to_string(),
            name: account.name.to_string(),
            description: account.description.to_string(),
            organization: account.organization.to_string(),
        }
    }
}

impl From<&Minted> for KeyOutput {
    fn from(minted: &Minted) -> Self {
        Self {
            id: minted.key.id.to_string(),
            key: minted.token.expose().to_owned(),
            expires_at: minted.key.spec.expires_at,
        }
    }
}

/// Prints what a command made.
///
/// # Errors
///
/// If it cannot be written as JSON.
pub(crate) fn print(made: &Made, format: Format) -> Result<(), String> {
    match format {
        Format::Json => {
            let text = serde_json::to_string_pretty(made).map_err(|error| error.to_string())?;
            println!("{text}");
        }
        Format::Text => {
            if let Some(organization) = &made.organization {
                println!("organization     {} ({})", organization.id, organization.name);
            }
            if let Some(account) = &made.service_account {
                println!("service account  {} ({})", account.id, account.name);
            }
            if let Some(key) = &made.revoked_key {
                let at = key.revoked_at.map_or_else(String::new, |at| at.to_string());
                println!("key id           {}", key.id);
                println!("revoked          {at}");
            }
            if let Some(key) = &made.key {
                let end = key.expires_at.map_or("never".to_owned(), |end| end.to_string());
                println!("key id           {}", key.id);
                println!("expires          {end}");
                println!("key              {}", key.key);
                eprintln!("Keep the key now: it is not stored and cannot be shown again.");
            }
        }
    }
    Ok(())
}
