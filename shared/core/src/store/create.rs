//! Creating organizations, accounts, and root keys.

use std::num::NonZeroU32;

use crate::account::{Organization, ServiceAccount};
use crate::audit::Draft;
use crate::error::Error;
use crate::id::OrganizationId;
use crate::idempotency::StoredResponse;
use crate::key::Key;
use crate::policy::KeyPolicy;
use crate::time::Timestamp;

use super::count_accounts::COUNTS_MAX;
use super::events::{EventRange, Order};
use super::transaction::{Outcome, Part};
use super::{KeyStore, StoreError, Written, record};

/// The reason a record was not written. Nothing else was written either.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// An organization with this ID already exists.
    #[error("organization `{0}` already exists")]
    OrganizationExists(OrganizationId),
    /// No organization has this ID.
    #[error("organization `{0}` does not exist")]
    OrganizationNotFound(OrganizationId),
    /// The organization is being deleted: nothing can be added to it, and its ID is not free yet.
    #[error("organization `{0}` is being deleted")]
    OrganizationDeleting(OrganizationId),
    /// The store failed, or other writers kept interfering.
    #[error("{0}")]
    Failed(#[from] Error),
}

impl From<StoreError> for CreateError {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl KeyStore {
    /// Writes a new organization with its first account and that account's first key, all or nothing. Also
    /// counts the organization. If the table has no count yet, first scans for the others.
    ///
    /// # Errors
    ///
    /// [`CreateError::OrganizationExists`], [`CreateError::OrganizationDeleting`],
    /// [`CreateError::Failed`].
    pub async fn create_organization(
        &self,
        organization: &Organization,
        account: &ServiceAccount,
        key: &Key,
        policy: &KeyPolicy,
        now: Timestamp,
    ) -> Result<(), CreateError> {
        for _ in 0..COUNTS_MAX {
            // The ID may have belonged to another organization, whose trail this one must not see.
            let (id, all) = (Some(&organization.id), EventRange::default());
            let before = self.events(id, &all, Order::NewestFirst, 1).await?;
            let before = before.events.first().map(|event| event.time);
            let events = [
                Draft::organization_created(organization, now, before),
                Draft::account_created(account, now),
                Draft::key_created(Some(&organization.id), key, now),
            ];
            let item = record::organization_item(organization, before);
            let parts = [
                (Part::Organization, self.put_new(item)?),
                (Part::Entry, self.put_new(record::directory_item(account))?),
                (Part::Account, self.put_new(record::account_item(account, 1))?),
                (Part::NewKey, self.put_new(record::key_item(key, policy, now))?),
                (Part::Deployment, self.count_organization(&organization.id)?),
            ];
            let outcome = self.transact(&parts, &events).await?;
            let Outcome::Refused(mut unmet) = outcome else { return Ok(()) };
            let id = || organization.id.clone();
            if unmet.has(Part::Organization) {
                return Err(CreateError::OrganizationExists(id()));
            }
            let Some(found) = unmet.take(Part::Deployment) else { break };
            let found = found.as_ref().map(record::deployment).transpose();
            let found = found.map_err(StoreError::from)?.unwrap_or_default();
            if found.disables(&organization.id) {
                return Err(CreateError::OrganizationDeleting(id()));
            }
            self.start_counting_organizations().await?;
        }
        Err(CreateError::Failed(Error::Busy))
    }

    /// Writes a new account of an existing organization that is not full, and counts it. For `response`, see
    /// [`KeyStore::insert_key`].
    ///
    /// # Errors
    ///
    /// [`CreateError::OrganizationNotFound`], [`CreateError::OrganizationDeleting`], [`CreateError::Failed`]
    /// with [`Error::AccountLimitReached`] and other errors.
    pub async fn create_account(
        &self,
        account: &ServiceAccount,
        policy: &KeyPolicy,
        now: Timestamp,
        response: Option<&StoredResponse>,
    ) -> Result<Written, CreateError> {
        let organization = &account.organization;
        let parts = [
            (Part::Organization, self.count_account(organization, policy.account_limit)?),
            (Part::Entry, self.put_new(record::directory_item(account))?),
            (Part::Account, self.put_new(record::account_item(account, 0))?),
        ];
        let events = [Draft::account_created(account, now)];
        for _ in 0..COUNTS_MAX {
            let mut unmet = match self.transact_with(&parts, &events, response, now).await? {
                Outcome::Written => return Ok(Written::Created),
                Outcome::Replayed(stored) => return Ok(Written::Replayed(stored)),
                Outcome::Refused(unmet) => unmet,
            };
            let Some(found) = unmet.take(Part::Organization) else { break };
            let Some(found) = found else {
                return Err(CreateError::OrganizationNotFound(organization.clone()));
            };
            if found.contains_key("deleting") {
                return Err(CreateError::OrganizationDeleting(organization.clone()));
            }
            if found.contains_key("accounts") {
                let limit = policy.account_limit.map_or(0, NonZeroU32::get);
                let organization = organization.clone();
                return Err(Error::AccountLimitReached { organization, limit }.into());
            }
            self.start_counting_accounts(organization).await?;
        }
        Err(CreateError::Failed(Error::Busy))
    }

    /// Writes a new root key. Root keys belong to no account and count against no limit. For `response`, see
    /// [`KeyStore::insert_key`].
    ///
    /// # Errors
    ///
    /// [`Error::Busy`], [`Error::Store`].
    pub async fn create_root_key(
        &self,
        key: &Key,
        policy: &KeyPolicy,
        now: Timestamp,
        response: Option<&StoredResponse>,
    ) -> Result<Written, Error> {
        let parts = [(Part::NewKey, self.put_new(record::key_item(key, policy, now))?)];
        let events = [Draft::key_created(None, key, now)];
        match self.transact_with(&parts, &events, response, now).await? {
            Outcome::Written => Ok(Written::Created),
            Outcome::Replayed(stored) => Ok(Written::Replayed(stored)),
            // The ID was taken.
            Outcome::Refused(_) => Err(Error::Busy),
        }
    }
}
