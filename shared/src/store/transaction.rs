//! Transactions and conditional updates: all or nothing, with conflicts retried.

use std::time::Duration;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{CancellationReason, TransactWriteItem};
use rand::TryRng;
use rand::rngs::SysRng;

use crate::error::Error;
use crate::idempotency::SealedAnswer;

use super::attribute::Item;
use super::record;
use super::{KeyStore, StoreError};

/// How often a write is tried that other transactions are in the way of.
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

/// What became of an update.
#[derive(Debug)]
pub(super) enum Updated {
    /// It was written. Holds the attributes that it asked for.
    Written(Item),
    /// Its condition was not met. Holds the item that it met, if it asked for it and there is one.
    Refused(Option<Item>),
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
        let mut obstacle = Error::Busy;
        for attempt in 0..ATTEMPTS_MAX {
            if attempt > 0 {
                tokio::time::sleep(backoff(attempt)).await;
            }
            let request = self.client.transact_write_items();
            let request =
                request.set_transact_items(Some(items.to_vec())).client_request_token(&token);
            obstacle = match request.send().await {
                Ok(_) => return Ok(Outcome::Written),
                Err(error) => match verdict(error)? {
                    Verdict::Refused(conditions) => return Ok(Outcome::Refused(conditions)),
                    Verdict::Conflict => Error::Busy,
                    Verdict::Throttled(error) => error.into(),
                },
            };
            tracing::debug!(attempt, "a transaction was held up: {obstacle}");
        }
        Err(obstacle)
    }

    /// Sends an update, again while a transaction is writing the same item: DynamoDB refuses it then,
    /// and the SDK does not retry that.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] if others stayed in the way through all attempts; [`Error::Store`].
    pub(super) async fn update(&self, update: UpdateItemFluentBuilder) -> Result<Updated, Error> {
        for attempt in 0..ATTEMPTS_MAX {
            if attempt > 0 {
                tokio::time::sleep(backoff(attempt)).await;
            }
            let error = match update.clone().send().await {
                Ok(answer) => {
                    return Ok(Updated::Written(answer.attributes.unwrap_or_default()));
                }
                Err(error) => error,
            };
            match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                    return Ok(Updated::Refused(refused.item().cloned()));
                }
                Some(UpdateItemError::TransactionConflictException(_)) => {
                    tracing::debug!(attempt, "an update met a transaction");
                }
                _ => return Err(StoreError::from(error).into()),
            }
        }
        Err(Error::Busy)
    }
}

/// What a failed transaction comes to.
enum Verdict {
    /// Conditions were not met.
    Refused(Vec<Condition>),
    /// Another writer was in the way; worth another try.
    Conflict,
    /// The table has had too much; worth another try.
    Throttled(StoreError),
}

/// 128 random bits: DynamoDB remembers a token for ten minutes.
fn request_token() -> Result<String, Error> {
    let mut bits = [0; 16];
    SysRng.try_fill_bytes(&mut bits).map_err(Error::Random)?;
    Ok(format!("{:032x}", u128::from_be_bytes(bits)))
}

fn verdict(error: SdkError<TransactWriteItemsError>) -> Result<Verdict, StoreError> {
    let reasons = match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(canceled)) => {
            canceled.cancellation_reasons()
        }
        Some(TransactWriteItemsError::TransactionInProgressException(_)) => {
            return Ok(Verdict::Conflict);
        }
        _ => return Err(error.into()),
    };
    let any = |codes: &[&str]| {
        let codes_of =
            |reason: &CancellationReason| reason.code().is_some_and(|c| codes.contains(&c));
        reasons.iter().any(codes_of)
    };
    if any(&["ConditionalCheckFailed"]) {
        Ok(Verdict::Refused(reasons.iter().map(condition).collect()))
    } else if any(&["TransactionConflict"]) {
        Ok(Verdict::Conflict)
    } else if any(&["ThrottlingError", "ProvisionedThroughputExceeded"]) {
        Ok(Verdict::Throttled(StoreError::Unavailable(error.into())))
    } else {
        Err(StoreError::Refused(error.into()))
    }
}

fn condition(reason: &CancellationReason) -> Condition {
    match reason.code() {
        Some("ConditionalCheckFailed") => Condition::Failed(reason.item().cloned()),
        _ => Condition::Met,
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
