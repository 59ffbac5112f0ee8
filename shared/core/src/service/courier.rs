//! Delivering events to webhooks: which deliveries there are, each attempt, and what follows from its outcome.
//!
//! Whoever uses this sends the requests and wakes it again later. Everything here can be repeated at any point: an
//! event has one delivery for each webhook, and an attempt whose outcome was not stored is made again.

use std::time::Duration;

use rand::TryRng;
use rand::rngs::SysRng;

use crate::audit::{Actor, Author, Event, Origin};
use crate::error::Error;
use crate::id::OrganizationId;
use crate::store::{KeyStore, Recorded, StoreError};
use crate::time::Timestamp;
use crate::webhook::{
    Delivery, DeliveryId, DeploymentSecret, Health, LastAttempt, SHARED_TIMEOUT, TIMEOUT, Webhook,
    WebhookUrl, next_delay, unix_seconds,
};

use super::Clock;

/// Delivers events to webhooks.
#[derive(Debug)]
pub struct Courier {
    store: KeyStore,
    secret: DeploymentSecret,
    clock: Clock,
}

/// When to attempt a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wake {
    /// The organization of the webhook.
    pub organization: OrganizationId,
    /// The delivery.
    pub delivery: DeliveryId,
    /// How many attempts there were before. If there were more since, somebody else is further.
    pub attempts: u32,
    /// When.
    pub at: Timestamp,
}

/// A request to an endpoint: a POST with the content type `application/json`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Where it goes.
    pub url: WebhookUrl,
    /// The header `webhook-id`: the ID of the event.
    pub id: String,
    /// The header `webhook-timestamp`: seconds since the Unix epoch.
    pub timestamp: i64,
    /// The header `webhook-signature`.
    pub signature: String,
    /// The body.
    pub body: String,
    /// How long it may take, including the connection.
    pub timeout: Duration,
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The endpoint responded.
    Response {
        /// The status.
        status: u16,
        /// How long it asks to wait.
        retry_after: Option<Duration>,
    },
    /// There was no response, for this reason, which the owner of the webhook may read.
    None(String),
}

/// Whether others wait for an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Deliveries of other webhooks wait behind this one. So it may take less time, and an endpoint that has lately
    /// failed or was slow waits for its own turn.
    Shared,
    /// Nothing waits.
    Own,
}

/// How often the outcome of an attempt is judged again because the webhook changed meanwhile.
const JUDGED_MAX: u32 = 5;

impl Courier {
    /// Creates a courier over `store`, with signing secrets from `secret` and the time of `clock`.
    pub fn new(store: &KeyStore, secret: DeploymentSecret, clock: Clock) -> Self {
        let author = Author { actor: Actor::system("webhooks"), origin: Origin::default() };
        Self { store: store.by(author), secret, clock }
    }

    /// Creates the deliveries of an event to those of its organization's `webhooks` that get it, unless they exist. `body` is what
    /// each request says. Returns how many are new.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`], [`Error::Store`]. The same call creates those that are missing then.
    pub async fn address(
        &self,
        event: &Event,
        event_type: &str,
        body: &str,
        webhooks: &[Webhook],
    ) -> Result<usize, Error> {
        let mut created = 0;
        let wanted = |webhook: &&Webhook| webhook.wants(event_type) && webhook.may_get(event);
        for webhook in webhooks.iter().filter(wanted) {
            let now = self.clock.now();
            let delivery = Delivery::new(webhook, event, event_type, body.to_owned(), now);
            created += usize::from(self.store.create_delivery(&delivery).await?);
        }
        Ok(created)
    }

