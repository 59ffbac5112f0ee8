//! Changing a key's name or scopes.

use aws_sdk_dynamodb::types::{ReturnValuesOnConditionCheckFailure, Update};

use crate::error::Error;
use crate::id::{KeyId, ServiceAccountId};
use crate::key::{Key, KeyChange};
use crate::scope::Scopes;
use crate::time::Timestamp;

use super::attribute::number;
use super::record;
use super::transaction::{Outcome, Part};
use super::{KeyStore, StoreError};

impl KeyStore {
    /// Changes and returns a key that has not ended and still has the scopes `had`, which authorized the
    /// change.
    ///
    /// # Errors
    ///
    /// [`Error::KeyNotFound`], [`Error::KeyEnded`], [`Error::Busy`], also if the scopes differ, or
    /// [`Error::Store`]. On error, the key is unchanged, unless the table did not respond.
    pub async fn update_key(
        &self,
        account: &ServiceAccountId,
        id: &KeyId,
        had: &Scopes,
        change: &KeyChange,
        now: Timestamp,
    ) -> Result<Key, Error> {
        let mut set = vec!["updated_at = :now".to_owned()];
        let mut remove = Vec::new();
        let (same_scopes, scopes) = record::has_scopes(had);
        let mut update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(record::key_key(account, id)))
            .expression_attribute_values(":now", number(now.as_millis()))
            .condition_expression(format!(
                "attribute_exists(pk) AND attribute_not_exists(revoked_at) \
                 AND (attribute_not_exists(expires_at) OR expires_at > :now) AND {same_scopes}"
            ))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        if let Some(scopes) = scopes {
            update = update.expression_attribute_values(":had", scopes);
        }
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
        let update = update.update_expression(expression).build().map_err(StoreError::from)?;
        let not_found = || Error::KeyNotFound(id.clone());
        let Outcome::Refused(mut unmet) = self.update_once(Part::Key, update).await? else {
            // Deleted since, if it is missing.
            let changed = self.item(record::key_key(account, id)).await?.ok_or_else(not_found)?;
            return Ok(record::key(&changed).map_err(StoreError::from)?);
        };
        let found = unmet.take(Part::Key).flatten().ok_or_else(not_found)?;
        let key = record::key(&found).map_err(StoreError::from)?;
        match key.ended(now) {
            Some(ended) => Err(Error::KeyEnded { key: key.id, ended }),
            None => Err(Error::Busy),
        }
    }
}
