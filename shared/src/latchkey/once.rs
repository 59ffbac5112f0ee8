//! Repeated requests: with an idempotency key, the first answer is given again.

use lambda_http::Body;
use lambda_http::http::Response;
use rand::rngs::SysRng;

use crate::error::Error;
use crate::idempotency::{OpenError, Retry, SealedAnswer};
use crate::store::{StoreError, Written};
use crate::time::Timestamp;

use super::Latchkey;

impl Latchkey {
    /// The answer that `make` gives, or the first answer of a repeated request that would be refused by
    /// now: its expiry is past, say.
    pub(super) async fn once(
        &self,
        retry: Option<&Retry>,
        now: Timestamp,
        make: impl Future<Output = Result<Response<Body>, Error>>,
    ) -> Result<Response<Body>, Error> {
        // Boxed: a write is a deep future, and the compiler gives up on several within each other.
        let (error, retry) = match (Box::pin(make).await, retry) {
            (Err(error), Some(retry)) if error.status().is_client_error() => (error, retry),
            (answer, _) => return answer,
        };
        match self.store.answer(retry.id(), now).await? {
            Some(kept) => open(retry, &kept),
            None => Err(error),
        }
    }
}

/// The answer as the table is to keep it, if the request can be repeated.
pub(super) fn seal(
    retry: Option<&Retry>,
    now: Timestamp,
    response: &Response<Body>,
) -> Result<Option<SealedAnswer>, Error> {
    retry.map(|retry| retry.seal(&mut SysRng, now, response)).transpose().map_err(Error::Random)
}

/// The answer to a request whose write went as `written` says.
pub(super) fn answer(
    retry: Option<&Retry>,
    written: Written,
    response: Response<Body>,
) -> Result<Response<Body>, Error> {
    match (written, retry) {
        (Written::New, _) => Ok(response),
        (Written::Before(kept), Some(retry)) => open(retry, &kept),
        (Written::Before(_), None) => Err(Error::Busy),
    }
}

fn open(retry: &Retry, kept: &SealedAnswer) -> Result<Response<Body>, Error> {
    retry.open(kept).map_err(|error| match error {
        OpenError::OtherRequest => Error::IdempotencyKeyReused,
        OpenError::Damaged => StoreError::corrupt("sealed").into(),
    })
}
