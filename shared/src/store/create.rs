//! Organizations, accounts and root keys, made anew.

use std::num::NonZeroU32;

use crate::account::{Organization, ServiceAccount};
use crate::config::KeyPolicy;
use crate::error::Error;
use crate::id::OrganizationId;
use crate::idempotency::SealedAnswer;
use crate::key::Key;
use crate::time::Timestamp;

use super::transaction::{Condition, Outcome};
use super::{KeyStore, StoreError, Written, record};

/// How often something is tried again that needs a count, where others may set or change the count.
const COUNTS_MAX: u32 = 4;

/// Why a record was not written. Then nothing was.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// There is an organization of this id already.
    #[error("organization `{0}` already exists")]
    OrganizationExists(OrganizationId),
    /// There is no organization of this id.
    #[error("organization `{0}` does not exist")]
    OrganizationNotFound(OrganizationId),
    /// The organization is being deleted: nothing is added to it, and its id is not free yet.
    #[error("organization `{0}` is being deleted")]
    OrganizationDeleting(OrganizationId),
    /// The store failed, or others stayed in the way.
    #[error("{0}")]
    Failed(#[from] Error),
}

impl From<StoreError> for CreateError {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl KeyStore {
    /// Writes a new organization with its first account and that account's first key: all or nothing.
    /// Counts it, after a scan for the others where the table has no count yet.
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
    ) -> Result<(), CreateError> {
        let items = [
            self.put_new(record::organization_item(organization))?,
            self.put_new(record::directory_item(account))?,
            self.put_new(record::account_item(account, 1))?,
            self.put_new(record::key_item(key, policy.retention))?,
            self.count_organization(&organization.id)?,
        ];
        for _ in 0..COUNTS_MAX {
            let conditions = match self.transact(&items).await? {
                Outcome::Written => return Ok(()),
                Outcome::Refused(conditions) => conditions,
            };
            let id = || organization.id.clone();
            match (conditions.first(), conditions.last()) {
                (Some(Condition::Failed(_)), _) => {
                    return Err(CreateError::OrganizationExists(id()));
                }
                (_, Some(Condition::Failed(found))) => {
                    let found = found.as_ref().map(record::deployment).transpose();
                    let found = found.map_err(StoreError::from)?.unwrap_or_default();
                    if found.disables(&organization.id) {
                        return Err(CreateError::OrganizationDeleting(id()));
                    }
                    self.start_counting_organizations().await?;
                }
                _ => return Err(CreateError::Failed(Error::Busy)),
            }
        }
        Err(CreateError::Failed(Error::Busy))
    }

    /// Writes a new account of an organization that exists and is not full, and counts it. `answer` as in
    /// [`KeyStore::insert_key`].
    ///
    /// # Errors
    ///
    /// [`CreateError::OrganizationNotFound`], [`CreateError::OrganizationDeleting`],
    /// [`CreateError::Failed`] with [`Error::AccountLimitReached`] and others.
    pub async fn create_account(
        &self,
        account: &ServiceAccount,
        policy: &KeyPolicy,
        now: Timestamp,
        answer: Option<&SealedAnswer>,
    ) -> Result<Written, CreateError> {
        let organization = &account.organization;
        let mut items = vec![
            self.count_account(organization, policy.account_limit)?,
            self.put_new(record::directory_item(account))?,
            self.put_new(record::account_item(account, 0))?,
        ];
        if let Some(answer) = answer {
            items.push(self.put_answer(answer, now)?);
        }
        for _ in 0..COUNTS_MAX {
            let conditions = match self.transact(&items).await? {
                Outcome::Written => return Ok(Written::New),
                Outcome::Refused(conditions) => conditions,
            };
            if let Some(kept) = Condition::kept_answer(&conditions, 3)? {
                return Ok(Written::Before(kept));
            }
            match conditions.first() {
                Some(Condition::Failed(None)) => {
                    return Err(CreateError::OrganizationNotFound(organization.clone()));
                }
                Some(Condition::Failed(Some(found))) if found.contains_key("deleting") => {
                    return Err(CreateError::OrganizationDeleting(organization.clone()));
                }
                Some(Condition::Failed(Some(found))) if found.contains_key("accounts") => {
                    let limit = policy.account_limit.map_or(0, NonZeroU32::get);
                    let organization = organization.clone();
                    return Err(Error::AccountLimitReached { organization, limit }.into());
                }
                Some(Condition::Failed(Some(_))) => {
                    self.start_counting_accounts(organization).await?;
                }
                _ => return Err(CreateError::Failed(Error::Busy)),
            }
        }
        Err(CreateError::Failed(Error::Busy))
    }

    /// Writes a new root key. Root keys belong to no account and count against no limit. `answer` as in
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
        answer: Option<&SealedAnswer>,
    ) -> Result<Written, Error> {
        let mut items = vec![self.put_new(record::key_item(key, policy.retention))?];
        if let Some(answer) = answer {
            items.push(self.put_answer(answer, now)?);
        }
        match self.transact(&items).await? {
            Outcome::Written => Ok(Written::New),
            Outcome::Refused(conditions) => match Condition::kept_answer(&conditions, 1)? {
                Some(kept) => Ok(Written::Before(kept)),
                None => Err(Error::Busy),
            },
        }
    }
}
