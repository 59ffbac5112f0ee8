//! Sample data: two organizations with known accounts, keys, and tokens.
//!
//! The files in `events/` present these tokens. They are not secrets, because they exist only in the
//! embedded DynamoDB of a test or of `cargo dev`.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use latchkey::account::{Organization, ServiceAccount};
use latchkey::audit::AuditPolicy;
use latchkey::error::Error;
use latchkey::id::{OrganizationId, ServiceAccountId};
use latchkey::key::{Key, KeySpec};
use latchkey::policy::KeyPolicy;
use latchkey::scope::{Scope, Scopes};
use latchkey::store::KeyStore;
use latchkey::time::Timestamp;
use latchkey::token::{Prefix, Token};
use latchkey::webhook::{Delivery, DeliveryStatus, EventTypes, LastAttempt, Webhook};
use rand::SeedableRng;
use rand::rngs::ChaCha20Rng;

/// The organization of all samples except [`OTHER_ACCOUNT`].
pub const ORGANIZATION: &str = "sample";

/// The sample organization's name.
pub const ORGANIZATION_NAME: &str = "Sample Organization";

/// Another organization.
pub const OTHER_ORGANIZATION: &str = "other";

/// The account that most samples use.
pub const ACCOUNT: &str = "SAMPLEACCOUNT001";

/// An account of the same organization with the maximum number of keys.
pub const FULL_ACCOUNT: &str = "SAMPLEACCOUNT002";

/// A disabled account of the same organization.
pub const DISABLED_ACCOUNT: &str = "SAMPLEACCOUNT003";

/// An account of the other organization.
pub const OTHER_ACCOUNT: &str = "SAMPLEACCOUNT004";

/// A webhook of the sample organization. It gets only events that no sample causes, so that the samples send nothing.
pub const WEBHOOK: &str = "SAMPLEWEBHOOK001";

/// A delivery to that webhook whose attempts all failed.
pub const FAILED_DELIVERY: &str = "SAMPLEDELIVERY001";

/// A delivery to that webhook that arrived.
pub const DELIVERED_DELIVERY: &str = "SAMPLEDELIVERY002";

/// The secret from which the signing secrets of the samples' webhooks derive.
pub const WEBHOOK_SECRET: &str = "0123456789abcdefghijABCDEFGHIJ0123456789";

/// The current time for the samples and the tests: 2026-01-01T00:00:00Z.
pub fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().expect("a date-time")
}

/// A second before [`now`]: when the samples are created according to the audit trail, so that no change by a test has
/// a time of theirs.
pub fn earlier() -> Timestamp {
    now().saturating_sub(Duration::from_secs(1))
}

/// The time `hours` after [`now`].
pub fn after_hours(hours: u64) -> Timestamp {
    now().saturating_add(Duration::from_secs(hours * 3600))
}

/// What the sample deliveries say.
const DELIVERY_BODY: &str = r#"{"type":"organization.disabled","timestamp":"2026-01-01T00:00:00.000000Z","data":{"version":1,"id":"1767225600000000-5a3c1e07","time":"2026-01-01T00:00:00.000000Z","organization":"sample","action":"organization.disable","actor":{"type":"operator"},"resource":{"type":"organization","id":"sample"},"request":{},"changes":{}}}"#;

/// The token of the full-access key.
pub fn full_access() -> String {
    SampleKey::FullAccess.token()
}

/// The sample keys, each with a token that never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SampleKey {
    /// Full access, in [`ACCOUNT`].
    FullAccess,
    /// `keys.write` and `sessions.read`, in [`ACCOUNT`].
    Minter,
    /// `keys.read`, in [`ACCOUNT`].
    Reader,
    /// Expired, in [`ACCOUNT`].
    Expired,
    /// Revoked, in [`ACCOUNT`].
    Revoked,
    /// Full access, in [`DISABLED_ACCOUNT`].
    Disabled,
    /// Full access, in [`OTHER_ACCOUNT`].
    Other,
    /// A root key.
    Root,
    /// Well-formed, but not in the table.
    Unknown,
}

impl SampleKey {
    /// The token.
    pub fn token(self) -> String {
        self.mint().1.expose().to_owned()
    }

    /// The record and its token, which are always the same.
    ///
    /// # Panics
    ///
    /// Never: the generator cannot fail.
    pub fn mint(self) -> (Key, Token) {
        let hour = Duration::from_secs(3600);
        let (account, scopes, expires_at): (_, &[&str], _) = match self {
            Self::FullAccess | Self::Revoked | Self::Unknown => (ACCOUNT, &[], None),
            Self::Minter => (ACCOUNT, &["keys.write", "sessions.read"], None),
            Self::Reader => (ACCOUNT, &["keys.read"], Some(now().saturating_add(hour * 87_600))),
            Self::Expired => (ACCOUNT, &[], Some(earlier())),
            Self::Disabled => (DISABLED_ACCOUNT, &[], None),
            Self::Other => (OTHER_ACCOUNT, &[], None),
            Self::Root => (ServiceAccountId::ROOT, &[], None),
        };
        mint(self as u64, account, scopes, expires_at)
    }
}

