//! Item attributes: conversions between Latchkey's values and DynamoDB's.

use std::collections::{HashMap, HashSet};
use std::str::FromStr;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;

use crate::id::{KeyId, OrganizationId};
use crate::scope::{Scope, Scopes};
use crate::time::Timestamp;

use super::CorruptItem;

/// An item in the SDK's form.
pub(super) type Item = HashMap<String, AttributeValue>;

pub(super) fn put_bytes(item: &mut Item, attribute: &str, value: &[u8]) {
    item.insert(attribute.to_owned(), AttributeValue::B(Blob::new(value)));
}

pub(super) fn put_text(item: &mut Item, attribute: &str, value: &impl ToString) {
    item.insert(attribute.to_owned(), text(value));
}

pub(super) fn put_number(item: &mut Item, attribute: &str, value: i64) {
    item.insert(attribute.to_owned(), number(value));
}

/// Creates a number attribute.
pub(super) fn number(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// Creates a string attribute.
pub(super) fn text(value: &(impl ToString + ?Sized)) -> AttributeValue {
    AttributeValue::S(value.to_string())
}

/// Reads the attributes of an item. Errors name the malformed attribute.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a>(pub(super) &'a Item);

impl<'a> Reader<'a> {
    pub(super) fn parse<T: FromStr>(self, attribute: &'static str) -> Result<T, CorruptItem> {
        let text = self.0.get(attribute).and_then(|value| value.as_s().ok());
        text.and_then(|text| text.parse().ok()).ok_or(CorruptItem { attribute })
    }

    /// Reads a text that may have been stored by a version with fewer rules.
    pub(super) fn text<T, E>(
        self,
        attribute: &'static str,
        stored: impl Fn(&str) -> Result<T, E>,
    ) -> Result<T, CorruptItem> {
        let text = self.0.get(attribute).and_then(|value| value.as_s().ok());
        text.and_then(|text| stored(text).ok()).ok_or(CorruptItem { attribute })
    }

    pub(super) fn number(self, attribute: &'static str) -> Result<i64, CorruptItem> {
        let number = self.0.get(attribute).and_then(|value| value.as_n().ok());
        number.and_then(|number| number.parse().ok()).ok_or(CorruptItem { attribute })
    }

    pub(super) fn bytes(self, attribute: &'static str) -> Result<&'a [u8], CorruptItem> {
        let blob = self.0.get(attribute).and_then(|value| value.as_b().ok());
        blob.map(AsRef::as_ref).ok_or(CorruptItem { attribute })
    }

    pub(super) fn timestamp(self, attribute: &'static str) -> Result<Timestamp, CorruptItem> {
        Timestamp::from_millis(self.number(attribute)?).ok_or(CorruptItem { attribute })
    }

    pub(super) fn boolean(self, attribute: &'static str) -> Result<bool, CorruptItem> {
        let value = self.0.get(attribute).and_then(|value| value.as_bool().ok());
        value.copied().ok_or(CorruptItem { attribute })
    }

    pub(super) fn scopes(self, attribute: &'static str) -> Result<Scopes, CorruptItem> {
        let scope = |value: &AttributeValue| value.as_s().ok()?.parse::<Scope>().ok();
        let values = self.0.get(attribute).and_then(|value| value.as_l().ok());
        let scopes = values.and_then(|values| values.iter().map(scope).collect::<Option<Scopes>>());
        // An empty list would mean full access, so it is never trusted.
        scopes.filter(|scopes| !scopes.is_full_access()).ok_or(CorruptItem { attribute })
    }

    pub(super) fn key_ids(self, attribute: &'static str) -> Result<Vec<KeyId>, CorruptItem> {
        let id = |value: &AttributeValue| value.as_s().ok()?.parse().ok();
        let values = self.0.get(attribute).and_then(|value| value.as_l().ok());
        let ids = values.and_then(|values| values.iter().map(id).collect());
        ids.ok_or(CorruptItem { attribute })
    }

    pub(super) fn count<T: TryFrom<i64>>(self, attribute: &'static str) -> Result<T, CorruptItem> {
        T::try_from(self.number(attribute)?).map_err(|_| CorruptItem { attribute })
    }

    pub(super) fn organization_ids(
        self,
        attribute: &'static str,
    ) -> Result<HashSet<OrganizationId>, CorruptItem> {
        let texts = self.0.get(attribute).and_then(|value| value.as_ss().ok());
        let ids = texts.and_then(|texts| texts.iter().map(|text| text.parse().ok()).collect());
        ids.ok_or(CorruptItem { attribute })
    }

    pub(super) fn optional<T>(
        self,
        attribute: &'static str,
        read: impl Fn(Reader<'a>, &'static str) -> Result<T, CorruptItem>,
    ) -> Result<Option<T>, CorruptItem> {
        self.0.contains_key(attribute).then(|| read(self, attribute)).transpose()
    }
}
