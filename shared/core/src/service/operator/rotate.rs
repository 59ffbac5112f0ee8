//! Rotating a key.

use crate::key::{Key, Minted, Rotation};
use crate::policy::KeyPolicy;
use crate::service::RotateRequest;
use crate::service::rotate::{self, Planned};
use crate::store::KeyStore;
use crate::time::Timestamp;

use super::OperatorError;

/// A rotated key and its replacement.
#[derive(Debug)]
pub struct Rotated {
    /// The old key as it is now: it ends with its grace period.
    pub old: Key,
    /// The replacement with its token, which is available only here.
    pub minted: Minted,
}

/// Mints a replacement for a key, which ends after its grace period.
///
/// # Errors
///
/// [`OperatorError::RootKey`], and the errors of [`KeyStore::rotate_key`].
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
