//! Webhooks: endpoints of an organization that get a request for each of its events.
//!
//! Requests are signed and repeated by the Standard Webhooks specification.
//! Source: <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>

mod address;
mod delivery;
mod delivery_id;
mod health;
mod retry;
mod signature;
mod url;

use std::fmt;
use std::str::FromStr;

use super::audit::detail::detail_type;
use super::audit::{Action, Event};
use super::id::{OrganizationId, WebhookId};
use super::text::{Description, excerpt};
use super::time::Timestamp;

pub use address::is_public;
pub(crate) use delivery::RETENTION;
pub use delivery::{
    Delivery, DeliveryStatus, LastAttempt, NotDiscardable, NotReplayable, UnknownStatus,
};
pub use delivery_id::DeliveryId;
pub use health::{FAILING_MAX, Health};
pub use retry::{ATTEMPTS_MAX, SHARED_TIMEOUT, TIMEOUT, next_delay};
pub use signature::{DeploymentSecret, InvalidSecret, SigningSecret, unix_seconds};
pub use url::{InvalidUrl, WebhookUrl};

/// The maximum number of webhooks of an organization, including disabled ones.
pub const WEBHOOKS_MAX: u32 = 10;

/// The variable with which `cargo dev` lets webhooks have endpoints on the developer's machine. Only development builds of
/// functions read it.
pub const LOCAL_ENDPOINTS: &str = "LATCHKEY_DEV_LOCAL_ENDPOINTS";

/// A webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Its ID.
    pub id: WebhookId,
    /// The organization whose events it gets.
    pub organization: OrganizationId,
    /// Where the requests go.
    pub url: WebhookUrl,
    /// What people say about it.
    pub description: Description,
    /// Which events it gets.
    pub events: EventTypes,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was created or disabled.
    pub updated_at: Timestamp,
    /// When and why it was disabled. It then gets no requests.
    pub disabled: Option<Disabled>,
    /// When the first attempt failed since the last success.
    pub failing_since: Option<Timestamp>,
    /// When an attempt last failed or was slow; up to half an hour early.
    pub trouble_at: Option<Timestamp>,
}

impl Webhook {
    /// Returns whether it gets events of a type.
    pub fn wants(&self, event_type: &str) -> bool {
        self.disabled.is_none() && self.events.include(event_type)
    }

    /// Returns whether it may get an event: one that happened since its creation. An earlier one may be of another
    /// organization that had the same ID.
    pub fn may_get(&self, event: &Event) -> bool {
        event.time.timestamp() >= self.created_at
    }
}

/// When and why a webhook was disabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disabled {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: DisableReason,
}

/// Why a webhook was disabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisableReason {
    /// Its endpoint responded with 410.
    Gone,
    /// Its endpoint failed for [`FAILING_MAX`], without a success.
    Failing,
}

impl DisableReason {
    /// The name of the reason.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Failing => "failing",
        }
    }
}

/// A text is not the name of a [`DisableReason`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be `gone` or `failing`")]
pub struct UnknownReason;

impl FromStr for DisableReason {
    type Err = UnknownReason;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let all = [Self::Gone, Self::Failing];
        all.into_iter().find(|reason| reason.name() == text).ok_or(UnknownReason)
    }
}

/// The types of the events that a webhook gets: all of them, also those of later versions, or some.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventTypes(Vec<String>);

/// The reason a list of names is not [`EventTypes`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEventTypes {
    /// The list is empty.
    #[error("must name an event type; leave it out to get all events")]
    Empty,
    /// There is no such type.
    #[error("must contain event types such as `key.revoked`, or only `*`, not {0:?}")]
    Unknown(String),
}

/// Stands for all types.
const ALL: &str = "*";

impl EventTypes {
    /// All types.
    pub fn all() -> Self {
        Self(vec![ALL.to_owned()])
    }

    /// Selects types by their names, without duplicates; `*` selects all.
    ///
    /// # Errors
    ///
    /// Names the first type that events of an organization never have.
    pub fn select<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidEventTypes> {
        let mut selected: Vec<String> = Vec::new();
        for name in names {
            if name != ALL && !known_types().any(|known| known == name) {
                return Err(InvalidEventTypes::Unknown(excerpt(name)));
            }
            if !selected.iter().any(|other| other == name) {
                selected.push(name.to_owned());
            }
        }
        match selected.iter().any(|name| name == ALL) {
            true => Ok(Self::all()),
            false if selected.is_empty() => Err(InvalidEventTypes::Empty),
            false => Ok(Self(selected)),
        }
    }

    /// Reads stored types, which a later version may know and this one not.
    pub(crate) fn stored(names: Vec<String>) -> Result<Self, InvalidEventTypes> {
        if names.is_empty() { Err(InvalidEventTypes::Empty) } else { Ok(Self(names)) }
    }

    /// Returns whether a type is among them.
    pub fn include(&self, event_type: &str) -> bool {
        self.names().any(|name| name == ALL || name == event_type)
    }

    /// The names, in the order in which they were selected, or only `*`.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl fmt::Display for EventTypes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

/// The types of the events that organizations have. Those of root keys belong to no organization.
fn known_types() -> impl Iterator<Item = &'static str> {
    let all = Action::ALL.iter().map(|action| detail_type(*action));
    all.filter(|name| !name.starts_with("root_key."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_selected_once_each_or_all() {
        let select = |names: &[&str]| EventTypes::select(names.iter().copied());
        let some = select(&["key.revoked", "key.created", "key.revoked"]).expect("known");
        assert_eq!(some.to_string(), "key.revoked key.created");
        assert!(some.include("key.revoked") && !some.include("key.updated"));
        let all = select(&["key.revoked", "*"]).expect("known");
        assert_eq!(all, EventTypes::all());
        assert!(all.include("of.a_later_version"));
        assert_eq!(select(&[]), Err(InvalidEventTypes::Empty));
        for unknown in ["key", "key.*", "KEY.REVOKED", "root_key.created", ""] {
            let expected = InvalidEventTypes::Unknown(unknown.to_owned());
            assert_eq!(select(&["key.revoked", unknown]), Err(expected));
        }
    }

    #[test]
    fn a_reason_is_read_by_its_name() {
        for reason in [DisableReason::Gone, DisableReason::Failing] {
            assert_eq!(reason.name().parse(), Ok(reason));
        }
        assert_eq!("other".parse::<DisableReason>(), Err(UnknownReason));
    }
}
