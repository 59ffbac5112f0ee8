//! Organizations.

use crate::account::{Organization, ServiceAccount};
use crate::id::OrganizationId;
use crate::key::Minted;
use crate::policy::KeyPolicy;
use crate::store::KeyStore;
use crate::text::{Description, Name};
use crate::time::Timestamp;

use super::OperatorError;
use super::accounts::new_account;
use super::keys::{MintSpec, generate};
use super::organization_status::FoundOrganization;

/// A new organization, its first account, and that account's full-access key.
#[derive(Debug)]
pub struct Bootstrap {
    /// The organization.
    pub organization: Organization,
    /// Its first account.
    pub account: ServiceAccount,
    /// The key with its token, which is available only here.
    pub minted: Minted,
}

/// Creates an organization, its first service account, and a full-access key, all or nothing.
///
/// # Errors
///
/// [`OperatorError`], for example if the organization already exists.
pub async fn bootstrap(
    store: &KeyStore,
    policy: &KeyPolicy,
    now: Timestamp,
    id: OrganizationId,
    name: Name,
    account_name: Name,
) -> Result<Bootstrap, OperatorError> {
    let made = generate_bootstrap(policy, now, id, name, account_name)?;
    write_bootstrap(store, policy, &made).await?;
    Ok(made)
}

/// Generates an organization, its first service account, and a full-access key, without writing them. Until
/// [`write_bootstrap`], the key does not work.
///
/// # Errors
///
/// [`Error::Random`](crate::error::Error::Random) and
/// [`Error::InvalidExpiry`](crate::error::Error::InvalidExpiry) as [`OperatorError::Failed`].
pub fn generate_bootstrap(
    policy: &KeyPolicy,
    now: Timestamp,
    id: OrganizationId,
    name: Name,
    account_name: Name,
) -> Result<Bootstrap, OperatorError> {
    let organization = Organization { id, name, created_at: now };
    let description = Description::empty();
    let account = new_account(now, organization.id.clone(), account_name, description)?;
    let minted = generate(policy, now, account.id.clone(), MintSpec::default())?;
    Ok(Bootstrap { organization, account, minted })
}

/// Writes what [`generate_bootstrap`] generated, all or nothing.
///
/// # Errors
///
/// [`OperatorError`], for example if the organization already exists.
pub async fn write_bootstrap(
    store: &KeyStore,
    policy: &KeyPolicy,
    made: &Bootstrap,
) -> Result<(), OperatorError> {
    let Bootstrap { organization, account, minted } = made;
    let now = organization.created_at;
    Ok(store.create_organization(organization, account, &minted.key, policy, now).await?)
}

/// Returns every organization by scanning the whole table.
///
/// # Errors
///
/// [`OperatorError::Failed`].
pub async fn organizations(store: &KeyStore) -> Result<Vec<FoundOrganization>, OperatorError> {
    let stored = store.organizations().await?;
    let deployment = store.deployment().await?;
    Ok(stored.into_iter().map(|stored| FoundOrganization::new(stored, &deployment)).collect())
}

/// Returns how many organizations the table counts; `None` if it has no count yet.
///
/// # Errors
///
/// [`OperatorError::Failed`].
pub async fn count_organizations(store: &KeyStore) -> Result<Option<u64>, OperatorError> {
    Ok(store.deployment().await?.organizations)
}
