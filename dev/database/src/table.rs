//! The table as the template defines it. A test compares the two.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
    TimeToLiveSpecification,
};

/// The attributes of the primary key, all strings: partition key, then sort key.
pub const KEYS: [(&str, KeyType); 2] = [("pk", KeyType::Hash), ("sk", KeyType::Range)];

/// The attribute for DynamoDB's time to live.
pub const TTL_ATTRIBUTE: &str = "ttl";

/// Creates the table unless it exists.
///
/// # Errors
///
/// DynamoDB's error.
pub async fn create(client: &Client, name: &str) -> Result<(), aws_sdk_dynamodb::Error> {
    let mut request =
        client.create_table().table_name(name).billing_mode(BillingMode::PayPerRequest);
    for (attribute, key_type) in KEYS {
        let definition = AttributeDefinition::builder()
            .attribute_name(attribute)
            .attribute_type(ScalarAttributeType::S)
            .build()?;
        let key =
            KeySchemaElement::builder().attribute_name(attribute).key_type(key_type).build()?;
        request = request.attribute_definitions(definition).key_schema(key);
    }
    match request.send().await {
        Err(error)
            if error.as_service_error().is_some_and(|e| e.is_resource_in_use_exception()) =>
        {
            return Ok(());
        }
        created => created?,
    };
    let ttl =
        TimeToLiveSpecification::builder().enabled(true).attribute_name(TTL_ATTRIBUTE).build()?;
    client.update_time_to_live().table_name(name).time_to_live_specification(ttl).send().await?;
    Ok(())
}
