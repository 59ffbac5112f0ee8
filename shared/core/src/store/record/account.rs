//! Accounts and their counts of keys.

use aws_sdk_dynamodb::types::AttributeValue;

use crate::account::ServiceAccount;
use crate::id::KeyId;
use crate::store::CorruptItem;
use crate::store::attribute::{Item, Reader, put_number, put_text, text};
use crate::text::Name;
use crate::time::Timestamp;

use super::{account_key, key_id};

/// Returns the item of an account with its first `live_keys` keys. `revision` increases with each write to
/// the count.
pub(in crate::store) fn account_item(account: &ServiceAccount, live_keys: u32) -> Item {
    let mut item = account_key(&account.id);
    put_text(&mut item, "id", &account.id);
    put_text(&mut item, "organization", &account.organization);
    put_text(&mut item, "name", &account.name);
    put_text(&mut item, "description", &account.description);
    item.insert("disabled".to_owned(), AttributeValue::Bool(account.disabled));
    put_text(&mut item, "created_by", &account.created_by);
    put_number(&mut item, "created_at", account.created_at.as_millis());
    put_number(&mut item, "updated_at", account.updated_at.as_millis());
    put_number(&mut item, "live_keys", live_keys.into());
    put_number(&mut item, "revision", 0);
    item
}

pub(in crate::store) fn account(item: &Item) -> Result<ServiceAccount, CorruptItem> {
    let item = Reader(item);
    Ok(ServiceAccount {
        id: item.parse("id")?,
        organization: item.parse("organization")?,
        name: item.text("name", Name::stored)?,
        description: item.parse("description")?,
        disabled: item.boolean("disabled")?,
        created_by: item.parse("created_by")?,
        created_at: item.timestamp("created_at")?,
        updated_at: item.timestamp("updated_at")?,
    })
}

/// An account's data about its live keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) struct KeyCount {
    /// The upper bound of the number of live keys.
    pub(in crate::store) bound: i64,
    /// Increases with each write to the count.
    pub(in crate::store) revision: i64,
    /// Increases whenever a key is revoked or rotated, but not when it reaches its original expiry.
    pub(in crate::store) ended: i64,
    /// The result of the last recount, if it found the account full.
    pub(in crate::store) full: Option<Full>,
    /// The progress of the last recount, so that the next one can skip keys that have ended.
    pub(in crate::store) counted: Counted,
}

/// The progress of a recount: of the keys before `to`, only `live` and `more` others can still be live.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::store) struct Counted {
    /// No key is added before this ID; `None` before the first recount.
    pub(in crate::store) to: Option<KeyId>,
    /// The first live keys before `to`.
    pub(in crate::store) live: Vec<KeyId>,
    /// The number of other live keys before `to`.
    pub(in crate::store) more: u32,
    /// The earliest expiry of those others, if any.
    pub(in crate::store) more_until: Option<Timestamp>,
    /// The value of [`KeyCount::ended`] at the time of counting. If it has increased since, fewer keys may be
    /// live.
    pub(in crate::store) ended: i64,
}

/// An account that a recount found full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct Full {
    /// The account's revision at that time. Any later write to the count may have made room.
    pub(in crate::store) revision: i64,
    /// The minimum number of live keys.
    pub(in crate::store) live: u32,
    /// The earliest expiry of the live keys, if any.
    pub(in crate::store) until: Option<Timestamp>,
}

impl KeyCount {
    /// Returns whether the account is known to have at least `limit` live keys.
    pub(in crate::store) fn is_full(&self, limit: u32, now: Timestamp) -> bool {
        self.full.is_some_and(|full| {
            full.revision == self.revision
                && full.live >= limit
                && full.until.is_none_or(|until| now < until)
        })
    }
}

impl Counted {
    /// Returns whether the number of unremembered live keys may have decreased since the count.
    pub(in crate::store) fn is_stale(&self, ended: i64, now: Timestamp) -> bool {
        self.more > 0 && (self.ended != ended || self.more_until.is_some_and(|until| until <= now))
    }
}

pub(in crate::store) fn key_count(item: &Item) -> Result<KeyCount, CorruptItem> {
    let item = Reader(item);
    let full = item.optional("full_revision", Reader::number)?.map(|revision| {
        Ok(Full {
            revision,
            live: item.count("full_live")?,
            until: item.optional("full_until", Reader::timestamp)?,
        })
    });
    Ok(KeyCount {
        bound: item.number("live_keys")?,
        revision: item.number("revision")?,
        ended: item.optional("ended", Reader::number)?.unwrap_or_default(),
        full: full.transpose()?,
        counted: Counted {
            to: item.optional("counted_to", Reader::parse)?,
            live: item.optional("counted_live", Reader::key_ids)?.unwrap_or_default(),
            more: item.optional("counted_more", Reader::count)?.unwrap_or_default(),
            more_until: item.optional("counted_more_until", Reader::timestamp)?,
            ended: item.optional("counted_ended", Reader::number)?.unwrap_or_default(),
        },
    })
}

/// Reads the ID and the expiry of a key, which is all that a recount needs.
pub(in crate::store) fn counted_key(
    item: &Item,
) -> Result<(KeyId, Option<Timestamp>), CorruptItem> {
    Ok((key_id(item)?, Reader(item).optional("expires_at", Reader::timestamp)?))
}

/// Creates the attribute of a list of keys.
pub(in crate::store) fn key_ids(ids: &[KeyId]) -> AttributeValue {
    AttributeValue::L(ids.iter().map(text).collect())
}

#[cfg(test)]
mod tests {
    use super::super::{organization, organization_item};
    use super::*;
    use crate::account::Organization;
    use crate::id::ServiceAccountId;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis).expect("in range")
    }

    #[test]
    fn an_account_and_an_organization_survive_writing_and_reading() {
        let account = ServiceAccount {
            id: "ACC".parse().expect("an id"),
            organization: "acme".parse().expect("an id"),
            name: "ci".parse().expect("a name"),
            description: "".parse().expect("a description"),
            disabled: true,
            created_by: ServiceAccountId::root(),
            created_at: at(1),
            updated_at: at(2),
        };
        let item = account_item(&account, 3);
        assert_eq!(super::account(&item), Ok(account));
        let counted = Counted::default();
        let count = KeyCount { bound: 3, revision: 0, ended: 0, full: None, counted };
        assert_eq!(key_count(&item), Ok(count));
        let acme = Organization {
            id: "acme".parse().expect("an id"),
            name: "Acme".parse().expect("a name"),
            created_at: at(1),
        };
        assert_eq!(organization(&organization_item(&acme, None)), Ok(acme));
    }
}
