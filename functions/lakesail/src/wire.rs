//! The wire format of this dialect: camel case, absent fields omitted, and validated IDs in paths.

use latchkey::account::ServiceAccount;
use latchkey::id::{KeyId, ServiceAccountId};
use latchkey::key::{Key, Minted};
use latchkey::time::Timestamp;
use latchkey_http::Error;
use latchkey_http::authenticate::AuthenticatedRequest;
use latchkey_http::body::InvalidBody;
use serde::Serialize;

pub(crate) const EXPIRES_AT: &str = "expiresAt";

/// The query parameter that says where a page starts.
pub(crate) const MARKER: &str = "marker";

/// Parses a service account ID from a path; an invalid ID is a malformed request.
pub(crate) fn account_id(text: &str) -> Result<ServiceAccountId, Error> {
    text.parse().map_err(Error::InvalidAccountId)
}

/// Parses a key ID from a path; an invalid ID is a malformed request.
pub(crate) fn key_id(text: &str) -> Result<KeyId, Error> {
    text.parse().map_err(Error::InvalidKeyId)
}

/// The `expiresAt` of a `ServiceAccountKeySpec` or a `RootKeySpec`.
pub(crate) fn expires_at(
    request: &AuthenticatedRequest<'_>,
) -> Result<Option<Timestamp>, InvalidBody> {
    request.json(|fields| fields.text(EXPIRES_AT))?
}

/// A key with its secret, in the response to a create: `ServiceAccountKey` and `RootKey`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreatedKey<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    key: &'a str,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl<'a> From<&'a Minted> for CreatedKey<'a> {
    fn from(minted: &'a Minted) -> Self {
        Self {
            id: minted.key.id.as_ref(),
            expires_at: minted.key.spec.expires_at,
            key: minted.token.expose(),
            created_at: minted.key.created_at,
            updated_at: minted.key.updated_at,
        }
    }
}

/// A key without its secret, in all other responses.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KeySummary<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl<'a> From<&'a Key> for KeySummary<'a> {
    fn from(key: &'a Key) -> Self {
        Self {
            id: key.id.as_ref(),
            expires_at: key.spec.expires_at,
            created_at: key.created_at,
            updated_at: key.updated_at,
        }
    }
}

/// `ServiceAccount`
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Account<'a> {
    id: &'a str,
    username: &'a str,
    description: &'a str,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl<'a> From<&'a ServiceAccount> for Account<'a> {
    fn from(account: &'a ServiceAccount) -> Self {
        Self {
            id: account.id.as_ref(),
            username: account.name.as_ref(),
            description: account.description.as_ref(),
            created_at: account.created_at,
            updated_at: account.updated_at,
        }
    }
}

/// A page of a list.
#[derive(Serialize)]
pub(crate) struct Items<T> {
    pub(crate) items: Vec<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) marker: Option<String>,
}
