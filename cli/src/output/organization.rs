//! Reports about organizations.

use latchkey::account::Organization;
use latchkey::id::OrganizationId;
use latchkey::service::operator::{FoundOrganization, OrganizationStatus};
use latchkey::time::Timestamp;
use serde::Serialize;

use super::text::{lines, seconds, table};
use super::{REFUSED_SOON, Report, each_line};

#[derive(Serialize)]
pub(super) struct OrganizationRecord {
    pub(super) id: String,
    pub(super) name: String,
    status: OrganizationStatus,
    created_at: Timestamp,
}

/// An organization.
#[derive(Serialize)]
pub(crate) struct OrganizationReport {
    organization: OrganizationRecord,
}

/// Every organization.
#[derive(Serialize)]
pub(crate) struct OrganizationsReport {
    organizations: Vec<OrganizationRecord>,
}

/// A deleted organization.
#[derive(Serialize)]
pub(crate) struct DeletedOrganizationReport {
    deleted_organization: DeletedOrganization,
}

#[derive(Serialize)]
struct DeletedOrganization {
    id: String,
    deleted_service_accounts: usize,
}

impl OrganizationRecord {
    /// A newly created organization.
    pub(super) fn live(organization: &Organization) -> Self {
        Self::new(organization, OrganizationStatus::Live)
    }

    fn new(organization: &Organization, status: OrganizationStatus) -> Self {
        Self {
            id: organization.id.to_string(),
            name: organization.name.to_string(),
            status,
            created_at: organization.created_at,
        }
    }
}

impl From<&FoundOrganization> for OrganizationRecord {
    fn from(found: &FoundOrganization) -> Self {
        Self::new(&found.organization, found.status)
    }
}

impl OrganizationReport {
    pub(crate) fn new(found: &FoundOrganization) -> Self {
        Self { organization: found.into() }
    }
}

impl OrganizationsReport {
    pub(crate) fn new(found: &[FoundOrganization]) -> Self {
        Self { organizations: found.iter().map(Into::into).collect() }
    }
}

impl DeletedOrganizationReport {
    pub(crate) fn new(id: &OrganizationId, deleted_service_accounts: usize) -> Self {
        let deleted = DeletedOrganization { id: id.to_string(), deleted_service_accounts };
        Self { deleted_organization: deleted }
    }
}

impl Report for OrganizationReport {
    fn text(&self) -> String {
        let OrganizationRecord { id, name, status, created_at } = &self.organization;
        lines([
            ("organization", Some(format!("{id} ({name})"))),
            ("status", Some(status.to_string())),
            ("created", Some(created_at.to_string())),
        ])
    }

    fn notes(&self) -> Vec<String> {
        let works = self.organization.status == OrganizationStatus::Live;
        let note = if works {
            "Functions accept its keys again within LATCHKEY_CACHE_TTL (10 seconds by default)."
        } else {
            "Functions reject its keys within LATCHKEY_CACHE_TTL (10 seconds by default)."
        };
        vec![note.to_owned()]
    }
}

impl Report for OrganizationsReport {
    fn json_lines(&self) -> Result<Vec<String>, serde_json::Error> {
        each_line(&self.organizations)
    }

    fn text(&self) -> String {
        let rows = self.organizations.iter().map(|organization| {
            let OrganizationRecord { id, name, status, created_at } = organization;
            [id.clone(), status.to_string(), seconds(*created_at), name.clone()].map(Some)
        });
        table(["ORGANIZATION", "STATUS", "CREATED", "NAME"], rows)
    }
}

impl Report for DeletedOrganizationReport {
    fn text(&self) -> String {
        let DeletedOrganization { id, deleted_service_accounts } = &self.deleted_organization;
        lines([
            ("deleted", Some(id.clone())),
            ("with accounts", Some(deleted_service_accounts.to_string())),
        ])
    }

    fn notes(&self) -> Vec<String> {
        vec![REFUSED_SOON.to_owned()]
    }
}
