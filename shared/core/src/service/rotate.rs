//! Rotating keys.

use std::time::Duration;

use rand::rngs::SysRng;

use crate::account::ServiceAccount;
use crate::error::Error;
use crate::id::{KeyId, ServiceAccountId};
use crate::key::{Key, Minted, Rotation};
use crate::policy::KeyPolicy;
use crate::principal::AccountPrincipal;
use crate::scope::KEYS_WRITE;
use crate::store::KeyStore;
use crate::time::Timestamp;

use super::generate::warn_if_orphaned;
use super::keys::find_key;
use super::metrics::Counter;
use super::{IdempotentRequest, Latchkey, Replay};

/// The maximum number of attempts to plan a rotation of a key that others keep changing.
const PLANS_MAX: usize = 4;

/// The minimum age at which a key created by a rotation may be rotated without a grace period. Such a
/// rotation counts against no limit and leaves an ended key, which the table keeps for a while.
const AGE_MIN: Duration = Duration::from_secs(60);

/// A request to rotate a key.
#[derive(Clone, Debug)]
pub struct RotateRequest {
    /// The key's account.
    pub account: ServiceAccountId,
    /// The key to replace.
    pub key: KeyId,
    /// The grace period, during which that key stays valid unless it expires sooner.
    pub grace: Duration,
}

/// A planned rotation, and the data for the response.
pub(super) struct Planned {
    pub(super) rotation: Rotation,
    pub(super) minted: Minted,
    pub(super) account: ServiceAccount,
}

impl Latchkey {
    /// Mints a replacement for a key and returns the result of `respond` for it. The replacement has the same
    /// name, scopes, and prefix, and a new lifetime of the same length. If the caller has scopes, the
    /// lifetime is capped at the caller's own expiry. For `request`, see [`Latchkey::mint`].
    ///
    /// # Errors
    ///
    /// [`Error::Denied`], also if the key has a scope that the caller lacks, because the replacement would
    /// exceed its minter. [`Error::KeyNotFound`], and the errors of [`crate::store::KeyStore::rotate_key`].
    /// On error, nothing has changed, except possibly after a store failure, as for [`Latchkey::mint`].
    pub async fn rotate<R: Replay>(
        &self,
        caller: &AccountPrincipal,
        rotate: &RotateRequest,
        request: Option<IdempotentRequest>,
        respond: impl Fn(&Minted, &ServiceAccount) -> R,
    ) -> Result<R, Error> {
        let now = self.clock.now();
        self.with_replay(request, now, async |writer| {
            caller.require(&KEYS_WRITE)?;
            let store_rotation = async |Planned { rotation, minted, account }: &Planned| {
                let organization = &account.organization;
                let write = async |response: Option<&_>| {
                    let store = self.writer(caller);
                    store.rotate_key(rotation, organization, &self.policy, now, response).await
                };
                let created = || self.record_rotated(rotation);
                writer.write(respond(minted, account), write, created).await
            };
            let (store, policy) = (&self.store, &self.policy);
            let rotated =
                rotate_key(store, policy, now, Some(caller), rotate, store_rotation).await?;
            Ok(rotated.1)
        })
        .await
    }

    fn record_rotated(&self, Rotation { old, new, .. }: &Rotation) {
        self.verifier.key_changed(&old.digest, new.created_at);
        self.metrics.count(Counter::KeysRotated, 1);
        tracing::info!(
            action = "api_key.rotate",
            account.id = %new.spec.account,
            key.id = %new.id,
            rotated.key.id = %old.id,
            "key rotated"
        );
    }
}

/// Rotates a key: plans the rotation and writes it with `write`. Repeats this if others change the key in
/// between. `caller` is `None` for an operator, who has more permissions.
///
/// # Errors
///
/// The errors of `write`, and the reasons against a plan.
pub(super) async fn rotate_key<T>(
    store: &KeyStore,
    policy: &KeyPolicy,
    now: Timestamp,
    caller: Option<&AccountPrincipal>,
    request: &RotateRequest,
    write: impl AsyncFn(&Planned) -> Result<T, Error>,
) -> Result<(Planned, T), Error> {
    let organization = caller.map(|caller| &caller.organization);
    for _ in 0..PLANS_MAX {
        let found = find_key(store, organization, &request.account, &request.key).await?;
        let planned = plan(policy, now, caller, request, found)?;
        match write(&planned).await {
            Ok(written) => return Ok((planned, written)),
            // The key changed after it was read.
            Err(Error::Busy) => {}
            Err(error) => {
                warn_if_orphaned(&error, &planned.minted.key);
                return Err(error);
            }
        }
    }
    Err(Error::Busy)
}

fn plan(
    policy: &KeyPolicy,
    now: Timestamp,
    caller: Option<&AccountPrincipal>,
    request: &RotateRequest,
    (account, old): (ServiceAccount, Key),
) -> Result<Planned, Error> {
    if let Some(caller) = caller {
        caller.cover(&old.spec.scopes)?;
    }
    if let Some(ended) = old.ended(now) {
        return Err(Error::KeyEnded { key: old.id, ended });
    }
    let is_young = now < old.created_at.saturating_add(AGE_MIN);
    if caller.is_some() && request.grace.is_zero() && old.rotated_from.is_some() && is_young {
        return Err(Error::RotatedRecently(old.id));
    }
    let minter = caller.map(|caller| caller.key.clone());
    let planned = Rotation::plan(&mut SysRng, now, policy, old, request.grace, minter);
    let (rotation, token) = planned.map_err(Error::Random)?;
    let rotation = rotation.ending_by(caller.and_then(AccountPrincipal::latest_expiry));
    let minted = Minted { key: rotation.new.clone(), token };
    Ok(Planned { rotation, minted, account })
}
