//! The caller's organization.

use crate::account::Organization;
use crate::error::{Error, Refusal};
use crate::principal::{AccountPrincipal, Denial};

use super::Latchkey;

impl Latchkey {
    /// Returns the caller's organization.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`] if it was deleted after the caller was verified, [`Error::Store`].
    pub async fn organization(&self, caller: &AccountPrincipal) -> Result<Organization, Error> {
        let organization = self.store.organization(&caller.organization).await?;
        organization.ok_or(Error::Unauthenticated(Refusal::OrganizationDisabled))
    }

    /// Checks that `selected`, an organization's ID or its exact name, is the caller's organization.
    ///
    /// # Errors
    ///
    /// [`Denial::OtherOrganization`] if it is not, [`Error::Store`].
    pub async fn check_organization(
        &self,
        caller: &AccountPrincipal,
        selected: &str,
    ) -> Result<(), Error> {
        let own = &caller.organization;
        if own.as_ref() == selected {
            return Ok(());
        }
        match self.store.organization(own).await? {
            Some(organization) if organization.name.as_ref() == selected => Ok(()),
            _ => Err(Denial::OtherOrganization.into()),
        }
    }
}
