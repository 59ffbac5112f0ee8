//! Reports about service accounts.

use latchkey::account::ServiceAccount;
use latchkey::id::{OrganizationId, ServiceAccountId};
use latchkey::time::Timestamp;
use serde::Serialize;

use super::text::{in_one_line, lines, seconds, table};
use super::{REFUSED_SOON, Report, each_line};

#[derive(Serialize)]
pub(super) struct AccountRecord {
    id: String,
    name: String,
    description: String,
    pub(super) organization: String,
    pub(super) disabled: bool,
    created_by: String,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// A service account.
#[derive(Serialize)]
pub(crate) struct AccountReport {
    service_account: AccountRecord,
    #[serde(skip)]
    refusing_soon: bool,
}

/// An organization's service accounts.
#[derive(Serialize)]
pub(crate) struct AccountsReport {
    service_accounts: Vec<AccountRecord>,
    /// The IDs of accounts with an interrupted deletion.
    deleting: Vec<String>,
}

/// A deleted service account.
#[derive(Serialize)]
pub(crate) struct DeletedAccountReport {
    deleted_service_account: DeletedAccount,
}

#[derive(Serialize)]
struct DeletedAccount {
    id: String,
    organization: String,
}

impl From<&ServiceAccount> for AccountRecord {
    fn from(account: &ServiceAccount) -> Self {
        Self {
            id: account.id.to_string(),
            name: account.name.to_string(),
            description: account.description.to_string(),
            organization: account.organization.to_string(),
            disabled: account.disabled,
            created_by: account.created_by.to_string(),
            created_at: account.created_at,
            updated_at: account.updated_at,
        }
    }
}

impl AccountRecord {
    /// ID and name.
    pub(super) fn title(&self) -> String {
        format!("{} ({})", self.id, self.name)
    }

    fn status(&self) -> String {
        if self.disabled { "disabled" } else { "enabled" }.to_owned()
    }
}

impl AccountReport {
    pub(crate) fn new(account: &ServiceAccount) -> Self {
        Self { service_account: account.into(), refusing_soon: false }
    }

    /// The same report, with the note that keys which worked until now stop working soon.
    pub(crate) fn refusing_soon(self) -> Self {
        Self { refusing_soon: true, ..self }
    }
}

impl AccountsReport {
    pub(crate) fn new(accounts: &[ServiceAccount], deleting: &[ServiceAccountId]) -> Self {
        Self {
            service_accounts: accounts.iter().map(Into::into).collect(),
            deleting: deleting.iter().map(ToString::to_string).collect(),
        }
    }
}

impl DeletedAccountReport {
    pub(crate) fn new(id: &ServiceAccountId, organization: &OrganizationId) -> Self {
        let deleted = DeletedAccount { id: id.to_string(), organization: organization.to_string() };
        Self { deleted_service_account: deleted }
    }
}

impl Report for AccountReport {
    fn text(&self) -> String {
        let account = &self.service_account;
        let description = Some(in_one_line(&account.description)).filter(|text| !text.is_empty());
        lines([
            ("service account", Some(account.title())),
            ("organization", Some(account.organization.clone())),
            ("status", Some(account.status())),
            ("description", description),
            ("created", Some(account.created_at.to_string())),
            ("created by", Some(account.created_by.clone())),
            ("changed", Some(account.updated_at.to_string())),
        ])
    }

    fn notes(&self) -> Vec<String> {
        Vec::from_iter(self.refusing_soon.then(|| REFUSED_SOON.to_owned()))
    }
}

impl Report for AccountsReport {
    fn json_lines(&self) -> Result<Vec<String>, serde_json::Error> {
        each_line(&self.service_accounts)
    }

    fn text(&self) -> String {
        let rows = self.service_accounts.iter().map(|account| {
            let AccountRecord { id, name, created_at, created_by, .. } = account;
            let created = seconds(*created_at);
            [id.clone(), account.status(), created, created_by.clone(), name.clone()].map(Some)
        });
        let deleting = self.deleting.iter().map(|id| {
            let deleting = Some("deleting".to_owned());
            [Some(id.clone()), deleting, None, None, None]
        });
        let rows = rows.chain(deleting);
        table(["SERVICE ACCOUNT", "STATUS", "CREATED", "CREATED BY", "NAME"], rows)
    }

    fn notes(&self) -> Vec<String> {
        let note = |id: &String| {
            format!(
                "The deletion of service account {id} was interrupted; finish it with `latchkey account \
                 delete --organization <ID> --account {id}`."
            )
        };
        self.deleting.iter().map(note).collect()
    }
}

impl Report for DeletedAccountReport {
    fn text(&self) -> String {
        let deleted = &self.deleted_service_account;
        lines([
            ("deleted account", Some(deleted.id.clone())),
            ("organization", Some(deleted.organization.clone())),
        ])
    }

    fn notes(&self) -> Vec<String> {
        vec![REFUSED_SOON.to_owned()]
    }
}
