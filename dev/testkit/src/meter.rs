//! The cost of work: DynamoDB requests by operation, and the capacity that they consume.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_dynamodb::config::interceptors::{
    BeforeSerializationInterceptorContextMut, FinalizerInterceptorContextRef,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::operation::batch_get_item::{BatchGetItemInput, BatchGetItemOutput};
use aws_sdk_dynamodb::operation::get_item::{GetItemInput, GetItemOutput};
use aws_sdk_dynamodb::operation::put_item::{PutItemInput, PutItemOutput};
use aws_sdk_dynamodb::operation::query::{QueryInput, QueryOutput};
use aws_sdk_dynamodb::operation::scan::{ScanInput, ScanOutput};
use aws_sdk_dynamodb::operation::transact_write_items::{
    TransactWriteItemsInput, TransactWriteItemsOutput,
};
use aws_sdk_dynamodb::operation::update_item::{UpdateItemInput, UpdateItemOutput};
use aws_sdk_dynamodb::types::{ConsumedCapacity, ReturnConsumedCapacity};

/// Counts a client's requests; a request with all of its tries counts once.
#[derive(Clone, Debug, Default)]
pub struct Meter(Arc<Mutex<Usage>>);

/// The usage since the meter was last read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Usage {
    /// Requests by operation, such as `BatchGetItem`.
    pub requests: BTreeMap<&'static str, u32>,
    /// Capacity units by operation.
    pub units: BTreeMap<&'static str, f64>,
}

impl Meter {
    /// Returns the usage since the last call.
    pub fn take(&self) -> Usage {
        std::mem::take(&mut *self.usage())
    }

    fn usage(&self) -> std::sync::MutexGuard<'_, Usage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Intercept for Meter {
    fn name(&self) -> &'static str {
        "Meter"
    }

    fn modify_before_serialization(
        &self,
        context: &mut BeforeSerializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let input = context.input_mut();
        macro_rules! ask {
            ($($operation:literal: $input:ty),*) => {
                $(if let Some(input) = input.downcast_mut::<$input>() {
                    input.return_consumed_capacity = Some(ReturnConsumedCapacity::Total);
                    *self.usage().requests.entry($operation).or_default() += 1;
                })*
            };
        }
        ask!(
            "BatchGetItem": BatchGetItemInput,
            "GetItem": GetItemInput,
            "PutItem": PutItemInput,
            "Query": QueryInput,
            "Scan": ScanInput,
            "TransactWriteItems": TransactWriteItemsInput,
            "UpdateItem": UpdateItemInput
        );
        Ok(())
    }

    fn read_after_execution(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(Ok(output)) = context.output_or_error() else { return Ok(()) };
        let add = |operation: &'static str, consumed: &[ConsumedCapacity]| {
            let units: f64 = consumed.iter().filter_map(|part| part.capacity_units).sum();
            *self.usage().units.entry(operation).or_default() += units;
        };
        if let Some(output) = output.downcast_ref::<BatchGetItemOutput>() {
            add("BatchGetItem", output.consumed_capacity());
        } else if let Some(output) = output.downcast_ref::<GetItemOutput>() {
            add("GetItem", output.consumed_capacity.as_slice());
        } else if let Some(output) = output.downcast_ref::<PutItemOutput>() {
            add("PutItem", output.consumed_capacity.as_slice());
        } else if let Some(output) = output.downcast_ref::<QueryOutput>() {
            add("Query", output.consumed_capacity.as_slice());
        } else if let Some(output) = output.downcast_ref::<ScanOutput>() {
            add("Scan", output.consumed_capacity.as_slice());
        } else if let Some(output) = output.downcast_ref::<TransactWriteItemsOutput>() {
            add("TransactWriteItems", output.consumed_capacity());
        } else if let Some(output) = output.downcast_ref::<UpdateItemOutput>() {
            add("UpdateItem", output.consumed_capacity.as_slice());
        }
        Ok(())
    }
}
