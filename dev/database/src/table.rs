//! The table as the template defines it. A test compares the two.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::operation::create_table::builders::CreateTableFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, CreateGlobalSecondaryIndexAction, GlobalSecondaryIndex,
    GlobalSecondaryIndexUpdate, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType, TimeToLiveSpecification,
};

/// An attribute of a key: its name, its type, and its place.
type KeyAttribute = (&'static str, ScalarAttributeType, KeyType);

/// The primary key.
const KEYS: [KeyAttribute; 2] =
    [("pk", ScalarAttributeType::S, KeyType::Hash), ("sk", ScalarAttributeType::S, KeyType::Range)];

/// The index of keys to look at again, because they end soon or nobody uses them.
pub const REVIEWS: &str = "reviews";

/// The key of [`REVIEWS`]: a shard, and a time in milliseconds.
const REVIEW_KEYS: [KeyAttribute; 2] = [
    ("review", ScalarAttributeType::S, KeyType::Hash),
    ("review_at", ScalarAttributeType::N, KeyType::Range),
];

/// The attribute for DynamoDB's time to live.
pub const TTL_ATTRIBUTE: &str = "ttl";

/// Creates the table with its index and its settings unless it exists. Returns whether it is new.
///
/// # Errors
///
/// DynamoDB's error.
pub async fn create(client: &Client, name: &str) -> Result<bool, aws_sdk_dynamodb::Error> {
    match with_index(without_index(client, name)?)?.send().await {
        Err(error)
            if error.as_service_error().is_some_and(|e| e.is_resource_in_use_exception()) =>
        {
            return Ok(false);
        }
        created => created?,
    };
    let ttl =
        TimeToLiveSpecification::builder().enabled(true).attribute_name(TTL_ATTRIBUTE).build()?;
    client.update_time_to_live().table_name(name).time_to_live_specification(ttl).send().await?;
    Ok(true)
}

/// Adds the index to a table of version 0.1.0, unless the table has it.
///
/// # Errors
///
/// DynamoDB's error.
pub async fn add_index(client: &Client, name: &str) -> Result<(), aws_sdk_dynamodb::Error> {
    let described = client.describe_table().table_name(name).send().await?;
    let indexes = described.table.and_then(|table| table.global_secondary_indexes);
    let known = indexes.unwrap_or_default();
    if known.iter().any(|index| index.index_name.as_deref() == Some(REVIEWS)) {
        return Ok(());
    }
    let create = CreateGlobalSecondaryIndexAction::builder()
        .index_name(REVIEWS)
        .set_key_schema(Some(schema(REVIEW_KEYS)?))
        .projection(keys_only())
        .build()?;
    let update = GlobalSecondaryIndexUpdate::builder().create(create).build();
    let mut request = client.update_table().table_name(name).global_secondary_index_updates(update);
    for attribute in KEYS.into_iter().chain(REVIEW_KEYS) {
        request = request.attribute_definitions(definition(attribute)?);
    }
    request.send().await?;
    Ok(())
}

/// The request for a table like those of version 0.1.0, which have no index.
///
/// # Errors
///
/// If a part of the request lacks a field.
pub fn without_index(client: &Client, name: &str) -> Result<CreateTableFluentBuilder, BuildError> {
    let mut request = client
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest)
        .set_key_schema(Some(schema(KEYS)?));
    for attribute in KEYS {
        request = request.attribute_definitions(definition(attribute)?);
    }
    Ok(request)
}

/// Adds the index to the request for a table.
///
/// # Errors
///
/// If a part of the request lacks a field.
pub fn with_index(
    mut request: CreateTableFluentBuilder,
) -> Result<CreateTableFluentBuilder, BuildError> {
    for attribute in REVIEW_KEYS {
        request = request.attribute_definitions(definition(attribute)?);
    }
    let index = GlobalSecondaryIndex::builder()
        .index_name(REVIEWS)
        .set_key_schema(Some(schema(REVIEW_KEYS)?))
        .projection(keys_only())
        .build()?;
    Ok(request.global_secondary_indexes(index))
}

fn definition((name, attribute_type, _): KeyAttribute) -> Result<AttributeDefinition, BuildError> {
    AttributeDefinition::builder().attribute_name(name).attribute_type(attribute_type).build()
}

fn keys_only() -> Projection {
    Projection::builder().projection_type(ProjectionType::KeysOnly).build()
}

fn schema(keys: [KeyAttribute; 2]) -> Result<Vec<KeySchemaElement>, BuildError> {
    let element = |(name, _, key_type)| {
        KeySchemaElement::builder().attribute_name(name).key_type(key_type).build()
    };
    keys.into_iter().map(element).collect()
}
