//! Transactions and conditional updates: all or nothing, with conflicts retried.

use std::time::Duration;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{
    CancellationReason, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use rand::TryRng;
use rand::rngs::SysRng;

use crate::audit::Draft;
use crate::error::Error;
use crate::idempotency::StoredResponse;
use crate::time::Timestamp;

use super::attribute::{Item, number};
use super::record;
use super::trail::{Attempt, Learned};
use super::{KeyStore, StoreError};

/// The maximum number of attempts for a write that conflicts with other transactions.
const ATTEMPTS_MAX: u32 = 12;

/// The maximum number of attempts for a change whose chain of events others keep extending.
const MOVES_MAX: u32 = 40;

/// Half of the longest wait before the second attempt. The wait doubles for each later attempt, up to
/// [`BACKOFF_MAX`].
const BACKOFF_BASE: Duration = Duration::from_millis(20);
const BACKOFF_MAX: Duration = Duration::from_millis(400);

/// The kind of an item in a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The deployment.
    Deployment,
    /// An organization.
    Organization,
    /// An organization's directory entry for an account.
    Entry,
    /// An account.
    Account,
    /// An existing key.
    Key,
    /// A new key.
    NewKey,
    /// A webhook.
    Webhook,
    /// An existing delivery.
    Delivery,
    /// A new delivery.
    NewDelivery,
}

/// The result of a transaction.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Everything was written.
    Written,
    /// Nothing was written: the request is a repeat, and this is its response.
    Replayed(StoredResponse),
    /// A condition was not met, and nothing was written.
    Refused(Unmet),
}

/// The conditions of a transaction that were not met.
#[derive(Debug, Default)]
pub(super) struct Unmet(Vec<(Part, Option<Item>)>);

impl Unmet {
    /// Returns the item that failed the condition on `part`, or `Some(None)` if there is no item. Returns
    /// `None` if the condition was met.
    pub(super) fn take(&mut self, part: Part) -> Option<Option<Item>> {
        let index = self.0.iter().position(|(unmet, _)| *unmet == part)?;
        Some(self.0.swap_remove(index).1)
    }

    /// Returns whether the condition on `part` was not met.
    pub(super) fn has(&self, part: Part) -> bool {
        self.0.iter().any(|(unmet, _)| *unmet == part)
    }
}

impl KeyStore {
    /// Writes all `parts` and the `events` of the change, or nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] if conflicts persisted through all attempts; [`Error::Store`].
    pub(super) async fn transact(
        &self,
        parts: &[(Part, TransactWriteItem)],
        events: &[Draft],
    ) -> Result<Outcome, Error> {
        self.transact_with(parts, events, None, Timestamp::UNIX_EPOCH).await
    }

    /// Updates one item at most once, in a transaction with the `events` of the change.
    ///
    /// An attempt that arrives after its retry succeeded has no effect then. As a plain update, it would undo
    /// what others wrote in the meantime, such as disabling an account.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] if conflicts persisted through all attempts; [`Error::Store`].
    pub(super) async fn update_once(
        &self,
        part: Part,
        update: Update,
        events: &[Draft],
    ) -> Result<Outcome, Error> {
        self.transact(&[(part, TransactWriteItem::builder().update(update).build())], events).await
    }

    /// Writes all `parts`, the `events` of the change, and the `response` of the request, or nothing. If a response
    /// is already stored, returns it, whether or not the conditions would hold at `now`.
    ///
    /// Attempts use one client request token, so that an attempt whose response was lost is not written twice. After
    /// DynamoDB has refused a token because the trail had moved on, another token is safe: the refused attempt has
    /// no effect, and neither has a late one, because no chain ever returns to an earlier head.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] if conflicts persisted through all attempts; [`Error::Store`].
    pub(super) async fn transact_with(
        &self,
        parts: &[(Part, TransactWriteItem)],
        events: &[Draft],
        response: Option<&StoredResponse>,
        now: Timestamp,
    ) -> Result<Outcome, Error> {
        let response = response.map(|response| self.put_response(response, now)).transpose()?;
        let mut trail = Attempt::new(self, events);
        trail.read_heads(parts).await?;
        let mut token = request_token()?;
        let mut obstacle = Error::Busy;
        let (mut attempt, mut moves, mut moved) = (0, 0, false);
        while attempt < ATTEMPTS_MAX && moves < MOVES_MAX {
            if attempt > 0 || moves > 1 {
                tokio::time::sleep(backoff(attempt.max(moves))).await;
            }
            // The first time that the trail has moved on, nobody else need be waiting. After a wait, what the refusal
            // said is out of date, too.
            if moved && moves > 1 {
                trail.read_heads_again().await?;
            }
            moved = false;
            let mut recorded = trail.record(parts, response.as_ref())?;
            let items = std::mem::take(&mut recorded.items);
            let request = self.client.transact_write_items().set_transact_items(Some(items));
            obstacle = match request.client_request_token(&token).send().await {
                Ok(_) => {
                    trail.written(recorded);
                    return Ok(Outcome::Written);
                }
                Err(error) => match cancellation(error)? {
                    Cancellation::Refused(found) => {
                        let found = Found::new(parts, response.is_some(), found);
                        if let Some(stored) = found.response {
                            let stored = record::response(&stored).map_err(StoreError::from)?;
                            return Ok(Outcome::Replayed(stored));
                        }
                        match trail.learn(&recorded, &found.parts, &found.additions)? {
                            Learned::Gone(gone) => return Ok(found.refused(gone)),
                            Learned::Again => {
                                token = request_token()?;
                                moves += 1;
                                moved = true;
                                continue;
                            }
                        }
                    }
                    Cancellation::Conflict => Error::Busy,
                    Cancellation::Throttled(error) => error.into(),
                },
            };
            attempt += 1;
            tracing::debug!(attempt, "a transaction attempt failed: {obstacle}");
        }
        Err(obstacle)
    }

