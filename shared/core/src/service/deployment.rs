//! What concerns all organizations of a deployment.

use crate::store::Deployment;
use crate::time::Timestamp;

use super::Latchkey;

impl Latchkey {
    /// Logs a warning if the deployment has several organizations. For a function that verifies keys for
    /// others, at its start, unless it is told which organizations may pass: a valid key of any
    /// organization is then let in.
    ///
    /// Costs no request: it goes by what the start has read. Says nothing where that read failed, or where
    /// the table has no count yet.
    pub fn warn_if_several_organizations(&self) {
        if let Some(organizations) = self.several_organizations() {
            tracing::warn!(
                organizations,
                "this deployment has {organizations} organizations, and valid keys of all of them \
                 pass; restrict verification with `VerifyOrganizations`, `AuthorizerOrganizations` \
                 or `/verify?organization=`"
            );
        }
    }

    /// How many organizations there are, if the start has read of more than one.
    pub fn several_organizations(&self) -> Option<u64> {
        self.verifier.known_deployment()?.organizations.filter(|organizations| *organizations > 1)
    }

    /// Observes the deployment by a read that began at `asked_at`, so that the first verification need not
    /// read it.
    pub fn observe_deployment(&self, deployment: Deployment, asked_at: Timestamp) {
        self.verifier.observe_deployment(deployment, asked_at);
    }
}