/// Writes the samples and replaces earlier ones.
///
/// # Errors
///
/// The error from DynamoDB or the store.
pub async fn write(client: &Client, table: &str) -> Result<(), Box<dyn std::error::Error>> {
    clear(client, table).await?;
    // The time of the samples is past, so their events would be, too.
    let audit = AuditPolicy { retention: None, ..AuditPolicy::default() };
    let store = KeyStore::new(client.clone(), table).with_audit(audit);
    let policy = KeyPolicy { key_limit: None, ..KeyPolicy::default() };
    let before = earlier();

    let (key, _) = SampleKey::FullAccess.mint();
    let organization = organization(ORGANIZATION, ORGANIZATION_NAME);
    let account = account(ACCOUNT, &organization.id);
    store.create_organization(&organization, &account, &key, &policy, before).await?;
    for key in [SampleKey::Minter, SampleKey::Reader, SampleKey::Expired, SampleKey::Revoked] {
        insert(&store, &key.mint().0, &organization.id, &policy).await?;
    }

    store
        .create_account(&self::account(FULL_ACCOUNT, &organization.id), &policy, before, None)
        .await?;
    let limit = KeyPolicy::default().key_limit.map_or(0, |limit| u64::from(limit.get()));
    for seed in 0..limit {
        let (key, _) = mint(1000 + seed, FULL_ACCOUNT, &[], None);
        insert(&store, &key, &organization.id, &policy).await?;
    }

    store
        .create_account(&self::account(DISABLED_ACCOUNT, &organization.id), &policy, before, None)
        .await?;
    insert(&store, &SampleKey::Disabled.mint().0, &organization.id, &policy).await?;

    let (key, _) = SampleKey::Other.mint();
    let other = self::organization(OTHER_ORGANIZATION, "Other Organization");
    let account = self::account(OTHER_ACCOUNT, &other.id);
    store.create_organization(&other, &account, &key, &policy, before).await?;
    store.create_root_key(&SampleKey::Root.mint().0, &policy, before, None).await?;

    write_webhook(client, table, &store, &organization.id).await?;

    let revoked = SampleKey::Revoked.mint().0;
    let at = AttributeValue::N(now().as_millis().to_string());
    set(client, table, ACCOUNT, &format!("KEY#{}", revoked.id), "revoked_at", at).await?;
    let disabled = AttributeValue::Bool(true);
    set(client, table, DISABLED_ACCOUNT, "ACCOUNT", "disabled", disabled).await?;
    Ok(())
}

async fn insert(
    store: &KeyStore,
    key: &Key,
    organization: &OrganizationId,
    policy: &KeyPolicy,
) -> Result<(), Error> {
    store.insert_key(key, organization, policy, earlier(), None).await?;
    Ok(())
}

/// Writes the webhook and its deliveries.
async fn write_webhook(
    client: &Client,
    table: &str,
    store: &KeyStore,
    organization: &OrganizationId,
) -> Result<(), Box<dyn std::error::Error>> {
    let webhook = Webhook {
        id: WEBHOOK.parse()?,
        organization: organization.clone(),
        url: "https://hooks.example.com/latchkey".parse()?,
        description: "Made by the samples.".parse()?,
        events: EventTypes::select(["organization.disabled"])?,
        created_at: now(),
        updated_at: now(),
        disabled: None,
        failing_since: None,
        trouble_at: None,
    };
    store.create_webhook(&webhook, earlier(), None).await?;
    let failed = LastAttempt {
        status: Some(500),
        error: Some("the endpoint responded with 500".to_owned()),
    };
    let delivered = LastAttempt { status: Some(204), error: None };
    for (id, last) in [(FAILED_DELIVERY, failed), (DELIVERED_DELIVERY, delivered)] {
        let delivery = Delivery {
            id: id.parse()?,
            organization: organization.clone(),
            webhook: webhook.id.clone(),
            event: "1767225600000000-5a3c1e07".to_owned(),
            event_type: "organization.disabled".to_owned(),
            resource_type: "organization".to_owned(),
            resource: organization.to_string(),
            target: webhook.url.clone(),
            body: DELIVERY_BODY.to_owned(),
            status: DeliveryStatus::Pending,
            attempts: 0,
            last: LastAttempt::default(),
            created_at: now(),
            updated_at: now(),
            next_attempt_at: None,
            delivered_at: None,
            discarded_at: None,
            replayed_at: None,
            replayed_from: None,
        };
        store.create_delivery(&delivery.attempted(last, None, now())).await?;
        // The time of the samples is past, so their time to live would be, too.
        let remove = client
            .update_item()
            .table_name(table)
            .key("pk", AttributeValue::S(format!("WEBHOOKS#{organization}")))
            .key("sk", AttributeValue::S(format!("DELIVERY#{id}")))
            .update_expression("REMOVE #ttl")
            .expression_attribute_names("#ttl", "ttl");
        remove.send().await?;
    }
    Ok(())
}

