//! Finding every audit trail of a table.

use std::collections::HashSet;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::id::OrganizationId;

use super::attribute::Reader;
use super::{CorruptItem, KeyStore, StoreError, record};

impl KeyStore {
    /// Returns the organizations that exist, and those that are gone but have events left, by scanning the whole
    /// table, sorted. For operators only.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn trails(&self) -> Result<Vec<OrganizationId>, StoreError> {
        let trails = format!("{}#", record::trail_partition(None));
        let scan = self
            .client
            .scan()
            .table_name(&self.table)
            .consistent_read(true)
            .projection_expression("pk, sk")
            .filter_expression("begins_with(pk, :trails) OR sk = :organization")
            .expression_attribute_values(":trails", AttributeValue::S(trails))
            .expression_attribute_values(
                ":organization",
                AttributeValue::S(record::ORGANIZATION.to_owned()),
            );
        let mut pages = scan.into_paginator().items().send();
        let mut found = HashSet::new();
        while let Some(item) = pages.next().await {
            let partition: String = Reader(&item?).parse("pk")?;
            let id = partition.split_once('#').and_then(|(_, id)| id.parse().ok());
            found.insert(id.ok_or(CorruptItem { attribute: "pk" })?);
        }
        let mut found = Vec::from_iter(found);
        found.sort_by_key(ToString::to_string);
        Ok(found)
    }
}
