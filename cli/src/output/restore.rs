//! The report about a restored table.

use std::collections::BTreeSet;

use latchkey::id::KeyId;
use latchkey::key::Key;
use latchkey::service::operator::restore::{Comparison, ComparisonScope, Difference, KeyEnd, Lost};
use latchkey::time::Timestamp;
use serde::Serialize;

use super::Report;
use super::text::{lines, scopes, seconds, table};
use crate::table_settings::SettingDifference;

/// What a command did about a comparison.
pub(crate) struct Progress {
    pub(crate) applied: bool,
    pub(crate) copied: Vec<KeyId>,
}

/// A comparison of a restored table with the current one.
#[derive(Serialize)]
pub(crate) struct RestoreReport {
    restored_table: String,
    current_table: String,
    backup_time: Option<Timestamp>,
    /// Whether the differences were ended.
    applied: bool,
    differences: Vec<DifferenceRecord>,
    lost: Vec<LostRecord>,
    settings: Vec<SettingDifference>,
}

/// What kind of record an entry is about.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum Subject {
    Organization,
    ServiceAccount,
    Key,
}

/// Something that the restored table allows and the current one does not.
#[derive(Serialize)]
struct DifferenceRecord {
    subject: Subject,
    /// The ID, or a key's prefix.
    id: String,
    /// What happened since the backup.
    change: &'static str,
    /// What follows for the restored table.
    action: &'static str,
    /// A limited key's expiry in the current table.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    /// A limited key's scopes in the current table, if they differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    scopes: Option<String>,
}

/// Something that the current table has or allows and the restored one does not.
#[derive(Serialize)]
struct LostRecord {
    subject: Subject,
    id: String,
    change: &'static str,
    name: Option<String>,
    copied: bool,
}

impl Subject {
    fn name(self) -> String {
        match self {
            Self::Organization => "organization",
            Self::ServiceAccount => "service account",
            Self::Key => "key",
        }
        .to_owned()
    }
}

impl DifferenceRecord {
    fn new(difference: &Difference) -> Self {
        let (subject, id, change, action) = match difference {
            Difference::DeletedOrganization(id) => {
                (Subject::Organization, id.to_string(), "deleted", "delete")
            }
            Difference::DisabledOrganization(id) => {
                (Subject::Organization, id.to_string(), "disabled", "disable")
            }
            Difference::DeletedAccount(_, id) => {
                (Subject::ServiceAccount, id.to_string(), "deleted", "delete")
            }
            Difference::DisabledAccount(_, id) => {
                (Subject::ServiceAccount, id.to_string(), "disabled", "disable")
            }
            Difference::EndedKey(key, end) => {
                (Subject::Key, key.key_prefix.clone(), end_of(*end), "revoke")
            }
            Difference::LimitedKey(key, version) => {
                let rotated = key.rotated_to.is_none() && version.rotated_to.is_some();
                let change = if rotated { "rotated" } else { "limited" };
                (Subject::Key, key.key_prefix.clone(), change, "limit")
            }
        };
        let limits = match difference {
            Difference::LimitedKey(key, version) => Some((key, version)),
            _ => None,
        };
        Self {
            subject,
            id,
            change,
            action,
            expires_at: limits.and_then(|(_, version)| version.spec.expires_at),
            scopes: limits
                .filter(|(key, version)| key.spec.scopes != version.spec.scopes)
                .map(|(_, version)| scopes(version.spec.scopes.as_slice(), " ")),
        }
    }

    fn row(&self) -> [Option<String>; 6] {
        let Self { subject, id, change, action, expires_at, scopes } = self;
        let (change, action) = (Some((*change).to_owned()), Some((*action).to_owned()));
        let end = expires_at.map(seconds);
        [Some(subject.name()), Some(id.clone()), change, action, end, scopes.clone()]
    }
}

fn end_of(end: KeyEnd) -> &'static str {
    match end {
        KeyEnd::Revoked => "revoked",
        KeyEnd::Deleted => "deleted",
        KeyEnd::Replaced => "replaced",
        KeyEnd::NoCommonScope => "other scopes",
    }
}

