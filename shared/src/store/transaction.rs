//! Transactions: all or nothing, with conflicts retried.

use std::time::Duration;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::error::ConditionalCheckFailedException;
use aws_sdk_dynamodb::types::{CancellationReason, TransactWriteItem};
use rand::TryRng;
use rand::rngs::SysRng;

use crate::error::Error;
use crate::idempotency::SealedAnswer;

use super::record::{self, Item};
use super::{KeyStore, StoreError};

/// How often a transaction is tried that others keep in conflict.
const ATTEMPTS_MAX: u32 = 8;

/// The longest wait before the second attempt; doubled for each one after, up to [`BACKOFF_MAX`].
const BACKOFF_BASE: Duration = Duration::from_millis(20);
const BACKOFF_MAX: Duration = Duration::from_millis(400);

/// What became of a transaction.
#[derive(Debug)]
pub(super) enum Outcome {
    /// All of it was written.
    Written,
    /// A condition was not met and nothing was written. One answer for each item, in order.
    Refused(Vec<Condition>),
}

/// What a transaction's condition on one item found.
#[derive(Debug)]
pub(super) enum Condition {
    /// The condition was met, or not looked at.
    Met,
    /// The condition was not met by this item, or by there being none.
    Failed(Option<Item>),
}

impl Condition {
    /// The answer that is kept for a request, where the item at `index` was to be a new one.
    pub(super) fn kept_answer(
        conditions: &[Self],
        index: usize,
    ) -> Result<Option<SealedAnswer>, StoreError> {
        match conditions.get(index) {
            Some(Self::Failed(Some(kept))) => Ok(Some(record::answer(kept)?)),
            _ => Ok(None),
        }
    }
}

impl KeyStore {
    /// Writes `items` together. All attempts carry one client request token, so that an attempt
    /// whose answer was lost is not written twice.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] if others stayed in the way through all attempts; [`Error::Store`].
    pub(super) async fn transact(&self, items: &[TransactWriteItem]) -> Result<Outcome, Error> {
        let token = request_token()?;
        for attempt in 0..ATTEMPTS_MAX {
            if attempt > 0 {
                tokio::time::sleep(backoff(attempt)).await;
            }
            let request = self.client.transact_write_items();
            let request =
                request.set_transact_items(Some(items.to_vec())).client_request_token(&token);
            match request.send().await {
                Ok(_) => return Ok(Outcome::Written),
                Err(error) => match verdict(error)? {
                    Some(conditions) => return Ok(Outcome::Refused(conditions)),
                    None => tracing::debug!(attempt, "the transaction met another one"),
                },
            }
        }
        Err(Error::Busy)
    }
}

/// 128 random bits: DynamoDB remembers a token for ten minutes.
fn request_token() -> Result<String, Error> {
    let mut bits = [0; 16];
    SysRng.try_fill_bytes(&mut bits).map_err(Error::Random)?;
    Ok(format!("{:032x}", u128::from_be_bytes(bits)))
}

/// The conditions that were not met, or `None` if the transaction is worth another try.
fn verdict(error: SdkError<TransactWriteItemsError>) -> Result<Option<Vec<Condition>>, StoreError> {
    let reasons = match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(canceled)) => {
            canceled.cancellation_reasons()
        }
        Some(TransactWriteItemsError::TransactionInProgressException(_)) => return Ok(None),
        _ => return Err(error.into()),
    };
    let is = |code: &'static str| move |reason: &CancellationReason| reason.code() == Some(code);
    if reasons.iter().any(is("ConditionalCheckFailed")) {
        return Ok(Some(reasons.iter().map(condition).collect()));
    }
    let passing = ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"];
    if passing.into_iter().any(|code| reasons.iter().any(is(code))) {
        return Ok(None);
    }
    Err(StoreError::Refused(error.into()))
}

fn condition(reason: &CancellationReason) -> Condition {
    match reason.code() {
        Some("ConditionalCheckFailed") => Condition::Failed(reason.item().cloned()),
        _ => Condition::Met,
    }
}

/// Whether an update was refused for its condition.
pub(super) fn is_condition_failed(error: &SdkError<UpdateItemError>) -> bool {
    condition_failed(error).is_some()
}

/// An update's refusal for its condition, with the item if that was asked for.
pub(super) fn condition_failed(
    error: &SdkError<UpdateItemError>,
) -> Option<&ConditionalCheckFailedException> {
    match error.as_service_error() {
        Some(UpdateItemError::ConditionalCheckFailedException(refused)) => Some(refused),
        _ => None,
    }
}

/// A random part of the attempt's longest wait ("full jitter"), so that writers drift apart.
fn backoff(attempt: u32) -> Duration {
    let longest = BACKOFF_BASE.saturating_mul(1 << attempt.min(16)).min(BACKOFF_MAX);
    // Without random numbers the longest wait is as good.
    let part = SysRng.try_next_u32().unwrap_or(u32::MAX);
    longest.mul_f64(f64::from(part) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_bounded() {
        for attempt in 0..40 {
            assert!(backoff(attempt) <= BACKOFF_MAX);
        }
    }
}
