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

/// How often a rotation is planned anew, because its key was changed meanwhile.
const PLANS_MAX: usize = 4;

/// How old a key must be that a rotation made, to be rotated without grace. Such a rotation counts against
/// no limit and leaves an ended key, which the table keeps for a while.
const AGE_MIN: Duration = Duration::from_secs(60);

/// What a caller asks for when it rotates a key.
#[derive(Clone, Debug)]
pub struct RotateRequest {
    /// The key's account.
    pub account: ServiceAccountId,
    /// The key to be replaced.
    pub key: KeyId,
    /// How long that key stays valid, unless it ends sooner by itself.
    pub grace: Duration,
}

/// A rotation that is to be written, and what its caller is told.
pub(super) struct Planned {
    pub(super) rotation: Rotation,
    pub(super) minted: Minted,
    pub(super) account: ServiceAccount,
}

impl Latchkey {
    /// Mints a key in place of another one, with its name, scopes and prefix and a fresh lifetime of the
    /// same length, which a caller with scopes bounds by its own end, and answers with what `respond`
    /// makes of it. `request` as in [`Latchkey::mint`].
    ///
    /// # Errors
    ///
    /// [`Error::Denied`], also where the key has a scope that the caller lacks: the new one would be
    /// more than its minter. [`Error::KeyNotFound`], and what [`crate::store::KeyStore::rotate_key`]
    /// refuses. Then nothing has changed, except perhaps after a failure of the store, as with a mint.
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
                    self.store.rotate_key(rotation, organization, &self.policy, now, response).await
                };
                let created = || self.record_rotated(caller, rotation);
                writer.write(respond(minted, account), write, created).await
            };
            let (store, policy) = (&self.store, &self.policy);
            let rotated =
                rotate_key(store, policy, now, Some(caller), rotate, store_rotation).await?;
            Ok(rotated.1)
        })
        .await
    }

    fn record_rotated(&self, caller: &AccountPrincipal, Rotation { old, new, .. }: &Rotation) {
        self.verifier.forget(&old.digest);
        self.metrics.count(Counter::KeysRotated, 1);
        tracing::info!(
            account.id = %new.spec.account,
            key.id = %new.id,
            rotated.key.id = %old.id,
            minter.key.id = %caller.key,
            "key rotated"
        );
    }
}

/// Rotates a key: plans it, and writes the plan with `write`; again while others change the key in between.
/// An operator is no `caller`, and may do more.
///
/// # Errors
///
/// Those of `write`, and what speaks against a plan.
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
            // Changed since it was read.
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
