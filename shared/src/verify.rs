//! Verifying a token: who presents it, if anyone.

use crate::account::ServiceAccount;
use crate::error::{Error, Refusal, Unauthenticated};
use crate::key::Key;
use crate::principal::{AccountPrincipal, Principal};
use crate::store::{KeyStore, Lookup, StoreError};
use crate::time::Timestamp;
use crate::token::Token;

/// Verifies what a caller presents as a key.
///
/// A malformed token is refused without a read of the table. Any failure of the store is an error,
/// never an allow.
pub(crate) async fn verify(
    store: &KeyStore,
    presented: &str,
    now: Timestamp,
) -> Result<Principal, Error> {
    let refuse = |refusal| Error::Unauthenticated(Unauthenticated::Refused(refusal));
    let token: Token = presented.parse().map_err(|error| refuse(Refusal::Malformed(error)))?;
    let found = load(store, &token).await?;
    judge(&token, found, now).map_err(refuse)
}

/// Reads what the table knows of `token`. A cache stands in for this function and nothing else.
async fn load(store: &KeyStore, token: &Token) -> Result<Lookup, StoreError> {
    // Eventually consistent, at half the price: it may be behind by a second on a revocation,
    // which is within the bound stated for one.
    let found = store.lookup(token.account(), token.key(), false).await?;
    let missing = found.key.is_none() || (found.account.is_none() && !token.account().is_root());
    if !missing {
        return Ok(found);
    }
    // Once more, consistently, so that a key works the moment it is minted.
    store.lookup(token.account(), token.key(), true).await
}

fn judge(token: &Token, found: Lookup, now: Timestamp) -> Result<Principal, Refusal> {
    let key = found.key.ok_or(Refusal::Unknown)?;
    if key.digest != token.digest() {
        return Err(Refusal::Digest);
    }
    let account = match found.account {
        Some(account) => Some(account),
        None if token.account().is_root() => None,
        None => return Err(Refusal::Unknown),
    };
    if account.as_ref().is_some_and(|account| account.disabled) {
        return Err(Refusal::AccountDisabled);
    }
    if key.revoked_at.is_some() {
        return Err(Refusal::Revoked);
    }
    if key.is_expired(now) {
        return Err(Refusal::Expired);
    }
    Ok(principal(account, key))
}

fn principal(account: Option<ServiceAccount>, key: Key) -> Principal {
    match account {
        None => Principal::Root { key: key.id },
        Some(account) => Principal::ServiceAccount(AccountPrincipal {
            organization: account.organization,
            account: account.id,
            key: key.id,
            scopes: key.spec.scopes,
        }),
    }
}
