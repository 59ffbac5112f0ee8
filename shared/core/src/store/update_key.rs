//! Changing a key's name or scopes.

use aws_sdk_dynamodb::types::{ReturnValuesOnConditionCheckFailure, Update};

use crate::audit::Draft;
use crate::error::Error;
use crate::key::{Key, KeyChange};
use crate::principal::AccountPrincipal;
use crate::time::Timestamp;

use super::attribute::number;
use super::record;
use super::transaction::{Outcome, Part};
use super::{KeyStore, StoreError};

/// The maximum number of attempts while others change the key's scopes.
const ATTEMPTS_MAX: u32 = 4;

impl KeyStore {
    /// Changes `key` as `caller` and returns it, unless it has ended. If others have changed it since it was read,
    /// the change is authorized anew. Writes nothing if the key already is as it should be.
    ///
    /// # Errors
    ///
    /// [`Error::Denied`] for a key that by now has scopes that the caller lacks, [`Error::KeyNotFound`],
    /// [`Error::KeyEnded`], [`Error::Busy`], or [`Error::Store`]. On error, the key is unchanged, unless the table
    /// did not respond.
    pub async fn update_key(
        &self,
        caller: &AccountPrincipal,
        mut key: Key,
        change: &KeyChange,
        now: Timestamp,
    ) -> Result<Key, Error> {
        for _ in 0..ATTEMPTS_MAX {
            caller.outrank(&key.spec.scopes)?;
            if let Some(ended) = key.ended(now) {
                return Err(Error::KeyEnded { key: key.id, ended });
            }
            let not_found = || Error::KeyNotFound(key.id.clone());
            let changed = changed(&key, change, now);
            if changed.spec == key.spec {
                return Ok(key);
            }
            let event = Draft::key_updated(Some(&caller.organization), &key, &changed, now);
            let update = self.change(&key, change, now)?;
            let found = match self.update_once(Part::Key, update, &[event]).await? {
                Outcome::Refused(mut unmet) => unmet.take(Part::Key).flatten(),
                _ => {
                    let (account, id) = (&key.spec.account, &key.id);
                    tracing::info!(action = "api_key.update", account.id = %account, key.id = %id, "key changed");
                    return Ok(changed);
                }
            };
            key = record::key(&found.ok_or_else(not_found)?).map_err(StoreError::from)?;
        }
        Err(Error::Busy)
    }

    /// Returns an update of a key that has not ended, and that nobody has changed since `key` was read. A use is no
    /// change.
    fn change(&self, key: &Key, change: &KeyChange, now: Timestamp) -> Result<Update, StoreError> {
        let mut set = vec!["updated_at = :now".to_owned()];
        let mut remove = Vec::new();
        let update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(record::key_key(&key.spec.account, &key.id)))
            .expression_attribute_values(":now", number(now.as_millis()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let mut update = record::require_same(
            update,
            "attribute_exists(pk) AND attribute_not_exists(revoked_at) \
             AND (attribute_not_exists(expires_at) OR expires_at > :now)",
            key,
            &["name", "scopes", "expires_at", "rotated_to"],
        );
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
        Ok(update.update_expression(expression).build()?)
    }
}

/// Returns `key` after a change at `now`.
fn changed(key: &Key, change: &KeyChange, now: Timestamp) -> Key {
    let mut changed = Key { updated_at: now, ..key.clone() };
    if let Some(name) = &change.name {
        changed.spec.name = name.clone();
    }
    if let Some(scopes) = &change.scopes {
        changed.spec.scopes = scopes.clone();
    }
    changed
}
