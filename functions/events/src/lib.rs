//! Publishes the events of the audit trail to an `EventBridge` bus.
//!
//! Lambda reads the table's stream and delivers its batches here. Records of one shard arrive in order, and
//! all events of an organization are in one shard, because they share a partition. The function keeps that
//! order: it stops at the first event that it cannot publish, and Lambda continues there.
//!
//! An event that cannot be published yet, because `EventBridge` is not available or the deployment is broken,
//! is tried again for a while and then left to Lambda. An event that can never be published fails the
//! invocation at once, alone in its batch; [`handle`] describes how. After `MaximumRetryAttempts`, Lambda
//! sends both to the dead-letter queue.

mod publish;
mod recent;
mod settings;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_eventbridge::Client;
use lambda_runtime::Diagnostic;
use latchkey::store::environment::{Environment, InvalidSetting};
use latchkey_http::aws;
use tokio::time::Instant;

pub use self::publish::SOURCE;
pub use self::settings::Settings;
pub use latchkey_http::stream::{Batch, BatchResponse, Failure, Malformed, Record, read};

use self::publish::{Failed, Outgoing};
use self::recent::Recent;

/// How long an invocation keeps trying to publish an event.
///
/// Lambda limits the number of invocations for a batch, not their time. So an invocation waits for an outage
/// to end, and fails at once for an event that can never be published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// No attempt starts later than this after the invocation did.
    pub total: Duration,
    /// The wait after the first failure, which doubles with each further one.
    pub first_wait: Duration,
    /// The longest wait.
    pub longest_wait: Duration,
}

impl Default for Patience {
    /// Leaves the last attempt enough time before the function's timeout of 5 minutes.
    fn default() -> Self {
        Self {
            total: Duration::from_secs(4 * 60),
            first_wait: Duration::from_millis(500),
            longest_wait: Duration::from_secs(30),
        }
    }
}

/// The state of an execution environment.
#[derive(Debug)]
pub struct App {
    client: Client,
    settings: Settings,
    patience: Patience,
    recent: Mutex<Recent>,
}

impl App {
    /// Publishes to the bus that the variables of the function name.
    ///
    /// # Errors
    ///
    /// Names the first variable that is missing or invalid.
    pub fn from_environment(environment: &Environment) -> Result<Self, InvalidSetting> {
        let settings = Settings::from_environment(environment)?;
        let client = Client::new(&aws::config(environment, "AWS_ENDPOINT_URL_EVENTBRIDGE")?);
        let patience = Patience::default();
        Ok(Self { client, settings, patience, recent: Mutex::default() })
    }

    /// Keeps trying for this long.
    #[must_use]
    pub fn with_patience(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    fn was_published(&self, id: &str) -> bool {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner).contains(id)
    }

    fn remember(&self, id: &str) {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner).remember(id);
    }

    /// Publishes all events of `request`, which is then empty. Tries again while an attempt can succeed.
    async fn send(&self, request: &mut publish::Request, until: Instant) -> Result<(), Failed> {
        let mut wait = self.patience.first_wait;
        while !request.is_empty() {
            let sent = request.send(&self.client, &self.settings.bus, |id| self.remember(id)).await;
            let Err(failed) = sent else { continue };
            if failed.permanent || Instant::now() + wait > until {
                return Err(failed);
            }
            if wait == self.patience.first_wait {
                tracing::warn!("EventBridge did not accept an event, retrying: {failed}");
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(self.patience.longest_wait);
        }
        Ok(())
    }

    async fn publish(&self, batch: &Batch) -> Result<usize, Failed> {
        let until = Instant::now() + self.patience.total;
        let (mut request, mut count) = (publish::Request::default(), 0);
        for (position, record) in batch.records.iter().enumerate() {
            if !record.is_audit_event() {
                continue;
            }
            let event = match outgoing(position, record) {
                Ok(event) => event,
                Err(failed) => {
                    // Those before it come first.
                    self.send(&mut request, until).await?;
                    return Err(failed);
                }
            };
            if !request.has_room_for(&event) {
                self.send(&mut request, until).await?;
            }
            if !self.was_published(&event.id) {
                request.push(event);
                count += 1;
            }
        }
        self.send(&mut request, until).await?;
        Ok(count)
    }
}

fn outgoing(position: usize, record: &Record) -> Result<Outgoing, Failed> {
    let (action, event) = read(record).map_err(|malformed| Failed {
        position,
        permanent: true,
        reason: malformed.to_string(),
    })?;
    Outgoing::new(position, action, &event)
}

/// Publishes the events of a batch, in its order and up to the first that fails.
///
/// The response then names that event, and Lambda delivers it and those behind it again. An event that can
/// never be published would come back in front of all others, so it fails the invocation once it is the first:
/// Lambda then halves the batch until the event is alone in its own, and goes on with the others after
/// sending it to the dead-letter queue.
///
/// # Errors
///
/// If the first record of the batch can never be published.
pub async fn handle(app: &App, batch: Batch) -> Result<BatchResponse, Diagnostic> {
    let failed = match app.publish(&batch).await {
        Ok(count) => {
            tracing::info!(events.published = count, "published the events of a batch");
            return Ok(BatchResponse::default());
        }
        Err(failed) => failed,
    };
    let record = &batch.records[failed.position];
    let (pk, sk) = record.key();
    if failed.permanent {
        tracing::error!(item.pk = pk, item.sk = sk, "an event can never be published: {failed}");
        if failed.position == 0 {
            return Err(Diagnostic {
                error_type: "Unpublishable".to_owned(),
                error_message: format!("the event {pk} {sk} can never be published: {failed}"),
            });
        }
    } else {
        tracing::error!(item.pk = pk, item.sk = sk, "an event is not published yet: {failed}");
    }
    Ok(BatchResponse::continue_at(record))
}
