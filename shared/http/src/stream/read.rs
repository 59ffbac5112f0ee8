//! Reading an event of the trail from a record of the table's stream.

use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use latchkey::audit::{Action, Event};
use latchkey::store::{CorruptItem, read_event};
use serde_json::Value;

use super::batch::Record;

/// Why a record of the trail cannot be published: this version does not understand it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The record has no item.
    #[error("the record has no new image; the stream must be of the type NEW_IMAGE")]
    NoImage,
    /// An attribute is missing or malformed.
    #[error(transparent)]
    Item(#[from] CorruptItem),
    /// A later version wrote it, or nobody.
    #[error("the action is unknown; deploy the version that wrote it, or a later one")]
    Action,
}

/// Reads the event that `record` inserted. Ignores attributes that this version does not know.
///
/// # Errors
///
/// [`Malformed`] if it is none.
pub fn read(record: &Record) -> Result<(Action, Event), Malformed> {
    let image = record.image().ok_or(Malformed::NoImage)?;
    // What is of no type is of none that an event needs.
    let value = |value| attribute(value).unwrap_or(AttributeValue::Null(true));
    let item: HashMap<_, _> = image.iter().map(|(name, of)| (name.clone(), value(of))).collect();
    let event = read_event(&item)?;
    let action = Action::ALL.iter().find(|action| action.name() == event.action);
    Ok((*action.ok_or(Malformed::Action)?, event))
}

/// An attribute value in JSON: an object whose only field names its type. The types that events do not have are left
/// out.
fn attribute(value: &Value) -> Option<AttributeValue> {
    let (kind, inner) = value.as_object().filter(|fields| fields.len() == 1)?.iter().next()?;
    let text = || inner.as_str().map(str::to_owned);
    match kind.as_str() {
        "S" => text().map(AttributeValue::S),
        "N" => text().map(AttributeValue::N),
        "BOOL" => inner.as_bool().map(AttributeValue::Bool),
        "B" => {
            let bytes = BASE64_STANDARD.decode(inner.as_str()?).ok()?;
            Some(AttributeValue::B(Blob::new(bytes)))
        }
        "L" => {
            inner.as_array()?.iter().map(attribute).collect::<Option<_>>().map(AttributeValue::L)
        }
        "M" => {
            let fields = inner.as_object()?.iter();
            let fields = fields.map(|(name, value)| Some((name.clone(), attribute(value)?)));
            fields.collect::<Option<_>>().map(AttributeValue::M)
        }
        _ => None,
    }
}
