//! Deliveries: an event on its way to a webhook.

use std::time::Duration;

use crate::audit::Event;
use crate::id::{OrganizationId, WebhookId};
use crate::time::Timestamp;

use super::{DeliveryId, Webhook, WebhookUrl};

/// How long the table keeps a delivery.
pub(crate) const RETENTION: Duration = Duration::from_secs(30 * 24 * 60 * 60);

macro_rules! statuses {
    ($($(#[$doc:meta])* $variant:ident => $name:literal,)*) => {
        /// What has become of a delivery.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum DeliveryStatus {
            $($(#[$doc])* $variant,)*
        }

        impl DeliveryStatus {
            /// Every status.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The name of the status.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

statuses! {
    /// There will be another attempt.
    Pending => "pending",
    /// The endpoint accepted it.
    Delivered => "delivered",
    /// Every attempt failed.
    Failed => "failed",
    /// Someone gave it up, or its webhook is gone or disabled.
    Discarded => "discarded",
}

/// A text is not the name of a [`DeliveryStatus`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be `pending`, `delivered`, `failed`, or `discarded`")]
pub struct UnknownStatus;

impl std::str::FromStr for DeliveryStatus {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.iter().find(|status| status.name() == text).copied().ok_or(UnknownStatus)
    }
}

/// An event on its way to a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Its ID.
    pub id: DeliveryId,
    /// The organization of the webhook.
    pub organization: OrganizationId,
    /// The webhook.
    pub webhook: WebhookId,
    /// The ID of the event, which each request has as its `webhook-id`.
    pub event: String,
    /// The type of the event.
    pub event_type: String,
    /// The type of what was changed.
    pub resource_type: String,
    /// The ID of what was changed.
    pub resource: String,
    /// Where the requests go.
    pub target: WebhookUrl,
    /// The body of each request.
    pub body: String,
    /// What has become of it.
    pub status: DeliveryStatus,
    /// The number of attempts.
    pub attempts: u32,
    /// The last attempt's outcome.
    pub last: LastAttempt,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it changed last.
    pub updated_at: Timestamp,
    /// When the next attempt is due.
    pub next_attempt_at: Option<Timestamp>,
    /// When the endpoint accepted it.
    pub delivered_at: Option<Timestamp>,
    /// When it was given up.
    pub discarded_at: Option<Timestamp>,
    /// When another delivery repeated it last.
    pub replayed_at: Option<Timestamp>,
    /// The delivery that this one repeats.
    pub replayed_from: Option<DeliveryId>,
}

/// The outcome of the last attempt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LastAttempt {
    /// The status of the response; `None` without an attempt or a response.
    pub status: Option<u16>,
    /// Why it failed; `None` without an attempt, or if it succeeded.
    pub error: Option<String>,
}

/// A delivery cannot be repeated yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is still pending; wait for its next attempt, or discard it first")]
pub struct NotReplayable;

/// A delivery cannot be given up any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is already delivered; there is nothing to discard")]
pub struct NotDiscardable;

impl Delivery {
    /// Creates the delivery of an event, whose first attempt is due at once.
    pub fn new(
        webhook: &Webhook,
        event: &Event,
        event_type: &str,
        body: String,
        now: Timestamp,
    ) -> Self {
        Self {
            id: DeliveryId::of(&webhook.id, event),
            organization: webhook.organization.clone(),
            webhook: webhook.id.clone(),
            event: event.id(),
            event_type: event_type.to_owned(),
            resource_type: event.resource.kind.clone(),
            resource: event.resource.id.clone(),
            target: webhook.url.clone(),
            body,
            status: DeliveryStatus::Pending,
            attempts: 0,
            last: LastAttempt::default(),
            created_at: now,
            updated_at: now,
            next_attempt_at: Some(now),
            delivered_at: None,
            discarded_at: None,
            replayed_at: None,
            replayed_from: None,
        }
    }

    /// Creates a delivery that repeats this one.
    ///
    /// # Errors
    ///
    /// [`NotReplayable`] if this one is pending.
    pub fn replay(&self, id: DeliveryId, now: Timestamp) -> Result<Self, NotReplayable> {
        if self.status == DeliveryStatus::Pending {
            return Err(NotReplayable);
        }
        Ok(Self {
            id,
            status: DeliveryStatus::Pending,
            attempts: 0,
            last: LastAttempt::default(),
            created_at: now,
            updated_at: now,
            next_attempt_at: Some(now),
            delivered_at: None,
            discarded_at: None,
            replayed_at: None,
            replayed_from: Some(self.id.clone()),
            ..self.clone()
        })
    }

    /// Returns this delivery as given up; unchanged if it is already.
    ///
    /// # Errors
    ///
    /// [`NotDiscardable`] if it is delivered.
    pub fn discarded(&self, now: Timestamp) -> Result<Self, NotDiscardable> {
        match self.status {
            DeliveryStatus::Delivered => Err(NotDiscardable),
            DeliveryStatus::Discarded => Ok(self.clone()),
            DeliveryStatus::Pending | DeliveryStatus::Failed => Ok(Self {
                status: DeliveryStatus::Discarded,
                next_attempt_at: None,
                discarded_at: Some(now),
                updated_at: now,
                ..self.clone()
            }),
        }
    }

    /// Returns this delivery after an attempt at `now` whose outcome is `last`. If it failed, the next attempt is due
    /// after `retry_in`; `None` for no other one.
    #[must_use]
    pub fn attempted(&self, last: LastAttempt, retry_in: Option<Duration>, now: Timestamp) -> Self {
        let succeeded = last.error.is_none();
        let retry_in = retry_in.filter(|_| !succeeded);
        Self {
            status: match retry_in {
                _ if succeeded => DeliveryStatus::Delivered,
                Some(_) => DeliveryStatus::Pending,
                None => DeliveryStatus::Failed,
            },
            attempts: self.attempts.saturating_add(1),
            last,
            updated_at: now,
            next_attempt_at: retry_in.map(|delay| now.saturating_add(delay)),
            delivered_at: succeeded.then_some(now),
            ..self.clone()
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::audit::{Action, AuditPolicy, Author, Chain, Draft, Resource};
    use crate::webhook::EventTypes;

    pub(in super::super) fn now() -> Timestamp {
        "2026-06-01T12:00:00Z".parse().expect("a time")
    }

    pub(in super::super) fn webhook(id: &str) -> Webhook {
        Webhook {
            id: id.parse().expect("an id"),
            organization: "acme".parse().expect("an id"),
            url: "https://example.com/hook".parse().expect("a URL"),
            description: "".parse().expect("a description"),
            events: EventTypes::all(),
            created_at: now(),
            updated_at: now(),
            disabled: None,
            failing_since: None,
            trouble_at: None,
        }
    }

    fn event(at: Timestamp) -> Event {
        let organization = "acme".parse().expect("an id");
        let draft = Draft {
            trail: Some("acme".parse().expect("an id")),
            chain: Chain::Organization(organization),
            starts: None,
            action: Action::DisableOrganization,
            resource: Resource {
                kind: "organization".to_owned(),
                id: "acme".to_owned(),
                account: None,
            },
            changes: BTreeMap::new(),
            at,
            after: None,
        };
        Event::after(None, &draft, &Author::default(), &AuditPolicy::default(), None)
    }

    fn delivery() -> Delivery {
        Delivery::new(&webhook("A"), &event(now()), "organization.disabled", "{}".to_owned(), now())
    }

    #[test]
    fn an_event_has_one_delivery_for_each_webhook() {
        let (first, later) = (event(now()), event(now().saturating_add(Duration::from_millis(1))));
        let id =
            |webhook: &str, event: &Event| DeliveryId::of(&webhook.parse().expect("an id"), event);
        assert_eq!(id("A", &first), id("A", &first));
        assert_ne!(id("A", &first), id("B", &first));
        assert!(id("A", &first) < id("A", &later) && id("B", &first) < id("A", &later));
        assert_eq!(id("A", &first).as_ref().parse(), Ok(id("A", &first)));
    }

    #[test]
    fn only_a_delivery_that_has_ended_is_repeated() {
        let id: DeliveryId = "REPEATED".parse().expect("an id");
        let pending = delivery();
        assert_eq!(pending.replay(id.clone(), now()), Err(NotReplayable));
        let later = now().saturating_add(Duration::from_secs(60));
        let failure =
            LastAttempt { status: Some(500), error: Some("the endpoint failed".to_owned()) };
        let failed = pending.attempted(failure.clone(), None, now());
        assert_eq!((failed.status, failed.attempts), (DeliveryStatus::Failed, 1));
        let repeated = failed.replay(id, later).expect("replayable");
        let expected = Delivery {
            id: "REPEATED".parse().expect("an id"),
            created_at: later,
            updated_at: later,
            next_attempt_at: Some(later),
            replayed_from: Some(pending.id.clone()),
            ..pending.clone()
        };
        assert_eq!(repeated, expected);
        let waiting = pending.attempted(failure, Some(Duration::from_secs(5)), now());
        assert_eq!(waiting.status, DeliveryStatus::Pending);
        let due = now().saturating_add(Duration::from_secs(5));
        assert_eq!(waiting.next_attempt_at, Some(due));
    }

    #[test]
    fn a_delivery_that_arrived_is_not_given_up() {
        let delivered = delivery().attempted(
            LastAttempt { status: Some(204), error: None },
            Some(Duration::from_secs(5)),
            now(),
        );
        assert_eq!(delivered.status, DeliveryStatus::Delivered);
        assert_eq!((delivered.delivered_at, delivered.next_attempt_at), (Some(now()), None));
        assert_eq!(delivered.discarded(now()), Err(NotDiscardable));
        let later = now().saturating_add(Duration::from_secs(1));
        let discarded = delivery().discarded(now()).expect("pending");
        assert_eq!(discarded.status, DeliveryStatus::Discarded);
        assert_eq!((discarded.discarded_at, discarded.next_attempt_at), (Some(now()), None));
        assert_eq!(discarded.discarded(later), Ok(discarded.clone()));
    }

    #[test]
    fn a_status_is_read_by_its_name() {
        for status in DeliveryStatus::ALL {
            assert_eq!(status.name().parse(), Ok(*status));
        }
        assert_eq!("PENDING".parse::<DeliveryStatus>(), Err(UnknownStatus));
    }
}
