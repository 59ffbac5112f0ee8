//! Authentication: whose key is presented, and what else is derived from it.

use crate::error::{Error, Refusal};
use crate::principal::Principal;

use super::verify::Freshness;
use super::{CallerSecret, Latchkey};

/// A caller that has proved who it is.
#[derive(Debug)]
pub struct Authenticated {
    /// Who it is.
    pub principal: Principal,
    /// What seals what only this caller is to open again.
    pub secret: CallerSecret,
}

impl Latchkey {
    /// Who presents `token` as its key, by a verdict that is as fresh as `freshness` asks for.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`], [`Error::Store`].
    pub async fn verify(&self, token: &str, freshness: Freshness) -> Result<Principal, Error> {
        self.verifier.verify(token, freshness, self.clock.now()).await
    }

    /// Who presents `token` as its key, as by [`Latchkey::verify`], with what can be sealed for it.
    ///
    /// # Errors
    ///
    /// As [`Latchkey::verify`].
    pub async fn authenticate(
        &self,
        token: &str,
        freshness: Freshness,
    ) -> Result<Authenticated, Error> {
        let principal = self.verify(token, freshness).await?;
        Ok(Authenticated { principal, secret: CallerSecret::of(token) })
    }

    /// Counts a request that presents no key, or not as a key is presented.
    pub fn count_refusal(&self, refusal: Refusal) {
        self.metrics.refused(refusal);
    }

    /// Revokes the key of `token`, for whoever holds that token. Nothing happens if it is none.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`], [`Error::Store`]; then the key is as it was, unless the table did not answer.
    pub async fn revoke_presented(&self, token: &str) -> Result<(), Error> {
        let now = self.clock.now();
        if let Some(revocation) = self.verifier.revoke(token, &self.policy, now).await? {
            self.record_revoked(&revocation);
        }
        Ok(())
    }
}