    /// Returns the webhooks of an organization.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn webhooks(
        &self,
        organization: &OrganizationId,
    ) -> Result<Vec<Webhook>, StoreError> {
        self.store.webhooks(organization).await
    }

    /// Attempts a delivery with `send`, unless it has ended or somebody else has made this attempt. Returns when to
    /// call this again; `None` if the delivery has ended.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`], [`Error::Random`], [`Error::Store`]. The same call continues then, and may send the request
    /// again.
    pub async fn attempt(
        &self,
        wake: &Wake,
        turn: Turn,
        send: impl AsyncFnOnce(Message) -> Answer,
    ) -> Result<Option<Wake>, Error> {
        let found = self.store.delivery(&wake.organization, &wake.delivery).await?;
        let Some(delivery) = found.filter(|found| found.next_attempt_at.is_some()) else {
            return Ok(None);
        };
        if delivery.attempts != wake.attempts {
            return Ok(next(&delivery));
        }
        let webhook = self.store.webhook(&delivery.organization, &delivery.webhook).await?;
        let Some(webhook) = webhook.filter(|webhook| webhook.disabled.is_none()) else {
            return self.give_up(&delivery).await;
        };
        let began = self.clock.now();
        if turn == Turn::Shared && webhook.needs_own_turn(began) {
            return Ok(next(&delivery));
        }
        let answer = send(self.message(&delivery, turn)).await;
        let took = self.clock.now().since(began);
        self.record(delivery, webhook, answer, took).await
    }

    /// Writes what came of an attempt that took `took`.
    async fn record(
        &self,
        delivery: Delivery,
        webhook: Webhook,
        answer: Answer,
        took: Duration,
    ) -> Result<Option<Wake>, Error> {
        let random = SysRng.try_next_u32().map_err(Error::Random)?;
        let now = self.clock.now();
        let (last, asked) = judged(answer);
        let retry_in = next_delay(delivery.attempts + 1, random, asked);
        let mut webhook = Some(webhook);
        for _ in 0..JUDGED_MAX {
            let known = webhook.as_ref();
            let health = known.and_then(|known| Some((known, known.health(&last, took, now)?)));
            let given_up = matches!(health, Some((_, Health::GivenUp(_))));
            let attempted = delivery.attempted(last.clone(), retry_in.filter(|_| !given_up), now);
            match self.store.record_attempt(&delivery, &attempted, health, now).await? {
                Recorded::Written => {
                    log_health(health);
                    log(&attempted);
                    return Ok(next(&attempted));
                }
                // Somebody else made the same attempt, or gave the delivery up.
                Recorded::DeliveryChanged => {
                    let found = self.store.delivery(&delivery.organization, &delivery.id).await?;
                    return Ok(found.as_ref().and_then(next));
                }
                Recorded::WebhookChanged => {
                    let (organization, id) = (&delivery.organization, &delivery.webhook);
                    webhook = self.store.webhook(organization, id).await?;
                }
                Recorded::OrganizationDeleting => webhook = None,
            }
        }
        Err(Error::Busy)
    }

    fn message(&self, delivery: &Delivery, turn: Turn) -> Message {
        let now = self.clock.now();
        let secret = self.secret.signing_secret(&delivery.organization, &delivery.webhook);
        Message {
            url: delivery.target.clone(),
            id: delivery.event.clone(),
            timestamp: unix_seconds(now),
            signature: secret.sign(&delivery.event, now, &delivery.body),
            body: delivery.body.clone(),
            timeout: match turn {
                Turn::Shared => SHARED_TIMEOUT,
                Turn::Own => TIMEOUT,
            },
        }
    }

    /// Gives up a delivery whose webhook is deleted or disabled.
    async fn give_up(&self, delivery: &Delivery) -> Result<Option<Wake>, Error> {
        let Ok(discarded) = delivery.discarded(self.clock.now()) else { return Ok(None) };
        let error = Some("the webhook is deleted or disabled".to_owned());
        let last = LastAttempt { error, ..delivery.last.clone() };
        // If it has changed meanwhile, it is given up already, or the next attempt does.
        match self.store.update_delivery(delivery, &Delivery { last, ..discarded }).await? {
            true => Ok(None),
            false => {
                let found = self.store.delivery(&delivery.organization, &delivery.id).await?;
                Ok(found.as_ref().and_then(next))
            }
        }
    }
}

/// When the next attempt of a delivery is due; `None` if it has ended.
fn next(delivery: &Delivery) -> Option<Wake> {
    Some(Wake {
        organization: delivery.organization.clone(),
        delivery: delivery.id.clone(),
        attempts: delivery.attempts,
        at: delivery.next_attempt_at?,
    })
}

impl From<&Delivery> for Wake {
    /// The first attempt of a new delivery.
    fn from(delivery: &Delivery) -> Self {
        Self {
            organization: delivery.organization.clone(),
            delivery: delivery.id.clone(),
            attempts: 0,
            at: delivery.created_at,
        }
    }
}

/// Returns what a delivery notes of an answer, and how long the endpoint asks to wait.
fn judged(answer: Answer) -> (LastAttempt, Option<Duration>) {
    match answer {
        Answer::Response { status, retry_after } => {
            let error = match status {
                200..=299 => None,
                300..=399 => Some(format!(
                    "the endpoint responded with {status}, but redirects are not followed"
                )),
                _ => Some(format!("the endpoint responded with {status}")),
            };
            (LastAttempt { status: Some(status), error }, retry_after)
        }
        Answer::None(error) => (LastAttempt { status: None, error: Some(error) }, None),
    }
}

fn log_health(health: Option<(&Webhook, Health)>) {
    if let Some((webhook, Health::GivenUp(reason))) = health {
        let (id, organization, reason) = (&webhook.id, &webhook.organization, reason.name());
        tracing::warn!(action = "webhook.disable", organization.id = %organization, webhook.id = %id, reason, "webhook disabled");
    }
}

fn log(delivery: &Delivery) {
    let Delivery { id, webhook, organization, attempts, status, last, .. } = delivery;
    let (status, http_status) = (status.name(), last.status);
    let error = last.error.as_deref();
    tracing::info!(organization.id = %organization, webhook.id = %webhook, delivery.id = %id, delivery.attempts = attempts, delivery.status = status, http_status, error, "delivery attempted");
}
