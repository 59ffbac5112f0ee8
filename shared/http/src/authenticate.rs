//! Authenticating requests: the bearer is read once, and what else comes from it is carried along.

use latchkey::Latchkey;
use latchkey::error::Refusal;
use latchkey::principal::{AccountPrincipal, Denial, Principal};
use latchkey::service::{Authenticated, CallerSecret, Freshness, IdempotentRequest};
use latchkey::time::Timestamp;

use crate::bearer::bearer;
use crate::body::InvalidBody;
use crate::error::Error;
use crate::idempotency::idempotency_key;
use crate::json::Fields;
use crate::page::PageRequest;
use crate::request::Request;

/// A request of a caller that has proved who it is.
#[derive(Debug)]
pub struct AuthenticatedRequest<'r> {
    request: &'r Request,
    principal: Principal,
    secret: CallerSecret,
}

/// Who a request comes from, by its bearer token.
///
/// # Errors
///
/// [`Error::NoCredentials`], [`Error::OtherScheme`], [`latchkey::Error::Unauthenticated`],
/// [`latchkey::Error::Store`].
pub async fn authenticate(latchkey: &Latchkey, request: &Request) -> Result<Principal, Error> {
    let token = presented(latchkey, request)?;
    Ok(latchkey.verify(token, Freshness::Cached).await?)
}

/// Who a request to manage keys and accounts comes from. One that changes something is held against the
/// table as it is now.
///
/// # Errors
///
/// As [`authenticate`].
pub async fn authenticate_for_management<'r>(
    latchkey: &Latchkey,
    request: &'r Request,
) -> Result<AuthenticatedRequest<'r>, Error> {
    let token = presented(latchkey, request)?;
    let freshness = if request.method.is_safe() { Freshness::Cached } else { Freshness::ForChange };
    let Authenticated { principal, secret } = latchkey.authenticate(token, freshness).await?;
    Ok(AuthenticatedRequest { request, principal, secret })
}

/// The refusal of a request that presents no key, or not as a key is presented; it is counted.
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
    /// Who the request comes from.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The service account that the request comes from.
    ///
    /// # Errors
    ///
    /// [`Denial::RootKey`] for the root, which is in no organization.
    pub fn service_account(&self) -> Result<&AccountPrincipal, Denial> {
        self.principal.service_account()
    }

    /// The request.
    pub fn request(&self) -> &Request {
        self.request
    }

    /// What `read` takes out of the JSON body, which holds nothing else; see [`Fields`].
    ///
    /// # Errors
    ///
    /// [`InvalidBody`], from the size to the last field that is not known.
    pub fn json<T>(&self, read: impl FnOnce(&mut Fields) -> T) -> Result<T, InvalidBody> {
        Fields::read(self.request, read)
    }

    /// The page of `list` that the request asks for; see [`PageRequest`].
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

    /// What makes the request safe to send again; `None` without an `Idempotency-Key`. `operation` and
    /// `parameters` are what the path asked for.
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
