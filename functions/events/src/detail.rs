//! The published form of an audit event, version 1. `schemas/events/v1/` describes it for consumers.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::batch::{Image, Record};
use crate::kind::Kind;

/// The version of the format. A new field is no new version; a changed or missing one is.
const VERSION: u8 = 1;

/// What an event on the bus says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Detail {
    /// [`VERSION`].
    pub version: u8,
    /// The event's ID. A consumer that gets one twice ignores the second.
    pub id: String,
    /// When it happened: RFC 3339, in UTC, with microseconds.
    pub time: String,
    /// The organization. Absent for root keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// The action, by its name in the audit trail.
    pub action: &'static str,
    /// Who did it.
    pub actor: Actor,
    /// What was changed.
    pub resource: Resource,
    /// The request that did it.
    pub request: Request,
    /// The changed fields, each with its `old` and `new` value where there is one.
    pub changes: Map<String, Value>,
}

/// Who did it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Actor {
    /// `service_account`, `root_key`, `operator`, or `system`.
    pub r#type: String,
    /// The account's or root key's ID, the operator's AWS ARN, or the system's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The ID of the key that authenticated the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
}

/// What was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Resource {
    /// `api_key`, `root_key`, `service_account`, or `organization`.
    pub r#type: &'static str,
    /// Its ID.
    pub id: String,
    /// The service account of an API key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
}

/// The request that did it. All fields are absent for the command line and for a system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Request {
    /// Its ID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The caller's IP address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_ip: Option<String>,
    /// The caller's user agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
}

/// Why an item of the trail cannot be published: this version does not understand it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The record has no item.
    #[error("the record has no new image; the stream must be of the type NEW_IMAGE")]
    NoImage,
    /// An attribute is missing, or of another type or form.
    #[error("the attribute `{0}` is missing or malformed")]
    Attribute(&'static str),
    /// A later version wrote it, or nobody.
    #[error("the action is unknown; deploy the version that wrote it, or a later one")]
    Action,
}

impl Detail {
    /// Reads the item of the audit trail that `record` inserted, and what kind of event it is. Ignores attributes
    /// that it does not know.
    ///
    /// # Errors
    ///
    /// [`Malformed`] if a required attribute is missing, or an attribute has another form.
    pub fn read(record: &Record) -> Result<(Kind, Self), Malformed> {
        let item = Item(record.image().ok_or(Malformed::NoImage)?);
        let kind = Kind::of(item.text("action")?).ok_or(Malformed::Action)?;
        let key = item.text("pk")?;
        let organization = match key.strip_prefix("AUDIT#") {
            Some(id) if !id.is_empty() => Some(id.to_owned()),
            None if key == "AUDIT" => None,
            _ => return Err(Malformed::Attribute("pk")),
        };
        if item.text("resource_type")? != kind.resource_type {
            return Err(Malformed::Attribute("resource_type"));
        }
        let (micros, digest) = (item.micros()?, item.digest()?);
        let detail = Self {
            version: VERSION,
            id: format!("{micros:016}-{digest}"),
            time: rfc3339(micros).ok_or(Malformed::Attribute("sk"))?,
            organization,
            action: kind.action,
            actor: Actor {
                r#type: item.text("actor_type")?.to_owned(),
                id: item.optional("actor")?,
                key_id: item.optional("actor_key")?,
            },
            resource: Resource {
                r#type: kind.resource_type,
                id: item.text("resource")?.to_owned(),
                account_id: item.optional("account")?,
            },
            request: Request {
                id: item.optional("request")?,
                source_ip: item.optional("source_ip")?,
                user_agent: item.optional("user_agent")?,
            },
            changes: item.changes()?,
        };
        Ok((kind, detail))
    }
}

/// The attributes of an item, as the stream writes them: each is an object whose only field names its type.
struct Item<'a>(&'a Image);

impl<'a> Item<'a> {
    fn text(&self, name: &'static str) -> Result<&'a str, Malformed> {
        let text = self.0.get(name).and_then(|value| value["S"].as_str());
        text.filter(|text| !text.is_empty()).ok_or(Malformed::Attribute(name))
    }

    fn optional(&self, name: &'static str) -> Result<Option<String>, Malformed> {
        if !self.0.contains_key(name) {
            return Ok(None);
        }
        self.text(name).map(|text| Some(text.to_owned()))
    }

    /// The time, which is the sort key: microseconds since the Unix epoch, in 18 digits.
    fn micros(&self) -> Result<u64, Malformed> {
        let text = self.text("sk")?;
        let digits = text.len() == 18 && text.bytes().all(|byte| byte.is_ascii_digit());
        let micros = text.parse().ok().filter(|_| digits);
        micros.ok_or(Malformed::Attribute("sk"))
    }

    /// The first 4 bytes of the digest in hexadecimal, which tell events of the same time apart.
    fn digest(&self) -> Result<String, Malformed> {
        use base64::Engine as _;
        use base64::prelude::BASE64_STANDARD;

        let encoded = self.0.get("digest").and_then(|value| value["B"].as_str());
        let bytes = encoded.and_then(|encoded| BASE64_STANDARD.decode(encoded).ok());
        match bytes.as_deref() {
            Some([a, b, c, d, ..]) => Ok(format!("{:08x}", u32::from_be_bytes([*a, *b, *c, *d]))),
            _ => Err(Malformed::Attribute("digest")),
        }
    }

    fn changes(&self) -> Result<Map<String, Value>, Malformed> {
        let Some(changes) = self.0.get("changes") else { return Ok(Map::new()) };
        match plain(changes) {
            Some(Value::Object(changes)) if changes.values().all(Value::is_object) => Ok(changes),
            _ => Err(Malformed::Attribute("changes")),
        }
    }
}

/// The JSON of an attribute value, without its types. Recursion ends, because JSON that was parsed is not deep.
fn plain(value: &Value) -> Option<Value> {
    let (kind, inner) = value.as_object().filter(|fields| fields.len() == 1)?.iter().next()?;
    match (kind.as_str(), inner) {
        ("S", Value::String(_)) | ("BOOL", Value::Bool(_)) => Some(inner.clone()),
        ("L", Value::Array(values)) => values.iter().map(plain).collect(),
        ("M", Value::Object(fields)) => {
            let fields = fields.iter().map(|(name, value)| Some((name.clone(), plain(value)?)));
            fields.collect::<Option<Map<_, _>>>().map(Value::Object)
        }
        _ => None,
    }
}

/// Formats microseconds since the Unix epoch, or `None` after the year 9999.
fn rfc3339(micros: u64) -> Option<String> {
    let millis = i64::try_from(micros / 1000).ok()?;
    let text = latchkey::time::Timestamp::from_millis(millis)?.to_string();
    Some(format!("{}{:03}Z", text.strip_suffix('Z')?, micros % 1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_microseconds() {
        assert_eq!(rfc3339(0).as_deref(), Some("1970-01-01T00:00:00.000000Z"));
        let time = rfc3339(1_767_225_600_000_042);
        assert_eq!(time.as_deref(), Some("2026-01-01T00:00:00.000042Z"));
        let longest = rfc3339(9_999_999_999_999_999);
        assert_eq!(longest.as_deref(), Some("2286-11-20T17:46:39.999999Z"));
        assert_eq!(rfc3339(u64::MAX), None);
    }
}
