//! Authentication: the caller of a request, and secrets derived from its key.

use crate::account::ServiceAccount;
use crate::error::{Error, Refusal};
use crate::principal::Principal;

use super::verify::{Freshness, Verified};
use super::{CallerSecret, Latchkey};

/// An authenticated caller.
#[derive(Debug)]
pub struct Authenticated {
    /// The caller.
    pub principal: Principal,
    /// The caller's account, if it was read just now, which is so for a change.
    pub account: Option<ServiceAccount>,
    /// Seals data that only this caller can open again.
    pub secret: CallerSecret,
}

impl Latchkey {
    /// Verifies `token` and returns its principal. `freshness` sets how fresh the verdict must be.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`], [`Error::Store`].
    pub async fn verify(&self, token: &str, freshness: Freshness) -> Result<Principal, Error> {
        Ok(self.verifier.verify(token, freshness, self.clock.now()).await?.principal)
    }

    /// Verifies `token` as [`Latchkey::verify`] does, and also derives the caller's sealing secret.
    ///
    /// # Errors
    ///
    /// The errors of [`Latchkey::verify`].
    pub async fn authenticate(
        &self,
        token: &str,
        freshness: Freshness,
    ) -> Result<Authenticated, Error> {
        let verified = self.verifier.verify(token, freshness, self.clock.now()).await?;
        let Verified { principal, account } = verified;
        Ok(Authenticated { principal, account, secret: CallerSecret::of(token) })
    }

    /// Counts a request that presents no key, or presents it in the wrong form.
    pub fn count_refusal(&self, refusal: Refusal) {
        self.metrics.refused(refusal);
    }

    /// Revokes the key of `token`. Anyone who holds the token may do this. Does nothing if there is no such
    /// key.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`], [`Error::Store`]. On error, the key is unchanged, unless the table did not respond.
    pub async fn revoke_presented(&self, token: &str) -> Result<(), Error> {
        let now = self.clock.now();
        if let Some(revocation) =
            self.verifier.revoke(token, &self.origin, &self.policy, now).await?
        {
            self.record_revoked(&revocation);
        }
        Ok(())
    }
}
