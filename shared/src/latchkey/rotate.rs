//! Rotating keys.

use std::time::Duration;

use lambda_http::Body;
use lambda_http::http::Response;
use rand::rngs::SysRng;

use crate::account::ServiceAccount;
use crate::error::{Ended, Error};
use crate::id::{KeyId, ServiceAccountId};
use crate::idempotency::Retry;
use crate::key::Rotation;
use crate::metrics::Counter;
use crate::principal::AccountPrincipal;
use crate::scope::KEYS_WRITE;
use crate::store::Written;

use super::mint::note_lost;
use super::{Latchkey, Minted, once};

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

impl Latchkey {
    /// Mints a key in place of another one, with its name, scopes and prefix and a fresh lifetime of the
    /// same length, which a caller with scopes bounds by its own end, and answers with what `respond`
    /// makes of it. `retry` as in [`Latchkey::mint`].
    ///
    /// # Errors
    ///
    /// [`Error::Denied`], also where the key has a scope that the caller lacks: the new one would be
    /// more than its minter. [`Error::KeyNotFound`], and what [`crate::store::KeyStore::rotate_key`]
    /// refuses. Then nothing has changed, except perhaps after a failure of the store, as with a mint.
    pub async fn rotate(
        &self,
        caller: &AccountPrincipal,
        request: &RotateRequest,
        retry: Option<Retry>,
        respond: impl Fn(&Minted, &ServiceAccount) -> Response<Body>,
    ) -> Result<Response<Body>, Error> {
        let now = self.clock.now();
        let retry = retry.as_ref();
        let rotating = async {
            caller.require(KEYS_WRITE)?;
            for _ in 0..PLANS_MAX {
                let (account, old) = self.find_key(caller, &request.account, &request.key).await?;
                caller.cover(&old.spec.scopes)?;
                if let Some(ended) = Ended::of(&old, now) {
                    return Err(Error::KeyEnded { key: old.id, ended });
                }
                let is_young = now < old.created_at.saturating_add(AGE_MIN);
                if request.grace.is_zero() && old.rotated_from.is_some() && is_young {
                    return Err(Error::RotatedRecently(old.id));
                }
                let minter = Some(caller.key.clone());
                let planned =
                    Rotation::plan(&mut SysRng, now, &self.policy, old, request.grace, minter);
                let (rotation, token) = planned.map_err(Error::Random)?;
                let rotation = rotation.ending_by(caller.latest_expiry());
                let minted = Minted { key: rotation.new.clone(), token };
                let response = respond(&minted, &account);
                let kept = once::seal(retry, now, &response)?;
                let organization = &caller.organization;
                let written = self
                    .store
                    .rotate_key(&rotation, organization, &self.policy, now, kept.as_ref())
                    .await;
                let written = match written {
                    // Changed since it was read.
                    Err(Error::Busy) => continue,
                    written => written.inspect_err(|error| note_lost(error, &rotation.new))?,
                };
                if let Written::New = written {
                    self.verifier.forget(&rotation.old.digest);
                    self.metrics.count(Counter::KeysRotated, 1);
                    tracing::info!(
                        account.id = %request.account,
                        key.id = %minted.key.id,
                        rotated.key.id = %request.key,
                        minter.key.id = %caller.key,
                        "key rotated"
                    );
                }
                return once::answer(retry, written, response);
            }
            Err(Error::Busy)
        };
        self.once(retry, now, rotating).await
    }
}
