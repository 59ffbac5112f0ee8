//! The deployment, and organizations with their account directories.

use crate::account::{Organization, ServiceAccount};
use crate::audit::EventTime;
use crate::id::{OrganizationId, ServiceAccountId};
use crate::store::attribute::{Item, Reader, put_number, put_text};
use crate::store::{CorruptItem, Deployment, StoredOrganization};
use crate::text::Name;

use super::event::FROM;
use super::{DIRECTORY_PREFIX, ORGANIZATION, id_after, primary_key};

/// The partition and the sort key of the deployment's own item.
pub(in crate::store) const DEPLOYMENT: &str = "DEPLOYMENT";

/// The prefix of the partitions of organizations.
const ORGANIZATION_PREFIX: &str = "ORG#";

/// The primary key of the deployment's own item.
pub(in crate::store) fn deployment_key() -> Item {
    primary_key(DEPLOYMENT.to_owned(), DEPLOYMENT.to_owned())
}

/// Returns whether an item is the deployment's own.
pub(in crate::store) fn is_deployment(item: &Item) -> bool {
    item.get("pk").is_some_and(|pk| pk.as_s().is_ok_and(|pk| pk == DEPLOYMENT))
}

pub(in crate::store) fn deployment(item: &Item) -> Result<Deployment, CorruptItem> {
    let item = Reader(item);
    let disabled = item.optional("disabled_organizations", Reader::organization_ids)?;
    Ok(Deployment {
        disabled: disabled.unwrap_or_default(),
        organizations: item.optional("organizations", Reader::count)?,
    })
}

/// The primary key of an organization.
pub(in crate::store) fn organization_key(id: &OrganizationId) -> Item {
    primary_key(organization_partition(id), ORGANIZATION.to_owned())
}

/// The partition of an organization and the directory of its accounts.
pub(in crate::store) fn organization_partition(id: &OrganizationId) -> String {
    format!("{ORGANIZATION_PREFIX}{id}")
}

/// The primary key of an organization's directory entry for an account.
pub(in crate::store) fn directory_key(
    organization: &OrganizationId,
    account: &ServiceAccountId,
) -> Item {
    primary_key(organization_partition(organization), format!("{DIRECTORY_PREFIX}{account}"))
}

/// Returns the item of an organization with its first account. Its own trail starts after `before`.
pub(in crate::store) fn organization_item(
    organization: &Organization,
    before: Option<EventTime>,
) -> Item {
    let mut item = organization_key(&organization.id);
    put_number(&mut item, "accounts", 1);
    put_text(&mut item, "organization", &organization.id);
    put_text(&mut item, "name", &organization.name);
    put_number(&mut item, "created_at", organization.created_at.as_millis());
    if let Some(before) = before {
        put_number(&mut item, FROM, before.next().as_micros());
    }
    item
}

/// Returns when an organization's own trail starts, if its ID had one before.
pub(in crate::store) fn trail_start(item: &Item) -> Result<Option<EventTime>, CorruptItem> {
    let micros = Reader(item).optional(FROM, Reader::number)?;
    let time = |micros| EventTime::from_micros(micros).ok_or(CorruptItem { attribute: FROM });
    micros.map(time).transpose()
}

pub(in crate::store) fn organization(item: &Item) -> Result<Organization, CorruptItem> {
    let item = Reader(item);
    Ok(Organization {
        id: item.parse("organization")?,
        name: item.text("name", Name::stored)?,
        created_at: item.timestamp("created_at")?,
    })
}

/// Reads an organization and whether its deletion has begun.
pub(in crate::store) fn stored_organization(
    item: &Item,
) -> Result<StoredOrganization, CorruptItem> {
    let deleting = item.contains_key("deleting");
    Ok(StoredOrganization { organization: organization(item)?, deleting })
}

/// Returns an organization's directory entry for an account, which is read to list accounts.
pub(in crate::store) fn directory_item(account: &ServiceAccount) -> Item {
    directory_key(&account.organization, &account.id)
}

/// Returns the account of a directory entry.
pub(in crate::store) fn directory_account(item: &Item) -> Result<ServiceAccountId, CorruptItem> {
    id_after(item, DIRECTORY_PREFIX)?.parse().map_err(|_| CorruptItem { attribute: "sk" })
}

/// Returns the organization of a directory entry.
pub(in crate::store) fn directory_organization(item: &Item) -> Result<OrganizationId, CorruptItem> {
    let partition: String = Reader(item).parse("pk")?;
    let id = partition.strip_prefix(ORGANIZATION_PREFIX).and_then(|id| id.parse().ok());
    id.ok_or(CorruptItem { attribute: "pk" })
}
