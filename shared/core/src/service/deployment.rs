//! Operations on the deployment as a whole.

use crate::error::Error;
use crate::store::Deployment;
use crate::time::Timestamp;

use super::Latchkey;

impl Latchkey {
    /// Logs a warning if the deployment has several organizations. Call this when a function that verifies
    /// keys for others starts without a list of allowed organizations: it then accepts valid keys of every
    /// organization.
    ///
    /// Sends no request, because it uses what the start has read. Logs nothing if that read failed or the
    /// table has no count yet.
    pub fn warn_if_several_organizations(&self) {
        if let Some(organizations) = self.several_organizations() {
            tracing::warn!(
                organizations,
                "this deployment has {organizations} organizations, and verification accepts the keys \
                 of all of them; to restrict it, set `VerifyOrganizations` or \
                 `AuthorizerOrganizations`, or call `/verify?organization=`"
            );
        }
    }

    /// Returns the number of organizations, if the start read more than one.
    pub fn several_organizations(&self) -> Option<u64> {
        self.verifier.known_deployment()?.organizations.filter(|organizations| *organizations > 1)
    }

    /// Checks with one eventually consistent read that the table responds.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub async fn check_store(&self) -> Result<(), Error> {
        Ok(self.store.deployment_soon().await.map(drop)?)
    }

    /// Stores the result of a read that began at `asked_at`, so that the first verification need not read the
    /// deployment.
    pub fn observe_deployment(&self, deployment: Deployment, asked_at: Timestamp) {
        self.verifier.observe_deployment(deployment, asked_at);
    }
}
