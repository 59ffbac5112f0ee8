//! Rotating a key.

use crate::key::{Key, Minted, Rotation};
use crate::policy::KeyPolicy;
use crate::service::RotateRequest;
use crate::service::rotate::{self, Planned};
use crate::store::KeyStore;
use crate::time::Timestamp;

use super::OperatorError;

/// A key that was rotated.
#[derive(Debug)]
pub struct Rotated {
    /// The key as it is now: it ends with its grace.
    pub old: Key,
    /// The key that took its place, with the only sight of its token.
    pub minted: Minted,
}

/// Mints a key in place of another one, which ends after its grace.
///
/// # Errors
///
/// [`OperatorError::RootKey`], and what [`KeyStore::rotate_key`] refuses.
pub async fn rotate_key(
    store: &KeyStore,
    policy: &KeyPolicy,
    now: Timestamp,
    request: &RotateRequest,
) -> Result<Rotated, OperatorError> {
    if request.account.is_root() {
        return Err(OperatorError::RootKey);
    }
    let write = async |Planned { rotation, account, .. }: &Planned| {
        store.rotate_key(rotation, &account.organization, policy, now, None).await
    };
    let (planned, _) = rotate::rotate_key(store, policy, now, None, request, write).await?;
    let Planned { rotation: Rotation { old, old_ends_at, new }, minted, .. } = planned;
    let old = Key { rotated_to: Some(new.id), updated_at: now, ..old.ending_at(old_ends_at) };
    Ok(Rotated { old, minted })
}
