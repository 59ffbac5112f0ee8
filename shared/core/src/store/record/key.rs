//! Keys.

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::builders::UpdateBuilder;

use crate::id::KeyId;
use crate::key::{Key, KeySpec};
use crate::policy::KeyPolicy;
use crate::scope::Scopes;
use crate::store::CorruptItem;
use crate::store::attribute::{Item, Reader, put_bytes, put_number, put_text};
use crate::text::KeyName;
use crate::time::Timestamp;
use crate::token::TokenDigest;

use super::{key_key, require_attributes};

/// The attributes of the index of keys to review: the shard of the key, and when to look at it next. A key without
/// them is not in the index.
pub(in crate::store) const REVIEW: [&str; 2] = ["review", "review_at"];

/// The number of shards of that index. Each takes 1,000 write units a second, as any partition.
/// Source: <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html>
pub(in crate::store) const REVIEW_SHARDS: u8 = 8;

/// Returns the item of a key that is written at `now`. `policy` says when the table deletes it after its end, and when
/// to look at it first.
pub(in crate::store) fn key_item(key: &Key, policy: &KeyPolicy, now: Timestamp) -> Item {
    let mut item = key_key(&key.spec.account, &key.id);
    put_text(&mut item, "id", &key.id);
    put_text(&mut item, "account", &key.spec.account);
    put_text(&mut item, "key_prefix", &key.key_prefix);
    put_bytes(&mut item, "digest", key.digest.as_bytes());
    for (attribute, value) in [("name", name(&key.spec.name)), ("scopes", scopes(&key.spec.scopes))]
    {
        item.extend(value.map(|value| (attribute.to_owned(), value)));
    }
    if let Some(created_by) = &key.spec.created_by {
        put_text(&mut item, "created_by", created_by);
    }
    put_number(&mut item, "created_at", key.created_at.as_millis());
    put_number(&mut item, "updated_at", key.updated_at.as_millis());
    if let Some(expires_at) = key.spec.expires_at {
        put_number(&mut item, "expires_at", expires_at.as_millis());
    }
    if let Some(revoked_at) = key.revoked_at {
        put_number(&mut item, "revoked_at", revoked_at.as_millis());
    }
    if let Some(last_used_at) = key.last_used_at {
        put_number(&mut item, "last_used_at", last_used_at.as_millis());
    }
    if let Some(rotated_from) = &key.rotated_from {
        put_text(&mut item, "rotated_from", rotated_from);
    }
    if let Some(rotated_to) = &key.rotated_to {
        put_text(&mut item, "rotated_to", rotated_to);
    }
    if let Some(ttl) = key.ttl(policy.retention) {
        put_number(&mut item, "ttl", ttl);
    }
    if let Some(at) = policy.warnings.next(key, None, now) {
        put_text(&mut item, REVIEW[0], &review_shard(&key.id));
        put_number(&mut item, REVIEW[1], at.as_millis());
    }
    item
}

/// The shard of a key in the index of keys to review.
pub(in crate::store) fn review_shard(key: &KeyId) -> u8 {
    // The last characters of an ID are random.
    key.as_ref().bytes().last().unwrap_or_default() % REVIEW_SHARDS
}

/// A key with what the table knows of its next review.
#[derive(Debug)]
pub(in crate::store) struct Reviewed {
    pub(in crate::store) key: Key,
    /// When to look at it.
    pub(in crate::store) at: Option<Timestamp>,
    /// The idle time that was announced, by its beginning.
    pub(in crate::store) told: Option<Timestamp>,
}

pub(in crate::store) fn reviewed(item: &Item) -> Result<Reviewed, CorruptItem> {
    let reader = Reader(item);
    Ok(Reviewed {
        key: key(item)?,
        at: reader.optional(REVIEW[1], Reader::timestamp)?,
        told: reader.optional("unused_warned", Reader::timestamp)?,
    })
}

/// Creates the attribute of a key's name; `None` for a key without a name.
pub(in crate::store) fn name(name: &Option<KeyName>) -> Option<AttributeValue> {
    name.as_ref().map(|name| AttributeValue::S(name.to_string()))
}