/// Sets one attribute of an item directly, bypassing the store.
///
/// A key that the store revoked would be deleted at the end of its time to live.
async fn set(
    client: &Client,
    table: &str,
    account: &str,
    sort_key: &str,
    attribute: &str,
    value: AttributeValue,
) -> Result<(), aws_sdk_dynamodb::Error> {
    let update = client
        .update_item()
        .table_name(table)
        .key("pk", AttributeValue::S(format!("ACCOUNT#{account}")))
        .key("sk", AttributeValue::S(sort_key.to_owned()))
        .update_expression("SET #attribute = :value")
        .expression_attribute_names("#attribute", attribute)
        .expression_attribute_values(":value", value);
    update.send().await?;
    Ok(())
}

/// Deletes the samples and every key created for their accounts; other data stays.
async fn clear(client: &Client, table: &str) -> Result<(), aws_sdk_dynamodb::Error> {
    let organizations = [ORGANIZATION, OTHER_ORGANIZATION].map(|id| format!("ORG#{id}"));
    let accounts = [ACCOUNT, FULL_ACCOUNT, DISABLED_ACCOUNT, OTHER_ACCOUNT];
    let accounts = accounts.map(|id| format!("ACCOUNT#{id}"));
    // Resets the count of organizations, because these are deleted without updating it.
    delete(client, table, "DEPLOYMENT", "DEPLOYMENT").await?;
    let root = SampleKey::Root.mint().0;
    delete(client, table, "ACCOUNT#ROOT", &format!("KEY#{}", root.id)).await?;
    let trails = [ORGANIZATION, OTHER_ORGANIZATION].map(|id| format!("AUDIT#{id}"));
    let trails = trails.into_iter().chain(["AUDIT".to_owned()]).collect::<Vec<_>>();
    let webhooks = [ORGANIZATION, OTHER_ORGANIZATION].map(|id| format!("WEBHOOKS#{id}"));
    for partition in organizations.iter().chain(&accounts).chain(&trails).chain(&webhooks) {
        let query = client
            .query()
            .table_name(table)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", AttributeValue::S(partition.clone()))
            .into_paginator()
            .items()
            .send();
        for item in query.collect::<Result<Vec<_>, _>>().await? {
            if let Some(AttributeValue::S(sort_key)) = item.get("sk") {
                delete(client, table, partition, sort_key).await?;
            }
        }
    }
    Ok(())
}

async fn delete(
    client: &Client,
    table: &str,
    partition: &str,
    sort_key: &str,
) -> Result<(), aws_sdk_dynamodb::Error> {
    let delete = client
        .delete_item()
        .table_name(table)
        .key("pk", AttributeValue::S(partition.to_owned()))
        .key("sk", AttributeValue::S(sort_key.to_owned()));
    delete.send().await?;
    Ok(())
}

fn organization(id: &str, name: &str) -> Organization {
    Organization {
        id: id.parse().expect("an id"),
        name: name.parse().expect("a name"),
        created_at: now(),
    }
}

fn account(id: &str, organization: &OrganizationId) -> ServiceAccount {
    ServiceAccount {
        id: id.parse().expect("an id"),
        organization: organization.clone(),
        name: format!("sample account {id}").parse().expect("a name"),
        description: "Made by the samples.".parse().expect("a description"),
        disabled: false,
        created_by: ServiceAccountId::root(),
        created_at: now(),
        updated_at: now(),
    }
}

/// `ChaCha20` with a seed: unlike other generators in `rand`, it gives the same output in every version.
fn mint(seed: u64, account: &str, scopes: &[&str], expires_at: Option<Timestamp>) -> (Key, Token) {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let scopes: Scopes =
        scopes.iter().map(|scope| scope.parse::<Scope>().expect("a scope")).collect();
    let spec = KeySpec {
        account: account.parse().expect("an id"),
        name: Some("sample".parse().expect("a name")),
        scopes,
        expires_at,
        created_by: None,
    };
    Key::mint(&mut rng, now(), &Prefix::default(), spec).expect("infallible")
}
