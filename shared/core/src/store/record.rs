//! Items: how records lie in the table. Both conversions of each record stand side by side.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::account::{Organization, ServiceAccount};
use crate::id::{KeyId, OrganizationId, ServiceAccountId};
use crate::idempotency::StoredResponse;
use crate::key::{Key, KeySpec};
use crate::scope::Scopes;
use crate::text::{KeyName, Name};
use crate::time::Timestamp;
use crate::token::TokenDigest;

use super::attribute::{Item, Reader, put_bytes, put_number, put_text, text};
use super::{CorruptItem, Deployment, StoredOrganization};

/// The sort key of an account's own item.
pub(super) const ACCOUNT: &str = "ACCOUNT";

/// What the sort keys of an account's keys start with.
pub(super) const KEY_PREFIX: &str = "KEY#";

/// The sort key of an organization's own item.
pub(super) const ORGANIZATION: &str = "ORG";

/// What the sort keys of an organization's directory entries start with.
pub(super) const DIRECTORY_PREFIX: &str = "ACCOUNT#";

/// The partition and the sort key of the deployment's own item.
pub(super) const DEPLOYMENT: &str = "DEPLOYMENT";

/// The primary key of the deployment's own item.
pub(crate) fn deployment_key() -> Item {
    primary_key(DEPLOYMENT.to_owned(), DEPLOYMENT.to_owned())
}

/// Whether an item is the deployment's own.
pub(super) fn is_deployment(item: &Item) -> bool {
    item.get("pk").is_some_and(|pk| pk.as_s().is_ok_and(|pk| pk == DEPLOYMENT))
}

pub(crate) fn deployment(item: &Item) -> Result<Deployment, CorruptItem> {
    let item = Reader(item);
    let disabled = item.optional("disabled_organizations", Reader::organization_ids)?;
    Ok(Deployment {
        disabled: disabled.unwrap_or_default(),
        organizations: item.optional("organizations", Reader::count)?,
    })
}

/// The primary key of an organization.
pub(super) fn organization_key(id: &OrganizationId) -> Item {
    primary_key(organization_partition(id), ORGANIZATION.to_owned())
}

/// The partition of an organization and the directory of its accounts.
pub(super) fn organization_partition(id: &OrganizationId) -> String {
    format!("ORG#{id}")
}

/// The primary key of an organization's entry for an account.
pub(super) fn directory_key(organization: &OrganizationId, account: &ServiceAccountId) -> Item {
    primary_key(organization_partition(organization), format!("{DIRECTORY_PREFIX}{account}"))
}

/// The id behind the prefix of an item's sort key.
pub(super) fn id_after(item: &Item, prefix: &str) -> Result<String, CorruptItem> {
    let sort_key: String = Reader(item).parse("sk")?;
    let id = sort_key.strip_prefix(prefix).ok_or(CorruptItem { attribute: "sk" })?;
    Ok(id.to_owned())
}

/// The primary key of an account.
pub(super) fn account_key(id: &ServiceAccountId) -> Item {
    primary_key(account_partition(id), ACCOUNT.to_owned())
}

/// The primary key of a key.
pub(super) fn key_key(account: &ServiceAccountId, id: &KeyId) -> Item {
    primary_key(account_partition(account), key_sort_key(id.as_ref()))
}

/// The sort key of a key.
pub(super) fn key_sort_key(id: &str) -> String {
    format!("{KEY_PREFIX}{id}")
}

/// The id of a key, by its sort key.
pub(super) fn key_id(item: &Item) -> Result<KeyId, CorruptItem> {
    id_after(item, KEY_PREFIX)?.parse().map_err(|_| CorruptItem { attribute: "sk" })
}

/// The partition of an account and all of its keys.
pub(super) fn account_partition(id: &ServiceAccountId) -> String {
    format!("ACCOUNT#{id}")
}

