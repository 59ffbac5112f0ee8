//! The IAM actions that work needs, and the attributes that it names in updates.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_sdk_dynamodb::config::interceptors::BeforeSerializationInterceptorContextRef;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::operation::batch_get_item::BatchGetItemInput;
use aws_sdk_dynamodb::operation::batch_write_item::BatchWriteItemInput;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemInput;
use aws_sdk_dynamodb::operation::get_item::GetItemInput;
use aws_sdk_dynamodb::operation::put_item::PutItemInput;
use aws_sdk_dynamodb::operation::query::QueryInput;
use aws_sdk_dynamodb::operation::scan::ScanInput;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsInput;
use aws_sdk_dynamodb::operation::update_item::UpdateItemInput;
use aws_sdk_dynamodb::types::AttributeValue;

/// Records the actions that a client's requests need, such as `dynamodb:GetItem`.
#[derive(Clone, Debug, Default)]
pub struct Actions(Arc<Mutex<Recorded>>);

#[derive(Debug, Default)]
struct Recorded {
    actions: BTreeSet<String>,
    updates: BTreeSet<BTreeSet<String>>,
    put_partitions: BTreeSet<String>,
}

impl Actions {
    /// The actions recorded so far.
    pub fn recorded(&self) -> BTreeSet<String> {
        self.lock().actions.clone()
    }

    /// The attributes that each update so far, alone or in a transaction, has named in its key, update, or condition.
    ///
    /// IAM calls these `dynamodb:Attributes`.
    pub fn updates(&self) -> BTreeSet<BTreeSet<String>> {
        self.lock().updates.clone()
    }

    /// The partitions of the items that puts so far, alone or in a transaction, have written. Of a partition with an
    /// ID, such as `AUDIT#acme`, the ID is a `*`.
    ///
    /// IAM calls these `dynamodb:LeadingKeys`.
    pub fn put_partitions(&self) -> BTreeSet<String> {
        self.lock().put_partitions.clone()
    }

    fn record_put(&self, item: Option<&HashMap<String, AttributeValue>>) {
        let Some(item) = item else { return };
        let partition = item.get("pk").and_then(|pk| pk.as_s().ok()).map_or("", String::as_str);
        let partition = partition
            .split_once('#')
            .map_or_else(|| partition.to_owned(), |(kind, _)| format!("{kind}#*"));
        self.lock().put_partitions.insert(partition);
    }

    fn record(&self, action: &str) {
        self.lock().actions.insert(action.to_owned());
    }

    fn record_update(
        &self,
        key: Option<&HashMap<String, AttributeValue>>,
        expressions: [Option<&str>; 2],
        placeholders: Option<&HashMap<String, String>>,
    ) {
        let key = key.into_iter().flat_map(|key| key.keys().cloned());
        let named = expressions.into_iter().flatten().flat_map(names).map(|name| {
            placeholders.and_then(|names| names.get(name)).map_or(name, String::as_str).to_owned()
        });
        self.lock().updates.insert(key.chain(named).collect());
    }

    fn lock(&self) -> MutexGuard<'_, Recorded> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The attributes, or placeholders of attributes, in a DynamoDB expression.
///
/// Of a path, only the first part counts.
fn names(expression: &str) -> impl Iterator<Item = &str> {
    const KEYWORDS: [&str; 9] =
        ["SET", "REMOVE", "ADD", "DELETE", "AND", "OR", "NOT", "BETWEEN", "IN"];
    let part_of_name = |c: char| c.is_ascii_alphanumeric() || "_#:.[]".contains(c);
    let words = expression.match_indices(move |c| !part_of_name(c));
    let ends = words.map(|(at, _)| at).chain([expression.len()]);
    let mut start = 0;
    let words = ends.filter_map(move |end| {
        let word = &expression[start..end];
        let function = expression[end..].starts_with('(');
        start = end + 1;
        (!function).then_some(word)
    });
    let paths = words.map(|word| word.split(['.', '[']).next().unwrap_or(word));
    paths.filter(|name| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '#')
            && !KEYWORDS.iter().any(|keyword| name.eq_ignore_ascii_case(keyword))
    })
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
        macro_rules! record {
            ($($input:ty => $action:literal),*) => {
                $(if input.downcast_ref::<$input>().is_some() {
                    self.record($action);
                    return Ok(());
                })*
            };
        }
        record!(
            BatchGetItemInput => "dynamodb:BatchGetItem",
            BatchWriteItemInput => "dynamodb:BatchWriteItem",
            DeleteItemInput => "dynamodb:DeleteItem",
            GetItemInput => "dynamodb:GetItem",
            QueryInput => "dynamodb:Query",
            ScanInput => "dynamodb:Scan"
        );
        if let Some(update) = input.downcast_ref::<UpdateItemInput>() {
            self.record("dynamodb:UpdateItem");
            self.record_update(
                update.key(),
                [update.update_expression(), update.condition_expression()],
                update.expression_attribute_names(),
            );
            return Ok(());
        }
        if let Some(put) = input.downcast_ref::<PutItemInput>() {
            self.record("dynamodb:PutItem");
            self.record_put(put.item());
            return Ok(());
        }
        let transaction = input.downcast_ref::<TransactWriteItemsInput>();
        // An action that is not listed here is in no policy either.
        let transaction = transaction.ok_or("a request that nothing of ours makes")?;
        for part in transaction.transact_items() {
            self.record_put(part.put.as_ref().map(|put| &put.item));
            if let Some(update) = &part.update {
                self.record_update(
                    Some(update.key()),
                    [Some(update.update_expression()), update.condition_expression()],
                    update.expression_attribute_names(),
                );
            }
            // A transaction needs the permissions of its parts and none of its own.
            for (there, action) in [
                (part.put.is_some(), "dynamodb:PutItem"),
                (part.update.is_some(), "dynamodb:UpdateItem"),
                (part.delete.is_some(), "dynamodb:DeleteItem"),
                (part.condition_check.is_some(), "dynamodb:ConditionCheckItem"),
            ] {
                if there {
                    self.record(action);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_neither_words_of_the_language_nor_values() {
        let found = |expression| names(expression).collect::<Vec<_>>();
        assert_eq!(found("SET last_used_at = :at"), ["last_used_at"]);
        assert_eq!(
            found("attribute_exists(pk) AND (attribute_not_exists(a) OR a <= :before)"),
            ["pk", "a", "a"]
        );
        assert_eq!(
            found("SET #n.b = if_not_exists(c[0], :zero)+:one REMOVE d, e"),
            ["#n", "c", "d", "e"]
        );
        assert_eq!(found(""), [] as [&str; 0]);
    }
}
