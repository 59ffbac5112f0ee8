//! Reports about a new key: the only output that shows a secret.

use latchkey::key::Minted;
use latchkey::service::operator::{Bootstrap, Rotated};
use latchkey::time::Timestamp;
use serde::Serialize;

use super::account::AccountRecord;
use super::key::KeyRecord;
use super::organization::OrganizationRecord;
use super::text::lines;
use super::{KEEP_IT, REFUSED_SOON, Report};
use crate::secret::StoredSecret;

/// A new key. It has no `Debug`, because it contains the secret.
#[derive(Serialize)]
struct MintedRecord {
    /// The whole key.
    key: String,
    #[serde(flatten)]
    record: KeyRecord,
}

/// A new key.
#[derive(Serialize)]
pub(crate) struct MintedReport {
    key: MintedRecord,
}

/// A new organization with its first account and key.
#[derive(Serialize)]
pub(crate) struct BootstrapReport {
    organization: OrganizationRecord,
    service_account: AccountRecord,
    key: MintedRecord,
}

/// A new organization with its first account and key, which is in a secret instead of in this report.
#[derive(Serialize)]
pub(crate) struct StoredBootstrapReport {
    organization: OrganizationRecord,
    service_account: AccountRecord,
    key: KeyRecord,
    secret: SecretRecord,
}

/// Where a new key is stored.
#[derive(Serialize)]
struct SecretRecord {
    name: String,
    arn: String,
    version_id: String,
}

/// A new key and the one that it replaces.
#[derive(Serialize)]
pub(crate) struct RotatedReport {
    key: MintedRecord,
    rotated_key: KeyRecord,
}

impl MintedRecord {
    fn new(minted: &Minted, now: Timestamp) -> Self {
        let key = minted.token.expose().to_owned();
        Self { key, record: KeyRecord::new(&minted.key, now) }
    }

    fn text(&self) -> String {
        let end = self.record.expires_at.map_or("never".to_owned(), |end| end.to_string());
        lines([
            ("key ID", Some(self.record.id.clone())),
            ("expires", Some(end)),
            ("key", Some(self.key.clone())),
        ])
    }
}

impl MintedReport {
    pub(crate) fn new(minted: &Minted, now: Timestamp) -> Self {
        Self { key: MintedRecord::new(minted, now) }
    }
}

impl BootstrapReport {
    pub(crate) fn new(made: &Bootstrap, now: Timestamp) -> Self {
        Self {
            organization: OrganizationRecord::live(&made.organization),
            service_account: (&made.account).into(),
            key: MintedRecord::new(&made.minted, now),
        }
    }
}

impl StoredBootstrapReport {
    pub(crate) fn new(made: &Bootstrap, stored: &StoredSecret, now: Timestamp) -> Self {
        Self {
            organization: OrganizationRecord::live(&made.organization),
            service_account: (&made.account).into(),
            key: KeyRecord::new(&made.minted.key, now),
            secret: SecretRecord {
                name: stored.name.clone(),
                arn: stored.arn.clone(),
                version_id: stored.version.clone(),
            },
        }
    }
}

impl RotatedReport {
    pub(crate) fn new(rotated: &Rotated, now: Timestamp) -> Self {
        Self {
            key: MintedRecord::new(&rotated.minted, now),
            rotated_key: KeyRecord::new(&rotated.old, now),
        }
    }
}

impl Report for MintedReport {
    fn text(&self) -> String {
        self.key.text()
    }

    fn notes(&self) -> Vec<String> {
        vec![KEEP_IT.to_owned()]
    }
}

impl Report for BootstrapReport {
    fn text(&self) -> String {
        let OrganizationRecord { id, name, .. } = &self.organization;
        let made = lines([
            ("organization", Some(format!("{id} ({name})"))),
            ("service account", Some(self.service_account.title())),
        ]);
        made + &self.key.text()
    }

    fn notes(&self) -> Vec<String> {
        vec![KEEP_IT.to_owned()]
    }
}

impl Report for StoredBootstrapReport {
    fn text(&self) -> String {
        let OrganizationRecord { id, name, .. } = &self.organization;
        let end = self.key.expires_at.map_or("never".to_owned(), |end| end.to_string());
        lines([
            ("organization", Some(format!("{id} ({name})"))),
            ("service account", Some(self.service_account.title())),
            ("key ID", Some(self.key.id.clone())),
            ("expires", Some(end)),
            ("secret", Some(self.secret.name.clone())),
            ("secret ARN", Some(self.secret.arn.clone())),
        ])
    }

    fn notes(&self) -> Vec<String> {
        vec!["The key is the secret's value and is stored nowhere else.".to_owned()]
    }
}

impl Report for RotatedReport {
    fn text(&self) -> String {
        let old = &self.rotated_key;
        let rotated = lines([
            ("old key ID", Some(old.id.clone())),
            ("old key expires", old.expires_at.map(|end| end.to_string())),
        ]);
        rotated + &self.key.text()
    }

    fn notes(&self) -> Vec<String> {
        let ended = !self.rotated_key.status.works();
        let refused = ended.then_some(REFUSED_SOON);
        [Some(KEEP_IT), refused].into_iter().flatten().map(str::to_owned).collect()
    }
}
