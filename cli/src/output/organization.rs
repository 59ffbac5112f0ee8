//! What is told of organizations.

use latchkey::account::Organization;
use latchkey::time::Timestamp;
use serde::Serialize;

use super::Report;
use super::text::{seconds, table};

#[derive(Serialize)]
pub(super) struct OrganizationRecord {
    pub(super) id: String,
    pub(super) name: String,
    created_at: Timestamp,
}

/// Every organization.
#[derive(Serialize)]
pub(crate) struct OrganizationsReport {
    organizations: Vec<OrganizationRecord>,
}

impl From<&Organization> for OrganizationRecord {
    fn from(organization: &Organization) -> Self {
        Self {
            id: organization.id.to_string(),
            name: organization.name.to_string(),
            created_at: organization.created_at,
        }
    }
}

impl OrganizationsReport {
    pub(crate) fn new(organizations: &[Organization]) -> Self {
        Self { organizations: organizations.iter().map(Into::into).collect() }
    }
}

impl Report for OrganizationsReport {
    fn text(&self) -> String {
        let rows = self.organizations.iter().map(|organization| {
            let OrganizationRecord { id, name, created_at } = organization;
            [id.clone(), seconds(*created_at), name.clone()].map(Some)
        });
        table(["ORGANIZATION", "CREATED", "NAME"], rows)
    }
}
