//! Reports about the audit trail.

use std::collections::BTreeMap;

use latchkey::audit::{Change, Event, EventTime, Head, Value};
use latchkey::id::OrganizationId;
use serde::{Deserialize, Serialize};

use super::text::{in_one_line, table};
use super::{Report, each_line};

/// An event.
#[derive(Serialize)]
pub(super) struct EventRecord {
    id: String,
    time: EventTime,
    action: String,
    /// Every stored event is a change that was made.
    status: &'static str,
    organization: Option<String>,
    actor: ActorRecord,
    target: TargetRecord,
    changes: BTreeMap<String, Change>,
    request_id: Option<String>,
    source_ip: Option<String>,
    user_agent: Option<String>,
    chain: String,
    sequence: u64,
    digest: String,
}

#[derive(Serialize)]
struct ActorRecord {
    r#type: String,
    id: Option<String>,
    key: Option<String>,
}

#[derive(Serialize)]
struct TargetRecord {
    r#type: String,
    id: String,
    service_account: Option<String>,
}

/// Several events.
#[derive(Serialize)]
pub(crate) struct EventsReport {
    events: Vec<EventRecord>,
    #[serde(skip)]
    limited: bool,
}

/// The head of a chain, as it is stored elsewhere.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HeadRecord {
    /// `null` for the deployment's own trail.
    pub(crate) organization: Option<String>,
    pub(crate) chain: String,
    sequence: u64,
    time: String,
    ttl: Option<i64>,
    digest: String,
}

/// A verified trail.
#[derive(Serialize)]
pub(crate) struct TrailRecord {
    pub(crate) organization: Option<String>,
    /// `None` for a broken trail.
    pub(crate) events: Option<u64>,
    pub(crate) chains: Option<usize>,
    /// The number of heads from elsewhere that the trail was verified against.
    pub(crate) stored_heads: usize,
    /// The first contradiction.
    pub(crate) broken: Option<String>,
}

/// Several verified trails.
#[derive(Serialize)]
pub(crate) struct TrailsReport {
    pub(crate) trails: Vec<TrailRecord>,
}

impl EventRecord {
    fn new(event: &Event) -> Self {
        let Event { actor, resource, origin, .. } = event;
        Self {
            id: event.id(),
            time: event.time,
            action: event.action.clone(),
            status: "success",
            organization: event.trail.as_ref().map(ToString::to_string),
            actor: ActorRecord {
                r#type: actor.kind.clone(),
                id: actor.id.clone(),
                key: actor.key.clone(),
            },
            target: TargetRecord {
                r#type: resource.kind.clone(),
                id: resource.id.clone(),
                service_account: resource.account.clone(),
            },
            changes: event.changes.clone(),
            request_id: origin.request.clone(),
            source_ip: origin.source_ip.clone(),
            user_agent: origin.user_agent.clone(),
            chain: event.chain.clone(),
            sequence: event.sequence,
            digest: event.digest.to_string(),
        }
    }

    fn row(&self) -> [Option<String>; 8] {
        let changes = self.changes.iter().map(|(field, change)| shown(field, change));
        let changes = changes.collect::<Vec<_>>().join(", ");
        let cell = |text: &Option<String>| text.as_deref().map(in_one_line);
        [
            Some(self.time.to_string()),
            Some(in_one_line(&self.action)),
            cell(&self.actor.id).or_else(|| Some(in_one_line(&self.actor.r#type))),
            cell(&self.actor.key),
            Some(in_one_line(&self.target.id)),
            cell(&self.target.service_account),
            cell(&self.source_ip),
            Some(in_one_line(&changes)),
        ]
    }
}

/// A change for people, such as `name: old -> new`.
fn shown(field: &str, Change { old, new }: &Change) -> String {
    let value = |value: &Option<Value>| match value {
        None => "none".to_owned(),
        Some(Value::Text(text)) => text.clone(),
        Some(Value::List(list)) => list.join(" "),
        Some(Value::Flag(flag)) => flag.to_string(),
    };
    match old {
        None => format!("{field}: {}", value(new)),
        Some(_) => format!("{field}: {} -> {}", value(old), value(new)),
    }
}

impl EventsReport {
    /// `limit` is the maximum number of events, if there is one.
    pub(crate) fn new(events: &[Event], limit: Option<usize>) -> Self {
        let limited = limit.is_some_and(|limit| events.len() >= limit);
        Self { events: events.iter().map(EventRecord::new).collect(), limited }
    }
}

impl Report for EventsReport {
    fn json_lines(&self) -> Result<Vec<String>, serde_json::Error> {
        each_line(&self.events)
    }

    fn text(&self) -> String {
        let header =
            ["TIME", "ACTION", "ACTOR", "WITH KEY", "TARGET", "ACCOUNT", "ADDRESS", "CHANGES"];
        table(header, self.events.iter().map(EventRecord::row))
    }

    fn notes(&self) -> Vec<String> {
        let last = self.events.last().filter(|_| self.limited);
        let note = |last: &EventRecord| {
            format!("There may be earlier events; to see them, pass `--before {}`.", last.time)
        };
        last.map(note).into_iter().collect()
    }
}

impl HeadRecord {
    pub(crate) fn new(trail: Option<&OrganizationId>, chain: &str, head: &Head) -> Self {
        Self {
            organization: trail.map(ToString::to_string),
            chain: chain.to_owned(),
            sequence: head.sequence,
            time: head.time.to_string(),
            ttl: head.ttl,
            digest: head.digest.to_string(),
        }
    }

    /// The head; `None` if a value is malformed.
    pub(crate) fn head(&self) -> Option<Head> {
        Some(Head {
            sequence: self.sequence,
            time: self.time.parse().ok()?,
            ttl: self.ttl,
            digest: self.digest.parse().ok()?,
        })
    }
}

impl Report for TrailsReport {
    fn json_lines(&self) -> Result<Vec<String>, serde_json::Error> {
        each_line(&self.trails)
    }

    fn text(&self) -> String {
        let rows = self.trails.iter().map(|trail| {
            [
                trail.organization.clone(),
                trail.events.map(|events| events.to_string()),
                trail.chains.map(|chains| chains.to_string()),
                Some(trail.stored_heads.to_string()),
                Some(
                    trail.broken.clone().map_or("intact".to_owned(), |broken| in_one_line(&broken)),
                ),
            ]
        });
        table(["ORGANIZATION", "EVENTS", "CHAINS", "STORED HEADS", "STATUS"], rows)
    }
}
