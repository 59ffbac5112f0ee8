//! Keys of any account, and root keys.

use crate::account::ServiceAccount;
use crate::error::Error;
use crate::id::{KeyId, ServiceAccountId};
use crate::key::{Key, KeySpec, Minted};
use crate::policy::KeyPolicy;
use crate::scope::Scopes;
use crate::service::generate::generate_key;
use crate::store::{KeyStore, Listed};
use crate::text::KeyName;
use crate::time::Timestamp;
use crate::warning::WarningPolicy;

use super::organization_status::require_live;
use super::{OperatorError, PAGE, account};

/// An operator's choices for a new key. The default is full access without an expiry.
#[derive(Clone, Debug, Default)]
pub struct MintSpec {
    /// The display name.
    pub name: Option<KeyName>,
    /// The scopes of the key.
    pub scopes: Scopes,
    /// The requested expiry; `None` for never, or for the latest that the deployment allows.
    pub expires_at: Option<Timestamp>,
}

/// Returns which keys the deployment announces, as its runs keep it in the table. So an operator needs no settings to
/// write a key that is announced.
///
/// # Errors
///
/// [`OperatorError::Failed`].
pub async fn warning_rules(store: &KeyStore) -> Result<WarningPolicy, OperatorError> {
    let walk = store.review_walk().await?;
    Ok(walk.map(|walk| walk.policy).unwrap_or_default())
}

/// A key and its account.
#[derive(Clone, Debug)]
pub struct FoundKey {
    /// The account; `None` for root keys.
    pub account: Option<ServiceAccount>,
    /// The key.
    pub key: Key,
}

/// Mints a key for a service account.
///
/// # Errors
///
/// [`Error::InvalidExpiry`], [`OperatorError::RootAccount`], and the errors of [`KeyStore::insert_key`].
pub async fn mint_key(
    store: &KeyStore,
    policy: &KeyPolicy,
    now: Timestamp,
    id: &ServiceAccountId,
    spec: MintSpec,
) -> Result<Minted, OperatorError> {
    let minted = generate(policy, now, id.clone(), spec)?;
    let organization = account(store, id).await?.organization;
    require_live(store, &organization).await?;
    store.insert_key(&minted.key, &organization, policy, now, None).await?;
    Ok(minted)
}

/// Creates a root key, which administers the deployment and belongs to no organization.
///
/// # Errors
///
/// [`OperatorError`], for example for an expiry in the past.
pub async fn create_root_key(
    store: &KeyStore,
    policy: &KeyPolicy,
    now: Timestamp,
    expires_at: Option<Timestamp>,
) -> Result<Minted, OperatorError> {
    let spec = MintSpec { expires_at, ..MintSpec::default() };
    let minted = generate(policy, now, ServiceAccountId::root(), spec)?;
    store.create_root_key(&minted.key, policy, now, None).await?;
    Ok(minted)
}

/// Returns every key of an account that the table still has, oldest first. With `ROOT` as the account,
/// returns the root keys.
///
/// # Errors
///
/// [`OperatorError::Failed`].
pub async fn keys(store: &KeyStore, id: &ServiceAccountId) -> Result<Vec<Key>, OperatorError> {
    let mut keys = Vec::new();
    let mut after = None;
    loop {
        let page = store.keys(id, Listed::All, PAGE, after.as_deref()).await?;
        keys.extend(page.items);
        after = page.next;
        if after.is_none() {
            return Ok(keys);
        }
    }
}

/// Returns a key and its account. With `ROOT` as the account, returns a root key.
///
/// # Errors
///
/// [`Error::AccountNotFound`], [`Error::KeyNotFound`], and [`Error::Store`] as [`OperatorError::Failed`].
pub async fn key(
    store: &KeyStore,
    account: &ServiceAccountId,
    id: &KeyId,
) -> Result<FoundKey, OperatorError> {
    let found = store.lookup(account, id, true).await?;
    if found.account.is_none() && !account.is_root() {
        return Err(Error::AccountNotFound(account.clone()).into());
    }
    let key = found.key.ok_or_else(|| Error::KeyNotFound(id.clone()))?;
    Ok(FoundKey { account: found.account, key })
}

/// Revokes a key permanently. With `ROOT` as the account, revokes a root key.
///
/// # Errors
///
/// [`OperatorError`], for example if there is no such key.
pub async fn revoke_key(
    store: &KeyStore,
    policy: &KeyPolicy,
    now: Timestamp,
    account: &ServiceAccountId,
    key: &KeyId,
) -> Result<Key, OperatorError> {
    let revoked = store.revoke_key(None, account, key, policy, now).await?;
    Ok(revoked.into_key())
}

/// Generates a key from an operator's choices, without reading the table.
pub(super) fn generate(
    policy: &KeyPolicy,
    now: Timestamp,
    account: ServiceAccountId,
    spec: MintSpec,
) -> Result<Minted, Error> {
    let spec = KeySpec {
        account,
        name: spec.name,
        scopes: spec.scopes,
        expires_at: policy.expiry(spec.expires_at, now)?,
        created_by: None,
    };
    generate_key(policy, now, spec)
}
