//! Organizations and service accounts.

use rand::TryRng;

use super::id::{OrganizationId, ServiceAccountId};
use super::text::{Description, Name};
use super::time::Timestamp;

/// A tenant. Nothing in one organization sees or touches another's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organization {
    /// What the operator named it.
    pub id: OrganizationId,
    /// What people call it.
    pub name: Name,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A machine identity in one organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceAccount {
    /// Names the account in every dialect.
    pub id: ServiceAccountId,
    /// The organization it belongs to, for good.
    pub organization: OrganizationId,
    /// What people call it; not necessarily unique.
    pub name: Name,
    /// What it is for; may be empty.
    pub description: Description,
    /// While disabled, all of its keys are refused and no key is minted for it.
    pub disabled: bool,
    /// Who made it: a service account's id, or `ROOT` for an operator.
    pub created_by: ServiceAccountId,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its name, description or state last changed; minting a key is no such change.
    pub updated_at: Timestamp,
}

/// What changes about an account; `None` stays as it is.
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
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl ServiceAccount {
    /// A new, enabled account with an id of its own.
    ///
    /// # Errors
    ///
    /// The generator's own.
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