/// Creates the attribute of a key's scopes; `None` for full access.
pub(in crate::store) fn scopes(scopes: &Scopes) -> Option<AttributeValue> {
    let list = scopes.as_slice().iter().map(|scope| AttributeValue::S(scope.to_string()));
    (!scopes.is_full_access()).then(|| AttributeValue::L(list.collect()))
}

/// Makes an update conditional on `condition`, and on a key that still has these attributes as in `known`.
pub(in crate::store) fn require_same(
    update: UpdateBuilder,
    condition: &str,
    known: &Key,
    attributes: &[&str],
) -> UpdateBuilder {
    let item = key_item(known, &KeyPolicy::default(), known.updated_at);
    require_attributes(update, condition, item, attributes)
}

pub(in crate::store) fn key(item: &Item) -> Result<Key, CorruptItem> {
    let item = Reader(item);
    let digest = TokenDigest::try_from(item.bytes("digest")?);
    Ok(Key {
        id: item.parse("id")?,
        spec: KeySpec {
            account: item.parse("account")?,
            name: item.optional("name", |item, name| item.text(name, KeyName::stored))?,
            scopes: item.optional("scopes", Reader::scopes)?.unwrap_or_default(),
            expires_at: item.optional("expires_at", Reader::timestamp)?,
            created_by: item.optional("created_by", Reader::parse)?,
        },
        key_prefix: item.parse("key_prefix")?,
        digest: digest.map_err(|_| CorruptItem { attribute: "digest" })?,
        created_at: item.timestamp("created_at")?,
        updated_at: item.timestamp("updated_at")?,
        revoked_at: item.optional("revoked_at", Reader::timestamp)?,
        last_used_at: item.optional("last_used_at", Reader::timestamp)?,
        rotated_from: item.optional("rotated_from", Reader::parse)?,
        rotated_to: item.optional("rotated_to", Reader::parse)?,
    })
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;
    use crate::id::ServiceAccountId;
    use crate::scope::Scope;
    use crate::time::Timestamp;
    use crate::token::Prefix;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis).expect("in range")
    }

    fn full_key() -> Key {
        let mut rng = StdRng::seed_from_u64(1);
        let scopes =
            ["keys.write", "audit.read"].map(|text| text.parse::<Scope>().expect("a scope"));
        let spec = KeySpec {
            account: ServiceAccountId::mint(&mut rng, at(0)).expect("infallible"),
            name: Some("ci".parse().expect("a name")),
            scopes: scopes.into_iter().collect(),
            expires_at: Some(at(10_000)),
            created_by: Some("KEY".parse().expect("an id")),
        };
        let (key, _) = Key::mint(&mut rng, at(5), &Prefix::default(), spec).expect("infallible");
        Key {
            revoked_at: Some(at(9_000)),
            last_used_at: Some(at(8_000)),
            rotated_from: Some("OLD".parse().expect("an id")),
            rotated_to: Some("NEW".parse().expect("an id")),
            ..key
        }
    }

    #[test]
    fn a_key_survives_writing_and_reading() {
        let key = full_key();
        assert_eq!(
            super::key(&key_item(&key, &KeyPolicy::default(), Timestamp::UNIX_EPOCH)),
            Ok(key.clone())
        );
        let bare = Key {
            revoked_at: None,
            last_used_at: None,
            rotated_from: None,
            rotated_to: None,
            spec: KeySpec {
                name: None,
                scopes: Scopes::full_access(),
                expires_at: None,
                created_by: None,
                ..key.spec
            },
            ..key
        };
        let item = key_item(&bare, &KeyPolicy::default(), Timestamp::UNIX_EPOCH);
        assert!(!item.contains_key("ttl"));
        assert_eq!(super::key(&item), Ok(bare));
    }

    #[test]
    fn a_damaged_attribute_is_named_and_never_trusted() {
        let item = key_item(&full_key(), &KeyPolicy::default(), Timestamp::UNIX_EPOCH);
        for attribute in item.keys().filter(|name| !matches!(name.as_str(), "pk" | "sk" | "ttl")) {
            for value in [AttributeValue::Null(true), AttributeValue::L(vec![])] {
                let mut damaged = item.clone();
                damaged.insert(attribute.clone(), value);
                let error = super::key(&damaged).expect_err(attribute);
                assert_eq!(error.attribute, attribute);
            }
        }
    }
}
