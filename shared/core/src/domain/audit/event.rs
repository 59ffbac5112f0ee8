//! Events, and the digests that chain them.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use sha2::{Digest as _, Sha256};

use crate::id::OrganizationId;

use super::{Actor, AuditPolicy, Author, Digest, Draft, EventTime, Head, Origin, Resource};

/// A change as the trail has it. The kinds are texts, so that a version that does not know one can read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The organization whose trail has the event; `None` for the deployment's own trail.
    pub trail: Option<OrganizationId>,
    /// When it happened; unique in its trail.
    pub time: EventTime,
    /// The name of the [`Chain`](super::Chain) that it extends.
    pub chain: String,
    /// Its number in the chain, from 1.
    pub sequence: u64,
    /// The digest of the event before it in the chain.
    pub previous: Digest,
    /// When the table deletes the event before it, in seconds since the Unix epoch.
    pub previous_ttl: Option<i64>,
    /// What was done: the name of an [`Action`](super::Action).
    pub action: String,
    /// Who did it.
    pub actor: Actor,
    /// What was changed.
    pub resource: Resource,
    /// Where the change came from.
    pub origin: Origin,
    /// The changed fields.
    pub changes: BTreeMap<String, Change>,
    /// When the table deletes the event, in seconds since the Unix epoch; `None` for never.
    pub ttl: Option<i64>,
    /// The digest of all of this, as it was stored.
    pub digest: Digest,
}

/// The change of a field.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Change {
    /// The value before; `None` if the field had none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<Value>,
    /// The value since; `None` if the field has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<Value>,
}

/// The value of a field.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(untagged)]
pub enum Value {
    /// A text, or a time in RFC 3339.
    Text(String),
    /// A list of texts, such as scopes.
    List(Vec<String>),
    /// Yes or no.
    Flag(bool),
}

impl Value {
    /// Creates a text.
    pub fn text(value: &(impl ToString + ?Sized)) -> Self {
        Self::Text(value.to_string())
    }

    /// Returns whether this is a text without characters.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Text(text) if text.is_empty())
    }
}

impl Event {
    /// Creates the event of `draft` after `previous`, the chain's head. Its time is in the millisecond of the change
    /// or, if the chain or `not_before` is later, then.
    pub fn after(
        previous: Option<&Head>,
        draft: &Draft,
        author: &Author,
        policy: &AuditPolicy,
        not_before: Option<EventTime>,
    ) -> Self {
        let sequence = previous.map_or(0, |head| head.sequence).saturating_add(1);
        let time = EventTime::within(draft.at, place(draft.chain.name(), sequence));
        let after = [previous.map(|head| head.time), draft.after].into_iter().flatten();
        let earliest = after.map(EventTime::next).chain(not_before).max();
        let time = earliest.map_or(time, |earliest| time.max(earliest));
        let ttl = policy.retention.map(|kept| time.timestamp().saturating_add(kept));
        let mut event = Self {
            trail: draft.trail.clone(),
            time,
            chain: draft.chain.name().to_owned(),
            sequence,
            previous: previous.map_or(Digest::NONE, |head| head.digest),
            previous_ttl: previous.and_then(|head| head.ttl),
            action: draft.action.name().to_owned(),
            actor: author.actor.clone(),
            resource: draft.resource.clone(),
            origin: author.origin.clone(),
            changes: draft.changes.clone(),
            ttl: ttl.map(|ttl| ttl.as_seconds_ceil()),
            digest: Digest::NONE,
        };
        event.digest = event.computed_digest();
        event
    }

    /// The event's ID, which no other event has: its time and the beginning of its digest.
    pub fn id(&self) -> String {
        let [a, b, c, d, ..] = self.digest.0;
        format!("{:016}-{a:02x}{b:02x}{c:02x}{d:02x}", self.time.as_micros())
    }

    /// The head of a chain that ends with this event.
    pub fn head(&self) -> Head {
        Head { sequence: self.sequence, time: self.time, ttl: self.ttl, digest: self.digest }
    }

    /// Returns the digest of the event as it is now, which differs from `digest` if anyone has edited it.
    ///
    /// SHA-256 over every field in a fixed order, each with its length, so that no two events have the same input.
    pub fn computed_digest(&self) -> Digest {
        let mut fields = Fields(Sha256::new());
        fields.text(Some("latchkey/audit/1"));
        fields.text(self.trail.as_ref().map(AsRef::as_ref));
        fields.number(Some(self.time.as_micros()));
        fields.text(Some(&self.chain));
        fields.number(i64::try_from(self.sequence).ok());
        fields.bytes(Some(&self.previous.0));
        fields.number(self.previous_ttl);
        fields.number(self.ttl);
        fields.text(Some(&self.action));
        let Actor { kind, id, key } = &self.actor;
        fields.texts([Some(kind), id.as_ref(), key.as_ref()]);
        let Resource { kind, id, account } = &self.resource;
        fields.texts([Some(kind), Some(id), account.as_ref()]);
        let Origin { request, source_ip, user_agent } = &self.origin;
        fields.texts([request.as_ref(), source_ip.as_ref(), user_agent.as_ref()]);
        fields.count(self.changes.len());
        for (field, Change { old, new }) in &self.changes {
            fields.text(Some(field));
            fields.value(old.as_ref());
            fields.value(new.as_ref());
        }
        Digest(fields.0.finalize().into())
    }
}

/// Returns the microsecond of an event within its millisecond. It differs between chains, so that two changes at the
/// same time rarely want the same place in their trail.
fn place(chain: &str, sequence: u64) -> u16 {
    let mut hasher = DefaultHasher::new();
    (chain, sequence).hash(&mut hasher);
    (hasher.finish() % 1000) as u16
}

/// Feeds a digest.
struct Fields(Sha256);

impl Fields {
    fn bytes(&mut self, bytes: Option<&[u8]>) {
        // No field has as many bytes as the marker of a missing one.
        self.0.update(bytes.map_or(u64::MAX, |bytes| bytes.len() as u64).to_be_bytes());
        self.0.update(bytes.unwrap_or_default());
    }

    fn text(&mut self, text: Option<&str>) {
        self.bytes(text.map(str::as_bytes));
    }

    fn texts(&mut self, texts: [Option<&String>; 3]) {
        for text in texts {
            self.text(text.map(String::as_str));
        }
    }

    fn number(&mut self, number: Option<i64>) {
        self.bytes(number.map(i64::to_be_bytes).as_ref().map(<[u8; 8]>::as_slice));
    }

    fn count(&mut self, count: usize) {
        self.0.update((count as u64).to_be_bytes());
    }

    fn value(&mut self, value: Option<&Value>) {
        match value {
            None => self.text(None),
            Some(Value::Text(text)) => {
                self.text(Some("text"));
                self.text(Some(text));
            }
            Some(Value::List(list)) => {
                self.text(Some("list"));
                self.count(list.len());
                for text in list {
                    self.text(Some(text));
                }
            }
            Some(Value::Flag(flag)) => {
                self.text(Some("flag"));
                self.bytes(Some(&[u8::from(*flag)]));
            }
        }
    }
}
