//! Changing and deleting accounts.

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{
    AttributeValue, Delete, DeleteRequest, TransactWriteItem, Update, WriteRequest,
};

use crate::account::{AccountChange, ServiceAccount};
use crate::audit::Draft;
use crate::error::Error;
use crate::id::{OrganizationId, ServiceAccountId};
use crate::key::Key;
use crate::leak::Sighting;
use crate::time::Timestamp;

use super::attribute::{number, text};
use super::count_accounts::COUNTS_MAX;
use super::record;
use super::transaction::{Outcome, Part};
use super::{KeyStore, StoreError};

/// The maximum number of requests in a `BatchWriteItem` call.
/// Source: <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html>
const BATCH_MAX: i32 = 25;

/// The maximum number of pages of keys that one request deletes: a thousand keys, which fits in the
/// function's time limit.
const PAGES_MAX: usize = 40;

/// The maximum number of attempts to change an account that others keep changing.
const ATTEMPTS_MAX: u32 = 4;

impl KeyStore {
    /// Changes and returns an account of `organization`. The change is conditional on the fields that were read,
    /// so that its event has the old values. Writes nothing if the account already is as it should be.
    ///
    /// # Errors
    ///
    /// [`Error::AccountNotFound`], [`Error::Busy`], or [`Error::Store`]. On error, the account is unchanged,
    /// unless the table did not respond.
    pub async fn update_account(
        &self,
        organization: &OrganizationId,
        id: &ServiceAccountId,
        change: &AccountChange,
        now: Timestamp,
    ) -> Result<ServiceAccount, Error> {
        Ok(self.update_account_for(organization, id, change, None, now).await?.0)
    }

    /// Disables the account of a key that was found in a public place, and records where. Returns `false` if the
    /// account is disabled already; then this writes nothing.
    ///
    /// # Errors
    ///
    /// The errors of [`KeyStore::update_account`].
    pub async fn disable_account_of(
        &self,
        key: &Key,
        organization: &OrganizationId,
        sighting: &Sighting,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let change = AccountChange { disabled: Some(true), ..AccountChange::default() };
        let (account, found) = (&key.spec.account, sighting.event(Some(organization), key, now));
        Ok(self.update_account_for(organization, account, &change, Some(found), now).await?.1)
    }

    /// Changes an account, after the event `cause`. Also returns whether it wrote something.
    async fn update_account_for(
        &self,
        organization: &OrganizationId,
        id: &ServiceAccountId,
        change: &AccountChange,
        cause: Option<Draft>,
        now: Timestamp,
    ) -> Result<(ServiceAccount, bool), Error> {
        for _ in 0..ATTEMPTS_MAX {
            let found = self.account(organization, id).await?;
            let old = found.ok_or_else(|| Error::AccountNotFound(id.clone()))?;
            let new = changed(&old, change, now);
            if (ServiceAccount { updated_at: old.updated_at, ..new.clone() }) == old {
                return Ok((old, false));
            }
            let event = Draft::account_updated(&old, change, now);
            let events: Vec<Draft> = cause.clone().into_iter().chain([event]).collect();
            let update = self.change_account(&old, &new).map_err(StoreError::from)?;
            if let Outcome::Written = self.update_once(Part::Account, update, &events).await? {
                return Ok((new, true));
            }
        }
        Err(Error::Busy)
    }

