//! `latchkey verify`: shows a key's status, owner, and expiry, and why it is rejected.

use std::io::Read;

use latchkey::policy::{CachePolicy, KeyPolicy};
use latchkey::scope::Scope;
use latchkey::service::operator::OperatorError;
use latchkey::service::{Clock, Freshness};
use latchkey::store::Lookup;
use latchkey::time::Timestamp;
use latchkey::token::Token;
use latchkey::{Error, Latchkey};
use serde::Serialize;

use crate::args::{Format, Target, Verify};
use crate::connect::connect;
use crate::explain::explain;
use crate::output::{Report, lines, print, scopes};

/// A token has at most about 110 characters; longer input is something else.
const INPUT_BYTES_MAX: u64 = 4096;

/// What is known about a key. It never contains the secret.
#[derive(Default, Serialize)]
struct VerifyReport {
    /// Offline, the only possible status is `well-formed`.
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    key_id: String,
    service_account: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_account_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scopes: Option<Vec<Scope>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<Timestamp>,
}

/// Verifies the key on standard input and prints what is known about it.
///
/// # Errors
///
/// Why the key is invalid, so that the exit status is a failure, or why it could not be verified.
pub(crate) async fn verify(
    verify: &Verify,
    target: Target,
    policy: KeyPolicy,
    format: Format,
) -> Result<(), String> {
    let text = read_key()?;
    let token: Token = text.parse().map_err(|error| format!("the input is not a key: {error}"))?;
    let mut report = VerifyReport {
        status: "well-formed",
        key_id: token.key().to_string(),
        service_account: token.account().to_string(),
        ..VerifyReport::default()
    };
    if !verify.offline {
        let connection = connect(target).await?;
        let failed = |error: OperatorError| explain(&error, &connection.place);
        let found = connection.store.lookup(token.account(), token.key(), true).await;
        report.describe(&found.map_err(|error| failed(error.into()))?);
        let cache = CachePolicy::off();
        let latchkey = Latchkey::new(connection.store.clone(), policy, &cache, Clock::system());
        match latchkey.verify(token.expose(), Freshness::Now).await {
            Ok(_) => report.status = "valid",
            Err(Error::Unauthenticated(refusal)) => {
                report.status = "refused";
                report.reason = Some(refusal.to_string());
            }
            Err(error) => return Err(failed(error.into())),
        }
    }
    print(&report, format)?;
    match report.reason {
        Some(reason) => Err(format!("the key is not valid: {reason}")),
        None => Ok(()),
    }
}

/// Reads the key from standard input, never from an argument, which others on the machine can see.
fn read_key() -> Result<String, String> {
    let mut text = String::new();
    let mut input = std::io::stdin().take(INPUT_BYTES_MAX);
    input
        .read_to_string(&mut text)
        .map_err(|error| format!("cannot read standard input: {error}"))?;
    let key = text.trim();
    if key.is_empty() {
        return Err("no key: pass it on standard input, as in `latchkey verify < key.txt`".into());
    }
    Ok(key.to_owned())
}

impl VerifyReport {
    fn describe(&mut self, found: &Lookup) {
        if let Some(account) = &found.account {
            self.service_account_name = Some(account.name.to_string());
            self.organization = Some(account.organization.to_string());
        }
        if let Some(key) = &found.key {
            self.scopes = Some(key.spec.scopes.as_slice().to_vec());
            self.created_at = Some(key.created_at);
            self.expires_at = key.spec.expires_at;
            self.revoked_at = key.revoked_at;
        }
    }
}

impl Report for VerifyReport {
    fn text(&self) -> String {
        let account = match &self.service_account_name {
            Some(name) => format!("{} ({name})", self.service_account),
            None => self.service_account.clone(),
        };
        let time = |time: Option<Timestamp>| time.map(|time| time.to_string());
        lines([
            ("status", Some(self.status.to_owned())),
            ("reason", self.reason.clone()),
            ("key ID", Some(self.key_id.clone())),
            ("service account", Some(account)),
            ("organization", self.organization.clone()),
            ("scopes", self.scopes.as_ref().map(|granted| scopes(granted, " "))),
            ("created", time(self.created_at)),
            ("expires", time(self.expires_at)),
            ("revoked", time(self.revoked_at)),
        ])
    }
}
