//! What an operator does with direct access to the table, before there is any key to present.

use rand::rngs::SysRng;

use crate::Minted;
use crate::account::{Organization, ServiceAccount};
use crate::config::{InvalidExpiry, KeyPolicy};
use crate::error::Error;
use crate::id::{KeyId, OrganizationId, ServiceAccountId};
use crate::key::{Key, KeySpec};
use crate::scope::Scopes;
use crate::store::{CreateError, KeyStore};
use crate::text::{Description, Name};
use crate::time::Timestamp;
use crate::token::Token;

/// A new organization, its first account and that account's full-access key.
#[derive(Debug)]
pub struct Bootstrap {
    /// The organization.
    pub organization: Organization,
    /// Its first account.
    pub account: ServiceAccount,
    /// The key, with the only sight of its token.
    pub minted: Minted,
}

/// Why an operator's command failed. Then nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// The key may not end then.
    #[error("the expiry {0}")]
    Expiry(#[from] InvalidExpiry),
    /// The store refused or failed.
    #[error("{0}")]
    Create(#[from] CreateError),
}

/// Makes an organization, its first service account and a full-access key, all or nothing.
///
/// # Errors
///
/// [`OperatorError`], for instance when the organization exists already.
pub async fn bootstrap(
    store: &KeyStore,
    policy: &KeyPolicy,
    now: Timestamp,
    id: OrganizationId,
    name: Name,
    account_name: Name,
) -> Result<Bootstrap, OperatorError> {
    let organization = Organization { id, name, created_at: now };
    let description = Description::empty();
    let account = new_account(now, organization.id.clone(), account_name, description)?;
    let minted = mint(policy, now, account.id.clone(), None)?;
    store.create_organization(&organization, &account, &minted.key, policy).await?;
    Ok(Bootstrap { organization, account, minted })
}

/// Makes a service account of an organization that exists, without a key.
///
/// # Errors
///
/// [`OperatorError`], for instance when the organization does not exist.
pub async fn create_account(
    store: &KeyStore,
    now: Timestamp,
    organization: OrganizationId,
    name: Name,
    description: Description,
) -> Result<ServiceAccount, OperatorError> {
    let account = new_account(now, organization, name, description)?;
    store.create_account(&account, now, None).await?;
    Ok(account)
}

/// Revokes a key for good; with `ROOT` as its account, a root key.
///
/// # Errors
///
/// [`OperatorError`], for instance when there is no such key.
pub async fn revoke_key(
    store: &KeyStore,
    policy: &KeyPolicy,
    now: Timestamp,
    account: &ServiceAccountId,
    key: &KeyId,
) -> Result<Key, OperatorError> {
    let revoked = store.revoke_key(None, account, key, policy, now).await;
    Ok(revoked.map_err(CreateError::Failed)?.into_key())
}

/// Makes a root key, which administers the deployment and belongs to no organization.
///
/// # Errors
///
/// [`OperatorError`], for instance for an expiry in the past.
pub async fn create_root_key(
    store: &KeyStore,
    policy: &KeyPolicy,
    now: Timestamp,
    expires_at: Option<Timestamp>,
) -> Result<Minted, OperatorError> {
    let minted = mint(policy, now, ServiceAccountId::root(), expires_at)?;
    store.create_root_key(&minted.key, policy, now, None).await.map_err(CreateError::Failed)?;
    Ok(minted)
}

fn new_account(
    now: Timestamp,
    organization: OrganizationId,
    name: Name,
    description: Description,
) -> Result<ServiceAccount, CreateError> {
    let operator = ServiceAccountId::root();
    ServiceAccount::create(&mut SysRng, now, organization, name, description, operator)
        .map_err(|error| CreateError::Failed(Error::Random(error)))
}

fn mint(
    policy: &KeyPolicy,
    now: Timestamp,
    account: ServiceAccountId,
    expires_at: Option<Timestamp>,
) -> Result<Minted, OperatorError> {
    let spec = KeySpec {
        account,
        name: None,
        scopes: Scopes::full_access(),
        expires_at: policy.expiry(expires_at, now)?,
        created_by: None,
    };
    let (key, token): (Key, Token) = Key::mint(&mut SysRng, now, &policy.prefix, spec)
        .map_err(|error| CreateError::Failed(Error::Random(error)))?;
    Ok(Minted { key, token })
}
