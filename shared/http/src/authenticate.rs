//! Authenticating requests: reads the bearer token once and keeps everything derived from it.

use latchkey::Latchkey;
use latchkey::account::ServiceAccount;
use latchkey::error::Refusal;
use latchkey::principal::{AccountPrincipal, Denial, Principal};
use latchkey::service::{Authenticated, CallerSecret, Freshness, IdempotentRequest};
use latchkey::time::Timestamp;

use crate::bearer::bearer;
use crate::body::InvalidBody;
use crate::error::Error;
use crate::idempotency::idempotency_key;
use crate::json::Fields;
use crate::log;
use crate::page::PageRequest;
use crate::request::Request;

/// An authenticated request.
#[derive(Debug)]
pub struct AuthenticatedRequest<'r> {
    request: &'r Request,
    principal: Principal,
    account: Option<ServiceAccount>,
    secret: CallerSecret,
}

/// Authenticates a request by its bearer token and returns its principal.
///
/// # Errors
///
/// [`Error::NoCredentials`], [`Error::OtherScheme`], [`latchkey::Error::Unauthenticated`],
/// [`latchkey::Error::Store`].
pub async fn authenticate(latchkey: &Latchkey, request: &Request) -> Result<Principal, Error> {
    let token = presented(latchkey, request)?;
    let verified = latchkey.verify(token, Freshness::Cached).await;
    Ok(verified.inspect_err(|_| log::presented(token))?)
}

/// Authenticates a request to manage keys and accounts. A request that changes something is verified with a
/// consistent read.
///
/// # Errors
///
/// The errors of [`authenticate`].
pub async fn authenticate_for_management<'r>(
    latchkey: &Latchkey,
    request: &'r Request,
) -> Result<AuthenticatedRequest<'r>, Error> {
    let token = presented(latchkey, request)?;
    let freshness = if request.method.is_safe() { Freshness::Cached } else { Freshness::ForChange };
    let authenticated = latchkey.authenticate(token, freshness).await;
    let authenticated = authenticated.inspect_err(|_| log::presented(token))?;
    let Authenticated { principal, account, secret } = authenticated;
    log::caller(&principal);
    Ok(AuthenticatedRequest { request, principal, account, secret })
}

/// Counts a request that presents no key, or presents it in the wrong form, and returns its error.
pub fn refuse(latchkey: &Latchkey, refusal: Refusal) -> Error {
    latchkey.count_refusal(refusal);
    match refusal {
        Refusal::Missing => Error::NoCredentials,
        Refusal::Scheme => Error::OtherScheme,
        refusal => latchkey::Error::Unauthenticated(refusal).into(),
    }
}

fn presented<'r>(latchkey: &Latchkey, request: &'r Request) -> Result<&'r str, Error> {
    bearer(&request.headers).map_err(|refusal| refuse(latchkey, refusal))
}

impl AuthenticatedRequest<'_> {
    /// The principal behind the request.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Returns the service account behind the request.
    ///
    /// # Errors
    ///
    /// [`Denial::RootKey`] for a root key, which belongs to no organization.
    pub fn service_account(&self) -> Result<&AccountPrincipal, Denial> {
        self.principal.service_account()
    }

    /// The caller's account, if authenticating the request has read it, which is so for a change.
    pub fn own_account(&self) -> Option<&ServiceAccount> {
        self.account.as_ref()
    }

    /// The request.
    pub fn request(&self) -> &Request {
        self.request
    }

    /// Reads the JSON body with `read`, which must take every field; see [`Fields`].
    ///
    /// # Errors
    ///
    /// [`InvalidBody`], from the size to the last unknown field.
    pub fn json<T>(&self, read: impl FnOnce(&mut Fields) -> T) -> Result<T, InvalidBody> {
        Fields::read(self.request, read)
    }

    /// Returns the page of `list` that the request asks for; see [`PageRequest`].
    ///
    /// # Errors
    ///
    /// [`Error::InvalidPage`].
    pub fn page(
        &self,
        cursor: &'static str,
        list: &[&str],
        now: Timestamp,
    ) -> Result<PageRequest, Error> {
        PageRequest::of(self.request, &self.secret, cursor, list, now)
    }

    /// Returns the data that makes the request safe to send again, or `None` without an `Idempotency-Key`.
    /// `operation` and `parameters` come from the path.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidIdempotencyKey`].
    pub fn idempotency(
        &self,
        operation: &str,
        parameters: &[&str],
    ) -> Result<Option<IdempotentRequest>, Error> {
        let Some(key) = idempotency_key(&self.request.headers)? else { return Ok(None) };
        let body = self.request.body.as_deref().unwrap_or_default();
        let (caller, secret) = (self.principal.key(), &self.secret);
        Ok(Some(IdempotentRequest::new(caller, secret, &key, operation, parameters, body)))
    }
}