pub(super) fn primary_key(partition: String, sort: String) -> Item {
    Item::from([
        ("pk".to_owned(), AttributeValue::S(partition)),
        ("sk".to_owned(), AttributeValue::S(sort)),
    ])
}

/// An organization with its first account.
pub(super) fn organization_item(organization: &Organization) -> Item {
    let mut item = organization_key(&organization.id);
    put_number(&mut item, "accounts", 1);
    put_text(&mut item, "organization", &organization.id);
    put_text(&mut item, "name", &organization.name);
    put_number(&mut item, "created_at", organization.created_at.as_millis());
    item
}

pub(super) fn organization(item: &Item) -> Result<Organization, CorruptItem> {
    let item = Reader(item);
    Ok(Organization {
        id: item.parse("organization")?,
        name: item.text("name", Name::stored)?,
        created_at: item.timestamp("created_at")?,
    })
}

/// An organization, and whether its deletion has begun.
pub(super) fn stored_organization(item: &Item) -> Result<StoredOrganization, CorruptItem> {
    let deleting = item.contains_key("deleting");
    Ok(StoredOrganization { organization: organization(item)?, deleting })
}

/// An organization's entry for one of its accounts: what listing accounts reads.
pub(super) fn directory_item(account: &ServiceAccount) -> Item {
    directory_key(&account.organization, &account.id)
}

/// The account of a directory entry.
pub(super) fn directory_account(item: &Item) -> Result<ServiceAccountId, CorruptItem> {
    id_after(item, DIRECTORY_PREFIX)?.parse().map_err(|_| CorruptItem { attribute: "sk" })
}

/// An account with its first `live_keys` keys. `revision` grows with each write to the count.
pub(super) fn account_item(account: &ServiceAccount, live_keys: u32) -> Item {
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

pub(super) fn account(item: &Item) -> Result<ServiceAccount, CorruptItem> {
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

/// What an account says of its live keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeyCount {
    /// How many there are at most.
    pub(super) bound: i64,
    /// Grows with each write to the count.
    pub(super) revision: i64,
    /// Grows whenever a key ends other than by an expiry that it had from the start: it is revoked or
    /// rotated.
    pub(super) ended: i64,
    /// What the last recount says of an account that was full.
    pub(super) full: Option<Full>,
    /// What the last recount found, so that the next one need not look at dead keys again.
    pub(super) counted: Counted,
}

/// How far a recount got: of the keys before `to`, only `live` and `more` others can be live still.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Counted {
    /// No key is added before this one; `None` before the first recount.
    pub(super) to: Option<KeyId>,
    /// The first keys before it that were live.
    pub(super) live: Vec<KeyId>,
    /// How many others before it were live.
    pub(super) more: u32,
    /// When the first of those others expires, if any does.
    pub(super) more_until: Option<Timestamp>,
    /// [`KeyCount::ended`] when they were counted: if it has grown since, fewer may be live.
    pub(super) ended: i64,
}

/// An account that a recount found full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full {
    /// The account's revision since: any other write to the count may have made room.
    pub(super) revision: i64,
    /// How many live keys there are, at least.
    pub(super) live: u32,
    /// When the first of them expires, if any does.
    pub(super) until: Option<Timestamp>,
}

impl KeyCount {
    /// Whether the account is known to hold at least `limit` live keys.
    pub(super) fn is_full(&self, limit: u32, now: Timestamp) -> bool {
        self.full.is_some_and(|full| {
            full.revision == self.revision
                && full.live >= limit
                && full.until.is_none_or(|until| now < until)
        })
    }
}

impl Counted {
    /// Whether fewer of the keys that are not remembered may be live than were counted.
    pub(super) fn is_stale(&self, ended: i64, now: Timestamp) -> bool {
        self.more > 0 && (self.ended != ended || self.more_until.is_some_and(|until| until <= now))
    }
}

