//! Changing a key's name or scopes.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};

use crate::error::{Ended, Error};
use crate::id::{KeyId, ServiceAccountId};
use crate::key::{Key, KeyChange};
use crate::time::Timestamp;

use super::record;
use super::transaction::condition_failed;
use super::{KeyStore, StoreError};

impl KeyStore {
    /// Changes a key that has not ended, and returns it.
    ///
    /// # Errors
    ///
    /// [`Error::KeyNotFound`], [`Error::KeyEnded`] or [`Error::Store`]; then the key is as it was.
    pub async fn update_key(
        &self,
        account: &ServiceAccountId,
        id: &KeyId,
        change: &KeyChange,
        now: Timestamp,
    ) -> Result<Key, Error> {
        let mut set = vec!["updated_at = :now".to_owned()];
        let mut remove = Vec::new();
        let mut update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(record::key_key(account, id)))
            .expression_attribute_values(":now", AttributeValue::N(now.as_millis().to_string()))
            .condition_expression(
                "attribute_exists(pk) AND attribute_not_exists(revoked_at) \
                 AND (attribute_not_exists(expires_at) OR expires_at > :now)",
            )
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let changed = [
            change.name.as_ref().map(|name| ("name", "#name", ":name", record::name(name))),
            change
                .scopes
                .as_ref()
                .map(|scopes| ("scopes", "#scopes", ":scopes", record::scopes(scopes))),
        ];
        for (attribute, alias, placeholder, value) in changed.into_iter().flatten() {
            update = update.expression_attribute_names(alias, attribute);
            match value {
                Some(value) => {
                    set.push(format!("{alias} = {placeholder}"));
                    update = update.expression_attribute_values(placeholder, value);
                }
                None => remove.push(alias),
            }
        }
        let mut expression = format!("SET {}", set.join(", "));
        if !remove.is_empty() {
            expression.push_str(&format!(" REMOVE {}", remove.join(", ")));
        }
        let error = match update.update_expression(expression).send().await {
            Ok(answer) => {
                let item = answer.attributes.unwrap_or_default();
                return Ok(record::key(&item).map_err(StoreError::from)?);
            }
            Err(error) => error,
        };
        let Some(refused) = condition_failed(&error) else {
            return Err(StoreError::from(error).into());
        };
        let Some(found) = refused.item() else { return Err(Error::KeyNotFound(id.clone())) };
        let key = record::key(found).map_err(StoreError::from)?;
        match Ended::of(&key, now) {
            Some(ended) => Err(Error::KeyEnded { key: key.id, ended }),
            None => Err(Error::Busy),
        }
    }
}