impl LostRecord {
    fn new(lost: &Lost, copied: &BTreeSet<&KeyId>) -> Self {
        let of = |key: &Key| copied.contains(&key.id);
        let (subject, id, change, name) = match lost {
            Lost::Organization(organization) => {
                let name = Some(organization.name.to_string());
                (Subject::Organization, organization.id.to_string(), "created", name)
            }
            Lost::EnabledOrganization(id) => {
                (Subject::Organization, id.to_string(), "enabled", None)
            }
            Lost::Account(account) => {
                let name = Some(account.name.to_string());
                (Subject::ServiceAccount, account.id.to_string(), "created", name)
            }
            Lost::EnabledAccount(_, id) => {
                (Subject::ServiceAccount, id.to_string(), "enabled", None)
            }
            Lost::Key(key) => {
                let name = key.spec.name.as_ref().map(ToString::to_string);
                (Subject::Key, key.key_prefix.clone(), "created", name)
            }
        };
        Self { subject, id, change, name, copied: matches!(lost, Lost::Key(key) if of(key)) }
    }

    fn row(&self) -> [Option<String>; 5] {
        let copied = if self.copied { "yes" } else { "no" };
        let change = Some(self.change.to_owned());
        [
            Some(self.subject.name()),
            Some(self.id.clone()),
            change,
            Some(copied.to_owned()),
            self.name.clone(),
        ]
    }
}

impl RestoreReport {
    /// `tables` are the restored table and the current one.
    pub(crate) fn new(
        (restored, current): (&str, &str),
        scope: &ComparisonScope,
        found: &Comparison,
        progress: Progress,
        settings: Vec<SettingDifference>,
    ) -> Self {
        let copied = progress.copied.iter().collect();
        Self {
            restored_table: restored.to_owned(),
            current_table: current.to_owned(),
            backup_time: scope.backup_time,
            applied: progress.applied,
            differences: found.differences.iter().map(DifferenceRecord::new).collect(),
            lost: found.lost.iter().map(|lost| LostRecord::new(lost, &copied)).collect(),
            settings,
        }
    }

    fn outcome(&self) -> String {
        match (self.differences.len(), self.applied) {
            (0, _) => "allows nothing more than the current table".to_owned(),
            (count, true) => format!("{count} differences, all ended now"),
            (count, false) => format!("{count} differences"),
        }
    }
}

impl Report for RestoreReport {
    fn text(&self) -> String {
        let mut text = lines([
            ("restored table", Some(self.restored_table.clone())),
            ("current table", Some(self.current_table.clone())),
            ("backup time", self.backup_time.map(|time| time.to_string())),
            ("result", Some(self.outcome())),
        ]);
        if !self.differences.is_empty() {
            let header = ["RESTORED", "ID", "SINCE", "ACTION", "EXPIRES", "SCOPES"];
            text.push('\n');
            text.push_str(&table(header, self.differences.iter().map(DifferenceRecord::row)));
        }
        if !self.lost.is_empty() {
            text.push('\n');
            let header = ["NOT RESTORED", "ID", "SINCE", "COPIED", "NAME"];
            text.push_str(&table(header, self.lost.iter().map(LostRecord::row)));
        }
        if !self.settings.is_empty() {
            text.push('\n');
            let rows = self.settings.iter().map(|setting| {
                let SettingDifference { setting, restored, current, .. } = setting;
                [(*setting).to_owned(), restored.clone(), current.clone()].map(Some)
            });
            text.push_str(&table(["SETTING", "RESTORED", "EXPECTED"], rows));
        }
        text
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.backup_time.is_none() {
            notes.push(
                "DynamoDB did not record the time of the backup. If the restored table is already in use, pass \
                 `--backup-time`, or new keys count as deleted."
                    .to_owned(),
            );
        }
        if self.lost.iter().any(|lost| !lost.copied) {
            notes.push(
                "What was not restored must be created or enabled again; `--copy-new` copies keys of restored \
                 service accounts."
                    .to_owned(),
            );
        }
        let commands = self.settings.iter().filter_map(|setting| setting.command.as_ref());
        let commands: Vec<String> = commands.map(|command| format!("\n  {command}")).collect();
        if !commands.is_empty() {
            notes.push(format!("To set what the restore left out, run:{}", commands.concat()));
        }
        notes
    }
}
