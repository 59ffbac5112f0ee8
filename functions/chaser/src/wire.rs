//! What goes over the wire in this dialect: snake case, and `null` for what is not there.

use lambda_http::Request;
use latchkey::Minted;
use latchkey::account::{Organization, ServiceAccount};
use latchkey::error::Error;
use latchkey::id::{KeyId, ServiceAccountId};
use latchkey::json::Fields;
use latchkey::key::Key;
use latchkey::page::PageRequest;
use latchkey::scope::Scope;
use latchkey::text::{KeyName, Name};
use latchkey::time::Timestamp;
use serde::Serialize;

use crate::App;

pub(crate) const NAME: &str = "name";
pub(crate) const SCOPES: &str = "scopes";

/// A path's account id. Ours: the vendor has no grammar for ids, so one outside ours names nothing.
pub(crate) fn account_id(text: &str) -> Result<ServiceAccountId, Error> {
    text.parse().map_err(|_| Error::UnknownAccount)
}

/// A path's key id, likewise.
pub(crate) fn key_id(text: &str) -> Result<KeyId, Error> {
    text.parse().map_err(|_| Error::UnknownKey)
}

/// The page that a request asks for.
pub(crate) fn page(app: &App, request: &Request, list: &[&str]) -> Result<PageRequest, Error> {
    PageRequest::of(request, "cursor", list, app.latchkey.now())
}

/// The name of a key; `null` is none.
pub(crate) fn key_name(fields: &mut Fields) -> Result<Option<KeyName>, Error> {
    let text = fields.take_nullable_string(NAME)?;
    let name = text.map(|text| text.parse()).transpose();
    name.map_err(|problem| Error::InvalidText { field: NAME, problem })
}

/// The name of an account.
pub(crate) fn account_name(text: &str) -> Result<Name, Error> {
    text.parse().map_err(|problem| Error::InvalidText { field: NAME, problem })
}

/// A key with its secret, as creating and rotating answer: `CreateServiceAccountKeyResponse`.
#[derive(Serialize)]
pub(crate) struct CreatedKey<'a> {
    full_access: bool,
    id: &'a str,
    key: &'a str,
    key_prefix: &'a str,
    name: Option<&'a KeyName>,
    scopes: &'a [Scope],
    service_account: Account<'a>,
}

impl<'a> CreatedKey<'a> {
    pub(crate) fn new(minted: &'a Minted, account: &'a ServiceAccount) -> Self {
        let spec = &minted.key.spec;
        Self {
            full_access: spec.scopes.is_full_access(),
            id: minted.key.id.as_ref(),
            key: minted.token.expose(),
            key_prefix: &minted.key.key_prefix,
            name: spec.name.as_ref(),
            scopes: spec.scopes.as_slice(),
            service_account: account.into(),
        }
    }
}

/// A key without its secret, as everything else answers.
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
    revoked_at: Option<Timestamp>,
}

impl<'a> From<&'a Key> for KeyInfo<'a> {
    fn from(key: &'a Key) -> Self {
        Self {
            id: key.id.as_ref(),
            name: key.spec.name.as_ref(),
            key_prefix: &key.key_prefix,
            scopes: key.spec.scopes.as_slice(),
            full_access: key.spec.scopes.is_full_access(),
            created_at: key.created_at,
            expires_at: key.spec.expires_at,
            last_used_at: key.last_used_at,
            revoked_at: key.revoked_at,
        }
    }
}

/// A page of keys.
#[derive(Serialize)]
pub(crate) struct KeyList<'a> {
    pub(crate) keys: Vec<KeyInfo<'a>>,
    pub(crate) next_cursor: Option<String>,
}

/// `ServiceAccountInfo`
#[derive(Serialize)]
pub(crate) struct Account<'a> {
    created_at: Timestamp,
    created_by_user_id: &'a str,
    disabled: bool,
    id: &'a str,
    name: &'a str,
    updated_at: Timestamp,
}

impl<'a> From<&'a ServiceAccount> for Account<'a> {
    fn from(account: &'a ServiceAccount) -> Self {
        Self {
            created_at: account.created_at,
            // Ours: accounts are made by service accounts or by an operator, `ROOT`.
            created_by_user_id: account.created_by.as_ref(),
            disabled: account.disabled,
            id: account.id.as_ref(),
            name: account.name.as_ref(),
            updated_at: account.updated_at,
        }
    }
}

/// A page of accounts.
#[derive(Serialize)]
pub(crate) struct AccountList<'a> {
    pub(crate) service_accounts: Vec<Account<'a>>,
    pub(crate) next_cursor: Option<String>,
}

/// The current account: Chaser's accounts are our organizations.
#[derive(Serialize)]
pub(crate) struct CurrentAccount<'a> {
    id: &'a str,
    name: &'a str,
}

impl<'a> From<&'a Organization> for CurrentAccount<'a> {
    fn from(organization: &'a Organization) -> Self {
        Self { id: organization.id.as_ref(), name: organization.name.as_ref() }
    }
}
