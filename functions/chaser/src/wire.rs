//! The wire format of this dialect: snake case, and `null` for absent values.

use latchkey::account::{Organization, ServiceAccount};
use latchkey::id::{KeyId, ServiceAccountId};
use latchkey::key::{Key, Minted};
use latchkey::principal::AccountPrincipal;
use latchkey::scope::Scope;
use latchkey::text::KeyName;
use latchkey::time::Timestamp;
use latchkey_http::Error;
use serde::Serialize;

pub(crate) const NAME: &str = "name";
pub(crate) const SCOPES: &str = "scopes";

/// Parses an account ID from a path. Ours: the vendor specifies no ID format, so an invalid ID is unknown.
pub(crate) fn account_id(text: &str) -> Result<ServiceAccountId, Error> {
    text.parse().map_err(|_| Error::UnknownAccount)
}

/// Parses a key ID from a path, in the same way.
pub(crate) fn key_id(text: &str) -> Result<KeyId, Error> {
    text.parse().map_err(|_| Error::UnknownKey)
}

/// A key with its secret, in the response to a create or a rotation.
///
/// `CreateServiceAccountKeyResponse`, or without the account `CreateApiKeyResponse`.
#[derive(Serialize)]
pub(crate) struct CreatedKey<'a> {
    full_access: bool,
    id: &'a str,
    key: &'a str,
    key_prefix: &'a str,
    name: Option<&'a KeyName>,
    scopes: &'a [Scope],
    #[serde(skip_serializing_if = "Option::is_none")]
    service_account: Option<AccountInfo<'a>>,
}

impl<'a> CreatedKey<'a> {
    pub(crate) fn new(minted: &'a Minted, account: Option<&'a ServiceAccount>) -> Self {
        let spec = &minted.key.spec;
        Self {
            full_access: spec.scopes.is_full_access(),
            id: minted.key.id.as_ref(),
            key: minted.token.expose(),
            key_prefix: &minted.key.key_prefix,
            name: spec.name.as_ref(),
            scopes: spec.scopes.as_slice(),
            service_account: account.map(AccountInfo::from),
        }
    }
}

/// A key without its secret, in all other responses: `ServiceAccountKeyInfo`, and also `ApiKeyInfo`.
///
/// Ours: `expires_at`, and `revoked_at` from the vendor's newer API.
///
/// The SDK's users treat a key without `revoked` as live and know of no expiry. Ours: for an expired key,
/// `revoked` is its expiry.
#[derive(Serialize)]
pub(crate) struct KeyInfo<'a> {
    id: &'a str,
    name: Option<&'a KeyName>,
    key_prefix: &'a str,
    scopes: &'a [Scope],
    full_access: bool,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    last_used_at: Option<Timestamp>,
    revoked: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
}

impl<'a> KeyInfo<'a> {
    /// The key as it is `now`.
    pub(crate) fn new(key: &'a Key, now: Timestamp) -> Self {
        let expired = key.spec.expires_at.filter(|_| key.is_expired(now));
        Self {
            id: key.id.as_ref(),
            name: key.spec.name.as_ref(),
            key_prefix: &key.key_prefix,
            scopes: key.spec.scopes.as_slice(),
            full_access: key.spec.scopes.is_full_access(),
            created_at: key.created_at,
            expires_at: key.spec.expires_at,
            last_used_at: key.last_used_at,
            revoked: key.revoked_at.or(expired),
            revoked_at: key.revoked_at,
        }
    }
}

/// `ServiceAccountInfo`
#[derive(Serialize)]
pub(crate) struct AccountInfo<'a> {
    created_at: Timestamp,
    created_by_user_id: &'a str,
    disabled: bool,
    id: &'a str,
    name: &'a str,
    updated_at: Timestamp,
}

impl<'a> From<&'a ServiceAccount> for AccountInfo<'a> {
    fn from(account: &'a ServiceAccount) -> Self {
        Self {
            created_at: account.created_at,
            // Ours: accounts are created by service accounts or by an operator, `ROOT`.
            created_by_user_id: account.created_by.as_ref(),
            disabled: account.disabled,
            id: account.id.as_ref(),
            name: account.name.as_ref(),
            updated_at: account.updated_at,
        }
    }
}

/// A service account in its envelope.
#[derive(Serialize)]
pub(crate) struct Account<'a> {
    service_account: AccountInfo<'a>,
}

impl<'a> From<&'a ServiceAccount> for Account<'a> {
    fn from(account: &'a ServiceAccount) -> Self {
        Self { service_account: account.into() }
    }
}

/// `AccountInfo`: a Chaser account is a Latchkey organization.
#[derive(Serialize)]
pub(crate) struct OrganizationInfo<'a> {
    id: &'a str,
    kind: &'static str,
    name: &'a str,
    role: &'static str,
    personal: bool,
    created_at: Timestamp,
}

impl<'a> OrganizationInfo<'a> {
    /// The account as `caller` sees it.
    pub(crate) fn new(organization: &'a Organization, caller: &AccountPrincipal) -> Self {
        Self {
            id: organization.id.as_ref(),
            kind: "organization",
            name: organization.name.as_ref(),
            // Ours: the vendor's roles are for people, among whom admins manage service accounts.
            role: if caller.scopes.is_full_access() { "admin" } else { "member" },
            personal: false,
            created_at: organization.created_at,
        }
    }
}

/// The current account in its envelope.
#[derive(Serialize)]
pub(crate) struct CurrentAccount<'a> {
    pub(crate) account: OrganizationInfo<'a>,
}

/// The accounts that a caller belongs to.
#[derive(Serialize)]
pub(crate) struct Organizations<'a> {
    pub(crate) accounts: [OrganizationInfo<'a>; 1],
}