    /// Returns a transaction's put of a response, on condition that none is stored or the stored one has
    /// expired.
    fn put_response(
        &self,
        response: &StoredResponse,
        now: Timestamp,
    ) -> Result<TransactWriteItem, StoreError> {
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(record::response_item(response)))
            .condition_expression("attribute_not_exists(pk) OR expires_at <= :now")
            .expression_attribute_values(":now", number(now.as_millis()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// Returns a transaction's put of an item that must not exist yet.
    pub(super) fn put_new(&self, item: Item) -> Result<TransactWriteItem, StoreError> {
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk)")
            .build()?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// Sends an update, and retries it while a transaction is writing the same item. DynamoDB rejects it in
    /// that case, and the SDK does not retry. Returns whether its condition was met.
    ///
    /// Only for updates whose condition makes a late attempt harmless; see [`KeyStore::update_once`].
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] if conflicts persisted through all attempts; [`Error::Store`].
    pub(super) async fn update(&self, update: UpdateItemFluentBuilder) -> Result<bool, Error> {
        for attempt in 0..ATTEMPTS_MAX {
            if attempt > 0 {
                tokio::time::sleep(backoff(attempt)).await;
            }
            let error = match update.clone().send().await {
                Ok(_) => return Ok(true),
                Err(error) => error,
            };
            match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => return Ok(false),
                Some(UpdateItemError::TransactionConflictException(_)) => {
                    tracing::debug!(attempt, "an update conflicted with a transaction");
                }
                _ => return Err(StoreError::from(error).into()),
            }
        }
        Err(Error::Busy)
    }
}

/// The reason a transaction was canceled.
enum Cancellation {
    /// Conditions were not met. For each item in order, holds the existing item if its condition failed.
    Refused(Vec<Option<Option<Item>>>),
    /// Another writer interfered. A retry may succeed.
    Conflict,
    /// The table is throttled. A retry may succeed.
    Throttled(StoreError),
}

/// DynamoDB's results for the items of a refused transaction. For each, holds the existing item if its condition
/// failed.
struct Found {
    parts: Vec<(Part, Option<Option<Item>>)>,
    /// The stored response of the request.
    response: Option<Item>,
    additions: Vec<Option<Option<Item>>>,
}

impl Found {
    /// Sorts the results, which follow the order of the transaction's items.
    fn new(
        parts: &[(Part, TransactWriteItem)],
        has_response: bool,
        found: Vec<Option<Option<Item>>>,
    ) -> Self {
        let mut found = found.into_iter();
        let parts = parts.iter().map(|(part, _)| *part).zip(found.by_ref()).collect();
        let response = if has_response { found.next() } else { None };
        Self { parts, response: response.flatten().flatten(), additions: found.collect() }
    }

    /// Returns the conditions that were not met, and the parts that do not exist.
    fn refused(self, gone: Vec<Part>) -> Outcome {
        let parts = self.parts.into_iter();
        let unmet = parts.filter_map(|(part, found)| Some((part, found?)));
        Outcome::Refused(Unmet(unmet.chain(gone.into_iter().map(|part| (part, None))).collect()))
    }
}

/// Returns 128 random bits. DynamoDB remembers a token for ten minutes.
fn request_token() -> Result<String, Error> {
    let mut bits = [0; 16];
    SysRng.try_fill_bytes(&mut bits).map_err(Error::Random)?;
    Ok(format!("{:032x}", u128::from_be_bytes(bits)))
}

fn cancellation(error: SdkError<TransactWriteItemsError>) -> Result<Cancellation, StoreError> {
    let reasons = match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(canceled)) => {
            canceled.cancellation_reasons()
        }
        Some(TransactWriteItemsError::TransactionInProgressException(_)) => {
            return Ok(Cancellation::Conflict);
        }
        _ => return Err(error.into()),
    };
    let any = |codes: &[&str]| {
        let codes_of =
            |reason: &CancellationReason| reason.code().is_some_and(|c| codes.contains(&c));
        reasons.iter().any(codes_of)
    };
    if any(&["ConditionalCheckFailed"]) {
        Ok(Cancellation::Refused(reasons.iter().map(unmet).collect()))
    } else if any(&["TransactionConflict"]) {
        Ok(Cancellation::Conflict)
    } else if any(&["ThrottlingError", "ProvisionedThroughputExceeded"]) {
        Ok(Cancellation::Throttled(StoreError::Unavailable(error.into())))
    } else {
        Err(StoreError::Refused(error.into()))
    }
}

fn unmet(reason: &CancellationReason) -> Option<Option<Item>> {
    (reason.code() == Some("ConditionalCheckFailed")).then(|| reason.item().cloned())
}

/// Returns a random part of the attempt's longest wait ("full jitter"), so that writers drift apart.
fn backoff(attempt: u32) -> Duration {
    let longest = BACKOFF_BASE.saturating_mul(1 << attempt.min(16)).min(BACKOFF_MAX);
    // Without random numbers, waits the longest time.
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