pub(super) fn key_count(item: &Item) -> Result<KeyCount, CorruptItem> {
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

/// A key of which a recount reads no more than when it ends.
pub(super) fn counted_key(item: &Item) -> Result<(KeyId, Option<Timestamp>), CorruptItem> {
    Ok((key_id(item)?, Reader(item).optional("expires_at", Reader::timestamp)?))
}

/// The attribute of a list of keys.
pub(super) fn key_ids(ids: &[KeyId]) -> AttributeValue {
    AttributeValue::L(ids.iter().map(text).collect())
}

/// A key, which the table forgets `retention` after its end.
pub(super) fn key_item(key: &Key, retention: Duration) -> Item {
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
    if let Some(ttl) = key.ttl(retention) {
        put_number(&mut item, "ttl", ttl);
    }
    item
}

/// The attribute of a key's name; none for a key without one.
pub(super) fn name(name: &Option<KeyName>) -> Option<AttributeValue> {
    name.as_ref().map(|name| AttributeValue::S(name.to_string()))
}

/// The attribute of a key's scopes; none for full access.
pub(super) fn scopes(scopes: &Scopes) -> Option<AttributeValue> {
    let list = scopes.as_slice().iter().map(|scope| AttributeValue::S(scope.to_string()));
    (!scopes.is_full_access()).then(|| AttributeValue::L(list.collect()))
}

/// The condition that a key has exactly these scopes, and the value of its `:had`, if it has that.
pub(super) fn has_scopes(known: &Scopes) -> (&'static str, Option<AttributeValue>) {
    match scopes(known) {
        Some(list) => ("scopes = :had", Some(list)),
        None => ("attribute_not_exists(scopes)", None),
    }
}

pub(super) fn key(item: &Item) -> Result<Key, CorruptItem> {
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

/// The primary key of a response kept for a repeated request.
pub(super) fn response_key(id: &str) -> Item {
    primary_key(format!("IDEMPOTENCY#{id}"), "IDEMPOTENCY".to_owned())
}

pub(super) fn response_item(response: &StoredResponse) -> Item {
    let mut item = response_key(&response.id);
    put_text(&mut item, "id", &response.id);
    put_bytes(&mut item, "fingerprint", &response.fingerprint);
    put_bytes(&mut item, "sealed", &response.sealed);
    put_number(&mut item, "expires_at", response.expires_at.as_millis());
    put_number(&mut item, "ttl", response.expires_at.as_seconds_ceil());
    item
}

pub(super) fn response(item: &Item) -> Result<StoredResponse, CorruptItem> {
    let item = Reader(item);
    let fingerprint = item.bytes("fingerprint")?.try_into();
    Ok(StoredResponse {
        id: item.parse("id")?,
        fingerprint: fingerprint.map_err(|_| CorruptItem { attribute: "fingerprint" })?,
        sealed: item.bytes("sealed")?.to_vec(),
        expires_at: item.timestamp("expires_at")?,
    })
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;
    use crate::scope::Scope;
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
        assert_eq!(super::key(&key_item(&key, Duration::ZERO)), Ok(key.clone()));
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
        let item = key_item(&bare, Duration::ZERO);
        assert!(!item.contains_key("ttl"));
        assert_eq!(super::key(&item), Ok(bare));
    }

    #[test]
    fn a_damaged_attribute_is_named_and_never_trusted() {
        let item = key_item(&full_key(), Duration::ZERO);
        for attribute in item.keys().filter(|name| !matches!(name.as_str(), "pk" | "sk" | "ttl")) {
            for value in [AttributeValue::Null(true), AttributeValue::L(vec![])] {
                let mut damaged = item.clone();
                damaged.insert(attribute.clone(), value);
                let error = super::key(&damaged).expect_err(attribute);
                assert_eq!(error.attribute, attribute);
            }
        }
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
        let organization = Organization {
            id: "acme".parse().expect("an id"),
            name: "Acme".parse().expect("a name"),
            created_at: at(1),
        };
        assert_eq!(super::organization(&organization_item(&organization)), Ok(organization));
    }
}
