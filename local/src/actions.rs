//! Which actions of IAM a piece of work needs.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_dynamodb::config::interceptors::BeforeSerializationInterceptorContextRef;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::operation::batch_get_item::BatchGetItemInput;
use aws_sdk_dynamodb::operation::batch_write_item::BatchWriteItemInput;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemInput;
use aws_sdk_dynamodb::operation::get_item::GetItemInput;
use aws_sdk_dynamodb::operation::query::QueryInput;
use aws_sdk_dynamodb::operation::scan::ScanInput;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsInput;
use aws_sdk_dynamodb::operation::update_item::UpdateItemInput;

/// Notes the actions that a client's requests need, such as `dynamodb:GetItem`.
#[derive(Clone, Debug, Default)]
pub struct Actions(Arc<Mutex<BTreeSet<&'static str>>>);

impl Actions {
    /// The actions so far.
    pub fn noted(&self) -> BTreeSet<&'static str> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, action: &'static str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(action);
    }
}

impl Intercept for Actions {
    fn name(&self) -> &'static str {
        "Actions"
    }

    fn read_before_execution(
        &self,
        context: &BeforeSerializationInterceptorContextRef<'_>,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let input = context.input();
        macro_rules! note {
            ($($input:ty => $action:literal),*) => {
                $(if input.downcast_ref::<$input>().is_some() {
                    self.note($action);
                    return Ok(());
                })*
            };
        }
        note!(
            BatchGetItemInput => "dynamodb:BatchGetItem",
            BatchWriteItemInput => "dynamodb:BatchWriteItem",
            DeleteItemInput => "dynamodb:DeleteItem",
            GetItemInput => "dynamodb:GetItem",
            QueryInput => "dynamodb:Query",
            ScanInput => "dynamodb:Scan",
            UpdateItemInput => "dynamodb:UpdateItem"
        );
        let transaction = input.downcast_ref::<TransactWriteItemsInput>();
        // What is not listed here is not in any policy either.
        let transaction = transaction.ok_or("a request that nothing of ours makes")?;
        for part in transaction.transact_items() {
            // A transaction needs the permission of each of its parts, and none of its own.
            for (there, action) in [
                (part.put.is_some(), "dynamodb:PutItem"),
                (part.update.is_some(), "dynamodb:UpdateItem"),
                (part.delete.is_some(), "dynamodb:DeleteItem"),
                (part.condition_check.is_some(), "dynamodb:ConditionCheckItem"),
            ] {
                if there {
                    self.note(action);
                }
            }
        }
        Ok(())
    }
}
