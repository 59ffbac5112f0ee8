//! Organizations, accounts and root keys, made anew.

use aws_sdk_dynamodb::types::{ConditionCheck, TransactWriteItem};

use crate::account::{Organization, ServiceAccount};
use crate::config::KeyPolicy;
use crate::error::Error;
use crate::id::OrganizationId;
use crate::idempotency::SealedAnswer;
use crate::key::Key;
use crate::time::Timestamp;

use super::transaction::{Condition, Outcome};
use super::{KeyStore, StoreError, Written, record};

/// Why a record was not written. Then nothing was.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// There is an organization of this id already.
    #[error("organization `{0}` already exists")]
    OrganizationExists(OrganizationId),
    /// There is no organization of this id.
    #[error("organization `{0}` does not exist")]
    OrganizationNotFound(OrganizationId),
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
    ///
    /// # Errors
    ///
    /// [`CreateError::OrganizationExists`], [`CreateError::Failed`].
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
        ];
        match self.transact(&items).await? {
            Outcome::Written => Ok(()),
            Outcome::Refused(conditions) => match conditions.first() {
                Some(Condition::Failed(_)) => {
                    Err(CreateError::OrganizationExists(organization.id.clone()))
                }
                _ => Err(CreateError::Failed(Error::Busy)),
            },
        }
    }

    /// Writes a new account of an organization that exists. `answer` as in [`KeyStore::insert_key`].
    ///
    /// # Errors
    ///
    /// [`CreateError::OrganizationNotFound`], [`CreateError::Failed`].
    pub async fn create_account(
        &self,
        account: &ServiceAccount,
        now: Timestamp,
        answer: Option<&SealedAnswer>,
    ) -> Result<Written, CreateError> {
        let check = ConditionCheck::builder()
            .table_name(&self.table)
            .set_key(Some(record::organization_key(&account.organization)))
            .condition_expression("attribute_exists(pk)")
            .build()
            .map_err(StoreError::from)?;
        let mut items = vec![
            TransactWriteItem::builder().condition_check(check).build(),
            self.put_new(record::directory_item(account))?,
            self.put_new(record::account_item(account, 0))?,
        ];
        if let Some(answer) = answer {
            items.push(self.put_answer(answer, now)?);
        }
        let conditions = match self.transact(&items).await? {
            Outcome::Written => return Ok(Written::New),
            Outcome::Refused(conditions) => conditions,
        };
        if let Some(kept) = Condition::kept_answer(&conditions, 3)? {
            return Ok(Written::Before(kept));
        }
        match conditions.first() {
            Some(Condition::Failed(_)) => {
                Err(CreateError::OrganizationNotFound(account.organization.clone()))
            }
            _ => Err(CreateError::Failed(Error::Busy)),
        }
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
