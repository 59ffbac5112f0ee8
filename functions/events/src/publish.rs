//! Publishing events with `PutEvents`, and what its failures mean.
//!
//! Source: <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html>

use aws_sdk_eventbridge::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_eventbridge::operation::put_events::PutEventsError;
use aws_sdk_eventbridge::types::{PutEventsRequestEntry, PutEventsResultEntry};
use aws_sdk_eventbridge::{Client, config::http::HttpResponse};
use latchkey::audit::detail::{Detail, detail_type};
use latchkey::audit::{Action, Event};
use latchkey::id::OrganizationId;

/// The `source` of every event.
pub const SOURCE: &str = "latchkey";

/// The most entries of one request.
const ENTRIES_MAX: usize = 10;

/// The most bytes of all entries of one request. Newer regions allow more, but every one allows this.
/// Source: <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html>
const BYTES_MAX: usize = 256 * 1024;

/// Codes that an entry or a request gets whenever it is sent. All others, such as a missing permission or a
/// missing bus, end when an operator repairs the deployment.
const PERMANENT: [&str; 5] = [
    "InvalidArgument",
    "MalformedDetail",
    "RedactionFailure",
    "SerializationException",
    "ValidationException",
];

/// An event that is ready to be published.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    /// The position of its record in the batch.
    pub(crate) position: usize,
    pub(crate) id: String,
    organization: Option<OrganizationId>,
    detail_type: &'static str,
    json: String,
}

impl Outgoing {
    pub(crate) fn new(position: usize, action: Action, event: &Event) -> Result<Self, Failed> {
        let json = serde_json::to_string(&Detail::from(event)).map_err(|error| Failed {
            position,
            permanent: true,
            reason: error.to_string(),
        })?;
        let outgoing = Self {
            position,
            id: event.id(),
            organization: event.trail.clone(),
            detail_type: detail_type(action),
            json,
        };
        if outgoing.bytes() > BYTES_MAX {
            let reason = format!("the event has more than {BYTES_MAX} bytes");
            return Err(Failed { position, permanent: true, reason });
        }
        Ok(outgoing)
    }

    /// Its size, as `EventBridge` counts it.
    /// Source: <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html>
    fn bytes(&self) -> usize {
        SOURCE.len() + self.detail_type.len() + self.json.len()
    }

    fn entry(&self, bus: &str) -> PutEventsRequestEntry {
        PutEventsRequestEntry::builder()
            .event_bus_name(bus)
            .source(SOURCE)
            .detail_type(self.detail_type)
            .detail(&self.json)
            .build()
    }
}

/// The entries of the next request.
///
/// It has at most one event of each organization. `PutEvents` can reject one entry and accept those behind it,
/// which would then overtake it.
#[derive(Debug, Default)]
pub(crate) struct Request(Vec<Outgoing>);

impl Request {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the request can hold `event` as well.
    pub(crate) fn has_room_for(&self, event: &Outgoing) -> bool {
        let bytes: usize = self.0.iter().map(Outgoing::bytes).sum();
        let other = |held: &Outgoing| held.organization != event.organization;
        self.0.len() < ENTRIES_MAX && bytes + event.bytes() <= BYTES_MAX && self.0.iter().all(other)
    }

    pub(crate) fn push(&mut self, event: Outgoing) {
        self.0.push(event);
    }

    /// Sends the request once. Removes the events that are published and passes their IDs to `published`.
    pub(crate) async fn send(
        &mut self,
        client: &Client,
        bus: &str,
        mut published: impl FnMut(&str),
    ) -> Result<(), Failed> {
        let Some(first) = self.0.first().map(|event| event.position) else { return Ok(()) };
        let entries = self.0.iter().map(|event| event.entry(bus)).collect();
        let answer = client.put_events().set_entries(Some(entries)).send().await;
        let answer = answer.map_err(|error| Failed::of_request(first, &error))?;
        let mut results = answer.entries().iter();
        let mut failed = None;
        self.0.retain(|event| {
            let reason = match results.next() {
                Some(result) if result.event_id().is_some() => {
                    published(&event.id);
                    return false;
                }
                result => Failed::of_entry(event.position, result),
            };
            failed = failed.take().or(Some(reason));
            true
        });
        failed.map_or(Ok(()), Err)
    }
}

/// Why an event was not published.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub(crate) struct Failed {
    /// The position of its record in the batch.
    pub(crate) position: usize,
    /// Whether it fails whenever it is sent.
    pub(crate) permanent: bool,
    /// What `EventBridge` said.
    pub(crate) reason: String,
}

impl Failed {
    fn of_request(position: usize, error: &SdkError<PutEventsError, HttpResponse>) -> Self {
        let status = error.raw_response().map(|response| response.status().as_u16());
        let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
        let permanent = status == Some(413) || code.is_some_and(|code| PERMANENT.contains(&code));
        Self { position, permanent, reason: DisplayErrorContext(error).to_string() }
    }

    fn of_entry(position: usize, result: Option<&PutEventsResultEntry>) -> Self {
        let code = result.and_then(PutEventsResultEntry::error_code);
        let message = result.and_then(PutEventsResultEntry::error_message).unwrap_or_default();
        let reason = match code {
            Some(code) => format!("{code}: {message}"),
            None => "EventBridge gave the event no result".to_owned(),
        };
        Self { position, permanent: code.is_some_and(|code| PERMANENT.contains(&code)), reason }
    }
}
