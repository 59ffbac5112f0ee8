//! Rotating a key.

use std::time::Duration;

use rand::rngs::SysRng;

use crate::Minted;
use crate::config::KeyPolicy;
use crate::error::{Ended, Error};
use crate::id::{KeyId, ServiceAccountId};
use crate::key::{Key, Rotation};
use crate::store::KeyStore;
use crate::time::Timestamp;

use super::{OperatorError, account, key};

/// How often a rotation is planned anew, because its key was changed meanwhile.
const PLANS_MAX: usize = 4;

/// A key that was rotated.
#[derive(Debug)]
pub struct Rotated {
    /// The key as it is now: it ends with its grace.
    pub old: Key,
    /// The key that took its place, with the only sight of its token.
    pub minted: Minted,
}

/// Mints a key in place of another one, which ends after `grace`.
///
/// # Errors
///
/// [`OperatorError::RootKey`], and what [`KeyStore::rotate_key`] refuses.
pub async fn rotate_key(
    store: &KeyStore,
    policy: &KeyPolicy,
    now: Timestamp,
    of: &ServiceAccountId,
    id: &KeyId,
    grace: Duration,
) -> Result<Rotated, OperatorError> {
    if of.is_root() {
        return Err(OperatorError::RootKey);
    }
    let organization = account(store, of).await?.organization;
    for _ in 0..PLANS_MAX {
        let old = key(store, of, id).await?.key;
        if let Some(ended) = Ended::of(&old, now) {
            return Err(Error::KeyEnded { key: old.id, ended }.into());
        }
        let planned = Rotation::plan(&mut SysRng, now, policy, old, grace, None);
        let (rotation, token) = planned.map_err(Error::Random)?;
        match store.rotate_key(&rotation, &organization, policy, now, None).await {
            // Changed since it was read.
            Err(Error::Busy) => {}
            Err(error) => return Err(error.into()),
            Ok(_) => {
                let Rotation { old, old_ends_at, new } = rotation;
                let rotated_to = Some(new.id.clone());
                let old = Key { rotated_to, updated_at: now, ..old.ending_at(old_ends_at) };
                return Ok(Rotated { old, minted: Minted { key: new, token } });
            }
        }
    }
    Err(Error::Busy.into())
}