    /// Returns an update from `old` to `new`, if the account has not changed since it was read.
    fn change_account(
        &self,
        old: &ServiceAccount,
        new: &ServiceAccount,
    ) -> Result<Update, BuildError> {
        let mut set = vec!["updated_at = :now".to_owned()];
        let mut condition = vec!["organization = :organization".to_owned()];
        let mut update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(record::account_key(&old.id)))
            .expression_attribute_values(":organization", text(&old.organization))
            .expression_attribute_values(":now", number(new.updated_at.as_millis()));
        let flag = AttributeValue::Bool;
        for (attribute, before, after) in [
            ("name", text(&old.name), text(&new.name)),
            ("description", text(&old.description), text(&new.description)),
            ("disabled", flag(old.disabled), flag(new.disabled)),
        ] {
            condition.push(format!("#{attribute} = :old_{attribute}"));
            // `name` is a reserved word.
            update = update.expression_attribute_names(format!("#{attribute}"), attribute);
            if before != after {
                set.push(format!("#{attribute} = :{attribute}"));
                update = update.expression_attribute_values(format!(":{attribute}"), after);
            }
            update = update.expression_attribute_values(format!(":old_{attribute}"), before);
        }
        let update = update.update_expression(format!("SET {}", set.join(", ")));
        update.condition_expression(condition.join(" AND ")).build()
    }

    /// Deletes an account of `organization` and all of its keys.
    ///
    /// The first write deletes the account itself and marks its directory entry. From then on, all of its
    /// keys are rejected, and none can be added. Its keys are deleted in pages, and the entry last. If
    /// anything interrupts this, the same call finishes it.
    ///
    /// # Errors
    ///
    /// [`Error::AccountNotFound`]; [`Error::Busy`] if keys remain, which a retry deletes; [`Error::Store`].
    pub async fn delete_account(
        &self,
        organization: &OrganizationId,
        id: &ServiceAccountId,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.begin_deleting(organization, id, now).await?;
        for _ in 0..PAGES_MAX {
            if self.delete_page(record::account_partition(id), None).await? {
                return self.delete_entry(organization, id).await;
            }
        }
        Err(Error::Busy)
    }

    async fn begin_deleting(
        &self,
        organization: &OrganizationId,
        id: &ServiceAccountId,
        now: Timestamp,
    ) -> Result<(), Error> {
        let events = [Draft::account_deleted(organization, id, now)];
        let parts = [
            (Part::Account, self.delete_of(organization, id)?),
            (Part::Entry, self.mark_deleting(organization, id)?),
            (Part::Organization, self.discount_account(organization)?),
        ];
        for _ in 0..COUNTS_MAX {
            let Outcome::Refused(unmet) = self.transact(&parts, &events).await? else {
                tracing::info!(action = "service_account.delete", account.id = %id, "service account deleted");
                return Ok(());
            };
            if !unmet.has(Part::Account) && !unmet.has(Part::Entry) {
                self.start_counting_accounts(organization).await?;
            } else if self.is_being_deleted(organization, id).await? {
                // An earlier call began the deletion and was interrupted.
                return Ok(());
            } else {
                return Err(Error::AccountNotFound(id.clone()));
            }
        }
        Err(Error::Busy)
    }

    fn delete_of(
        &self,
        organization: &OrganizationId,
        id: &ServiceAccountId,
    ) -> Result<TransactWriteItem, StoreError> {
        let delete = Delete::builder()
            .table_name(&self.table)
            .set_key(Some(record::account_key(id)))
            .condition_expression("organization = :organization")
            .expression_attribute_values(
                ":organization",
                AttributeValue::S(organization.to_string()),
            )
            .build()?;
        Ok(TransactWriteItem::builder().delete(delete).build())
    }

    fn mark_deleting(
        &self,
        organization: &OrganizationId,
        id: &ServiceAccountId,
    ) -> Result<TransactWriteItem, StoreError> {
        let update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(record::directory_key(organization, id)))
            .condition_expression("attribute_exists(pk)")
            .update_expression("SET deleting = :true")
            .expression_attribute_values(":true", AttributeValue::Bool(true))
            .build()?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    async fn is_being_deleted(
        &self,
        organization: &OrganizationId,
        id: &ServiceAccountId,
    ) -> Result<bool, StoreError> {
        let entry = self.item(record::directory_key(organization, id)).await?;
        Ok(entry.is_some_and(|entry| entry.contains_key("deleting")))
    }

    /// Deletes a page of a partition's items, or of those whose sort keys start with `prefix`, and returns whether
    /// there were none left.
    pub(super) async fn delete_page(
        &self,
        partition: String,
        prefix: Option<&str>,
    ) -> Result<bool, Error> {
        let query = self.client.query().expression_attribute_values(":pk", text(&partition));
        let query = match prefix {
            None => query.key_condition_expression("pk = :pk"),
            Some(prefix) => query
                .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
                .expression_attribute_values(":prefix", text(prefix)),
        };
        let page = query
            .table_name(&self.table)
            .consistent_read(true)
            .projection_expression("pk, sk")
            .limit(BATCH_MAX)
            .send()
            .await
            .map_err(StoreError::from)?;
        let keys = page.items.unwrap_or_default();
        if keys.is_empty() {
            return Ok(true);
        }
        let mut requests = Vec::new();
        for key in keys {
            let delete = DeleteRequest::builder().set_key(Some(key)).build();
            let delete = delete.map_err(StoreError::from)?;
            requests.push(WriteRequest::builder().delete_request(delete).build());
        }
        // The next page includes any requests that DynamoDB did not process.
        let write = self.client.batch_write_item().request_items(&self.table, requests);
        write.send().await.map_err(StoreError::from)?;
        Ok(false)
    }

    pub(super) async fn delete_entry(
        &self,
        organization: &OrganizationId,
        id: &ServiceAccountId,
    ) -> Result<(), Error> {
        let delete = Delete::builder()
            .table_name(&self.table)
            .set_key(Some(record::directory_key(organization, id)))
            .build()
            .map_err(StoreError::from)?;
        // A transaction, because those are retried when they conflict with others.
        self.transact(&[(Part::Entry, TransactWriteItem::builder().delete(delete).build())], &[])
            .await?;
        Ok(())
    }
}

/// Returns `account` after a change at `now`.
fn changed(account: &ServiceAccount, change: &AccountChange, now: Timestamp) -> ServiceAccount {
    let mut changed = ServiceAccount { updated_at: now, ..account.clone() };
    if let Some(name) = &change.name {
        changed.name = name.clone();
    }
    if let Some(description) = &change.description {
        changed.description = description.clone();
    }
    if let Some(disabled) = change.disabled {
        changed.disabled = disabled;
    }
    changed
}
