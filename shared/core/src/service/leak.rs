//! Keys that were found in a public place.

use crate::account::ServiceAccount;
use crate::error::Error;
use crate::key::Key;
use crate::leak::{LeakAction, LeakOutcome, Sighting};
use crate::store::Revocation;
use crate::time::Timestamp;
use crate::token::Token;

use super::Latchkey;

impl Latchkey {
    /// Ends the key of a `token` that was found in a public place, or disables its account, as `action` says. The
    /// audit trail says where it was found.
    ///
    /// Whoever calls this must have verified the report. Repeating it has no further effect.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`], [`Error::Store`]. On error, nothing has changed, unless the table did not respond.
    pub async fn report_leak(
        &self,
        token: &str,
        action: LeakAction,
        sighting: &Sighting,
    ) -> Result<LeakOutcome, Error> {
        let Ok(token) = token.parse::<Token>() else { return Ok(LeakOutcome::Unknown) };
        let now = self.clock.now();
        let found = self.store.lookup(token.account(), token.key(), true).await?;
        let Some(key) = found.key.filter(|key| key.digest == token.digest()) else {
            return Ok(LeakOutcome::Unknown);
        };
        if key.ended(now).is_some() {
            return Ok(LeakOutcome::Unchanged);
        }
        let outcome = match (action, found.account) {
            (LeakAction::Disable, Some(account)) => {
                self.disable_for(&key, &account, sighting, now).await?
            }
            _ => self.revoke_for(&key, sighting, now).await?,
        };
        if outcome != LeakOutcome::Unchanged {
            tracing::warn!(
                action = "api_key.leak",
                account.id = %key.spec.account,
                key.id = %key.id,
                leak.reporter = sighting.reporter,
                leak.source = sighting.source,
                leak.url = sighting.url,
                leak.outcome = ?outcome,
                "key found in a public place"
            );
        }
        Ok(outcome)
    }

    async fn revoke_for(
        &self,
        key: &Key,
        sighting: &Sighting,
        now: Timestamp,
    ) -> Result<LeakOutcome, Error> {
        let store = self.writer_of(sighting.actor());
        match store.revoke_leaked_key(key, sighting, &self.policy, now).await {
            Ok(revoked) => {
                self.record_revoked(&revoked);
                Ok(match revoked {
                    Revocation::Revoked(_) => LeakOutcome::Revoked,
                    Revocation::AlreadyRevoked(_) => LeakOutcome::Unchanged,
                })
            }
            // It was deleted first, which has the same effect.
            Err(Error::KeyNotFound(_)) => Ok(LeakOutcome::Unchanged),
            Err(error) => Err(error),
        }
    }

    async fn disable_for(
        &self,
        key: &Key,
        account: &ServiceAccount,
        sighting: &Sighting,
        now: Timestamp,
    ) -> Result<LeakOutcome, Error> {
        let store = self.writer_of(sighting.actor());
        let disabled = store.disable_account_of(key, &account.organization, sighting, now).await;
        self.verifier.account_changed(now);
        match disabled {
            Ok(true) => Ok(LeakOutcome::Disabled),
            // It was deleted first, which has the same effect.
            Ok(false) | Err(Error::AccountNotFound(_)) => Ok(LeakOutcome::Unchanged),
            Err(error) => Err(error),
        }
    }
}
