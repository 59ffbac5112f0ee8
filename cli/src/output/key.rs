//! Reports about existing keys, which never contain a secret.

use latchkey::id::ServiceAccountId;
use latchkey::key::Key;
use latchkey::scope::Scopes;
use latchkey::service::operator::{FoundKey, KeyStatus};
use latchkey::text::KeyName;
use latchkey::time::Timestamp;
use serde::Serialize;

use super::account::AccountRecord;
use super::text::{lines, scopes, seconds, table};
use super::{REFUSED_SOON, Report, each_line};

/// A key without its digest.
#[derive(Serialize)]
pub(super) struct KeyRecord {
    pub(super) id: String,
    pub(super) key_prefix: String,
    pub(super) service_account: String,
    pub(super) name: Option<KeyName>,
    full_access: bool,
    #[serde(serialize_with = "as_list")]
    scopes: Scopes,
    pub(super) status: KeyStatus,
    created_by: Option<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) revoked_at: Option<Timestamp>,
    last_used_at: Option<Timestamp>,
    rotated_from: Option<String>,
    rotated_to: Option<String>,
}

/// A key and its owner.
#[derive(Serialize)]
pub(crate) struct KeyReport {
    key: KeyRecord,
    service_account: Option<AccountRecord>,
}

/// Several keys.
#[derive(Serialize)]
pub(crate) struct KeysReport {
    keys: Vec<KeyRecord>,
    #[serde(skip)]
    disabled: Vec<String>,
}

/// A revoked key.
#[derive(Serialize)]
pub(crate) struct RevokedReport {
    revoked_key: KeyRecord,
}

fn as_list<S: serde::Serializer>(scopes: &Scopes, serializer: S) -> Result<S::Ok, S::Error> {
    scopes.as_slice().serialize(serializer)
}

impl KeyRecord {
    /// `key` with its status at `now`.
    pub(super) fn new(key: &Key, now: Timestamp) -> Self {
        let text = |id: &dyn ToString| id.to_string();
        Self {
            id: key.id.to_string(),
            key_prefix: key.key_prefix.clone(),
            service_account: key.spec.account.to_string(),
            name: key.spec.name.clone(),
            full_access: key.spec.scopes.is_full_access(),
            scopes: key.spec.scopes.clone(),
            status: KeyStatus::of(key, now),
            created_by: key.spec.created_by.as_ref().map(|id| text(id)),
            created_at: key.created_at,
            updated_at: key.updated_at,
            expires_at: key.spec.expires_at,
            revoked_at: key.revoked_at,
            last_used_at: key.last_used_at,
            rotated_from: key.rotated_from.as_ref().map(|id| text(id)),
            rotated_to: key.rotated_to.as_ref().map(|id| text(id)),
        }
    }

    fn row(&self) -> [Option<String>; 7] {
        [
            Some(self.key_prefix.clone()),
            Some(self.status.to_string()),
            Some(seconds(self.created_at)),
            self.expires_at.map(seconds),
            self.last_used_at.map(seconds),
            Some(scopes(self.scopes.as_slice(), ",")),
            self.name.as_ref().map(ToString::to_string),
        ]
    }
}

impl KeyReport {
    pub(crate) fn new(found: &FoundKey, now: Timestamp) -> Self {
        let account = found.account.as_ref().map(AccountRecord::from);
        Self { key: KeyRecord::new(&found.key, now), service_account: account }
    }
}

impl KeysReport {
    /// `disabled` lists the accounts with keys that do not work, whatever the keys' own status.
    pub(crate) fn new(keys: &[Key], disabled: &[ServiceAccountId], now: Timestamp) -> Self {
        Self {
            keys: keys.iter().map(|key| KeyRecord::new(key, now)).collect(),
            disabled: disabled.iter().map(ToString::to_string).collect(),
        }
    }
}

impl RevokedReport {
    pub(crate) fn new(key: &Key, now: Timestamp) -> Self {
        Self { revoked_key: KeyRecord::new(key, now) }
    }
}

impl Report for KeyReport {
    fn text(&self) -> String {
        let Self { key, service_account } = self;
        let time = |time: Option<Timestamp>| time.map(|time| time.to_string());
        let never = || Some("never".to_owned());
        let account = service_account.as_ref();
        let disabled = account.filter(|account| account.disabled);
        let title = account.map_or_else(|| key.service_account.clone(), AccountRecord::title);
        lines([
            ("key ID", Some(key.id.clone())),
            ("key prefix", Some(key.key_prefix.clone())),
            ("status", Some(key.status.to_string())),
            ("service account", Some(title)),
            ("account status", disabled.map(|_| "disabled: its keys are rejected".to_owned())),
            ("organization", account.map(|account| account.organization.clone())),
            ("name", key.name.as_ref().map(ToString::to_string)),
            ("scopes", Some(scopes(key.scopes.as_slice(), " "))),
            ("created", Some(key.created_at.to_string())),
            ("created by", key.created_by.clone().or(Some("operator".to_owned()))),
            ("changed", Some(key.updated_at.to_string())),
            ("last used", time(key.last_used_at).or(Some("never recorded".to_owned()))),
            ("expires", time(key.expires_at).or_else(never)),
            ("revoked", time(key.revoked_at)),
            ("rotated from", key.rotated_from.clone()),
            ("rotated to", key.rotated_to.clone()),
        ])
    }
}

impl Report for KeysReport {
    fn json_lines(&self) -> Result<Vec<String>, serde_json::Error> {
        each_line(&self.keys)
    }

    fn text(&self) -> String {
        let header = ["KEY", "STATUS", "CREATED", "EXPIRES", "LAST USED", "SCOPES", "NAME"];
        table(header, self.keys.iter().map(KeyRecord::row))
    }

    fn notes(&self) -> Vec<String> {
        let note = |account: &String| {
            format!("Service account {account} is disabled: all of its keys are rejected.")
        };
        self.disabled.iter().map(note).collect()
    }
}

impl Report for RevokedReport {
    fn text(&self) -> String {
        let key = &self.revoked_key;
        lines([
            ("key ID", Some(key.id.clone())),
            ("revoked", key.revoked_at.map(|at| at.to_string())),
        ])
    }

    fn notes(&self) -> Vec<String> {
        vec![REFUSED_SOON.to_owned()]
    }
}
