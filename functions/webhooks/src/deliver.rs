//! From records of the stream to deliveries, and from deliveries to requests.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use lambda_runtime::Diagnostic;
use latchkey::audit::detail::{Detail, detail_type};
use latchkey::error::{Error, StoreError, causes};
use latchkey::id::OrganizationId;
use latchkey::service::{Turn, Wake};
use latchkey::webhook::Webhook;
use latchkey_http::stream::{Batch, BatchResponse, Record, read};
use serde::Serialize;

use crate::App;
use crate::event::Woken;
use crate::schedule::NotScheduled;

/// Why something is not done.
#[derive(Debug)]
struct Problem {
    /// Whether it will be the same the next time.
    permanent: bool,
    reason: String,
}

/// The record of a batch that is not processed, and why.
#[derive(Debug)]
struct Failed {
    position: usize,
    problem: Problem,
}

/// The body of a request, as the specification recommends it.
#[derive(Serialize)]
struct Body<'a> {
    r#type: &'a str,
    timestamp: &'a str,
    data: &'a Detail<'a>,
}

/// Creates the deliveries of all events of a batch, and attempts its new deliveries at the same time.
pub(crate) async fn batch(
    app: &App,
    batch: &Batch,
    arn: &str,
) -> Result<BatchResponse, Diagnostic> {
    let (addressed, attempted) = tokio::join!(address(app, batch), attempt_new(app, batch, arn));
    let failed = [addressed.err(), attempted.err()].into_iter().flatten();
    let Some(failed) = failed.min_by_key(|failed| failed.position) else {
        return Ok(BatchResponse::default());
    };
    let record = &batch.records[failed.position];
    let (pk, sk) = record.key();
    let Problem { permanent, reason } = failed.problem;
    if permanent {
        tracing::error!(item.pk = pk, item.sk = sk, "a record can never be processed: {reason}");
        if failed.position == 0 {
            let error_message = format!("the record {pk} {sk} can never be processed: {reason}");
            return Err(Diagnostic { error_type: "Unprocessable".to_owned(), error_message });
        }
    } else {
        tracing::error!(item.pk = pk, item.sk = sk, "a record is not processed yet: {reason}");
    }
    Ok(BatchResponse::continue_at(record))
}

/// Attempts a delivery at its scheduled time.
pub(crate) async fn woken(app: &App, woken: &Woken, arn: &str) -> Result<(), Diagnostic> {
    let Some(wake) = woken.wake(app.clock.now()) else {
        tracing::error!(
            "a schedule is ignored, because its organization or delivery is not a valid ID"
        );
        return Ok(());
    };
    attempt(app, &wake, Turn::Own, arn).await.map_err(|Problem { reason, .. }| {
        tracing::error!(delivery.id = woken.delivery, "a delivery is not attempted yet: {reason}");
        Diagnostic { error_type: "NotAttempted".to_owned(), error_message: reason }
    })
}

/// Creates the deliveries of the events of a batch, up to the first record that fails.
async fn address(app: &App, batch: &Batch) -> Result<(), Failed> {
    let mut known: HashMap<OrganizationId, Vec<Webhook>> = HashMap::new();
    let events = batch.records.iter().enumerate().filter(|(_, record)| record.is_audit_event());
    for (position, record) in events {
        let failed = |problem| Failed { position, problem };
        let (action, event) = read(record).map_err(|error| failed(Problem::permanent(&error)))?;
        // Events of root keys belong to no organization.
        let Some(organization) = &event.trail else { continue };
        if !known.contains_key(organization) {
            let found = app.courier.webhooks(organization).await;
            let found = found.map_err(|error| failed(Error::from(error).into()))?;
            known.insert(organization.clone(), found);
        }
        let webhooks = known.get(organization).map_or(&[][..], Vec::as_slice);
        let event_type = detail_type(action);
        if !webhooks.iter().any(|webhook| webhook.wants(event_type)) {
            continue;
        }
        let data = Detail::from(&event);
        let body = Body { r#type: event_type, timestamp: &data.time, data: &data };
        let body = serde_json::to_string(&body);
        let body = body.map_err(|error| failed(Problem::permanent(&error)))?;
        let addressed = app.courier.address(&event, event_type, &body, webhooks).await;
        addressed.map_err(|error| failed(error.into()))?;
    }
    Ok(())
}

/// Attempts the new deliveries of a batch, all at the same time.
async fn attempt_new(app: &App, batch: &Batch, arn: &str) -> Result<(), Failed> {
    let new = batch.records.iter().enumerate().filter_map(|(position, record)| {
        let wake = wake(record)?.wake(app.clock.now())?;
        Some(async move {
            let attempted = attempt(app, &wake, Turn::Shared, arn).await;
            attempted.map_err(|problem| Failed { position, problem })
        })
    });
    let mut first: Option<Failed> = None;
    for attempted in all(new).await {
        if let Err(failed) = attempted
            && first.as_ref().is_none_or(|first| failed.position < first.position)
        {
            first = Some(failed);
        }
    }
    first.map_or(Ok(()), Err)
}

/// Runs `work` at the same time, and returns the results in any order. A batch has few enough parts to poll each of
/// them whenever one can go on.
async fn all<T>(work: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut waiting: Vec<Pin<Box<_>>> = work.map(Box::pin).collect();
    let mut done = Vec::new();
    poll_fn(move |context| {
        waiting.retain_mut(|work| match work.as_mut().poll(context) {
            Poll::Ready(result) => {
                done.push(result);
                false
            }
            Poll::Pending => true,
        });
        if waiting.is_empty() { Poll::Ready(std::mem::take(&mut done)) } else { Poll::Pending }
    })
    .await
}

/// Attempts a delivery, and schedules its next attempt.
async fn attempt(app: &App, wake: &Wake, turn: Turn, arn: &str) -> Result<(), Problem> {
    let send = async |message| app.sender.send(message).await;
    let Some(next) = app.courier.attempt(wake, turn, send).await? else { return Ok(()) };
    Ok(app.scheduler.schedule(&next, app.clock.now(), arn).await?)
}

/// The first attempt of a delivery that a record inserted; `None` for another record.
fn wake(record: &Record) -> Option<Woken> {
    let (pk, sk) = record.key();
    let organization = pk.strip_prefix("WEBHOOKS#").filter(|_| record.is_insertion())?;
    let delivery = sk.strip_prefix("DELIVERY#")?;
    let (organization, delivery) = (organization.to_owned(), delivery.to_owned());
    Some(Woken { organization, delivery, attempts: 0 })
}

impl Problem {
    fn permanent(error: &dyn std::error::Error) -> Self {
        Self { permanent: true, reason: error.to_string() }
    }
}

impl From<Error> for Problem {
    /// An item that cannot be read stays so. Everything else passes.
    fn from(error: Error) -> Self {
        let permanent = matches!(error, Error::Store(StoreError::Corrupt(_)));
        let reason = match causes(&error) {
            causes if causes.is_empty() => error.to_string(),
            causes => format!("{error}: {causes}"),
        };
        Self { permanent, reason }
    }
}

impl From<NotScheduled> for Problem {
    fn from(error: NotScheduled) -> Self {
        Self { permanent: false, reason: error.to_string() }
    }
}
