//! Organizations and service accounts.

use rand::TryRng;

use super::id::{OrganizationId, ServiceAccountId};
use super::text::{Description, Name};
use super::time::Timestamp;

/// A tenant. Organizations are isolated from each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organization {
    /// The ID that the operator chose.
    pub id: OrganizationId,
    /// The display name.
    pub name: Name,
    /// When it was created.
    pub created_at: Timestamp,
}

/// A machine identity in one organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceAccount {
    /// The account's ID in every dialect.
    pub id: ServiceAccountId,
    /// The organization it belongs to. This never changes.
    pub organization: OrganizationId,
    /// The display name; not necessarily unique.
    pub name: Name,
    /// The purpose of the account; may be empty.
    pub description: Description,
    /// While `true`, all of its keys are rejected and no key can be minted for it.
    pub disabled: bool,
    /// The creator: a service account's ID, or `ROOT` for an operator.
    pub created_by: ServiceAccountId,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its name, description, or state last changed. Minting a key does not count.
    pub updated_at: Timestamp,
}

/// The changes to an account; `None` leaves a field unchanged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountChange {
    /// A new name.
    pub name: Option<Name>,
    /// A new description.
    pub description: Option<Description>,
    /// Whether it is disabled from now on.
    pub disabled: Option<bool>,
}

impl AccountChange {
    /// Returns whether nothing changes.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl ServiceAccount {
    /// Creates an enabled account with a new ID.
    ///
    /// # Errors
    ///
    /// Returns the generator's error.
    pub fn create<R: TryRng>(
        rng: &mut R,
        now: Timestamp,
        organization: OrganizationId,
        name: Name,
        description: Description,
        created_by: ServiceAccountId,
    ) -> Result<Self, R::Error> {
        Ok(Self {
            id: ServiceAccountId::mint(rng, now)?,
            organization,
            name,
            description,
            disabled: false,
            created_by,
            created_at: now,
            updated_at: now,
        })
    }
}
