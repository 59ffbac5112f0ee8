//! The two calls of a mint, with the SDK.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{
    AttributeValue, KeysAndAttributes, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
    Update,
};
use lambda_http::Error;

/// Who presents a key.
pub(crate) struct Caller {
    pub(crate) organization: String,
    pub(crate) account: String,
    pub(crate) key: String,
    pub(crate) scopes: String,
}

/// Reads key and account, and checks them.
pub(crate) async fn authenticate(
    client: &Client,
    presented: &work::Presented<'_>,
) -> Result<Caller, Error> {
    let partition = text(&format!("ACCOUNT#{}", presented.account));
    let key = |sort: String| {
        HashMap::from([("pk".to_owned(), partition.clone()), ("sk".to_owned(), text(&sort))])
    };
    let keys = KeysAndAttributes::builder()
        .consistent_read(false)
        .keys(key(format!("KEY#{}", presented.key)))
        .keys(key("ACCOUNT".to_owned()))
        .build()?;
    let found = client.batch_get_item().request_items(work::TABLE, keys).send().await?;
    let items = found.responses.and_then(|mut tables| tables.remove(work::TABLE));
    let items = items.ok_or("no items")?;
    let is_account = |item: &&HashMap<_, AttributeValue>| item["sk"] == text("ACCOUNT");
    let account = items.iter().find(is_account).ok_or("no account")?;
    let key = items.iter().find(|item| !is_account(item)).ok_or("no key")?;
    let digest = key.get("digest").and_then(|digest| digest.as_b().ok()).ok_or("no digest")?;
    let end = key.get("expires_at").and_then(|end| end.as_n().ok()?.parse::<u64>().ok());
    let valid = work::same(digest.as_ref(), &presented.digest)
        && account.get("disabled") == Some(&AttributeValue::Bool(false))
        && !key.contains_key("revoked_at")
        && end.is_none_or(|end| end > work::now());
    if !valid {
        return Err("not valid".into());
    }
    let scopes = key.get("scopes").and_then(|scopes| scopes.as_l().ok());
    let texts = scopes.into_iter().flatten().filter_map(|scope| scope.as_s().ok());
    let organization = account.get("organization").and_then(|name| name.as_s().ok());
    Ok(Caller {
        organization: organization.cloned().unwrap_or_default(),
        account: presented.account.to_owned(),
        key: presented.key.to_owned(),
        scopes: texts.map(String::as_str).collect::<Vec<_>>().join(" "),
    })
}

/// Stores a key and counts it.
pub(crate) async fn insert(
    client: &Client,
    account: &str,
    drawn: &work::Drawn,
    caller: &Caller,
    expires_at: &str,
) -> Result<(), Error> {
    let partition = text(&format!("ACCOUNT#{account}"));
    let count = Update::builder()
        .table_name(work::TABLE)
        .key("pk", partition.clone())
        .key("sk", text("ACCOUNT"))
        .update_expression(work::UPDATE)
        .condition_expression(work::CONDITION)
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .expression_attribute_values(":more", number(1))
        .expression_attribute_values(":one", number(1))
        .expression_attribute_values(":false", AttributeValue::Bool(false))
        .expression_attribute_values(":organization", text(&caller.organization))
        .expression_attribute_values(":key", text(&drawn.id))
        .expression_attribute_values(":limit", number(10))
        .build()?;
    let put = Put::builder()
        .table_name(work::TABLE)
        .condition_expression("attribute_not_exists(pk)")
        .item("pk", partition)
        .item("sk", text(&format!("KEY#{}", drawn.id)))
        .item("id", text(&drawn.id))
        .item("account", text(account))
        .item("key_prefix", text(&drawn.prefix))
        .item("digest", AttributeValue::B(Blob::new(drawn.digest)))
        .item("created_by", text(&caller.key))
        .item("created_at", number(drawn.now))
        .item("updated_at", number(drawn.now))
        .item("expires_at", number(expires_at.len() as u64))
        .build()?;
    client
        .transact_write_items()
        .client_request_token(&drawn.request)
        .transact_items(TransactWriteItem::builder().update(count).build())
        .transact_items(TransactWriteItem::builder().put(put).build())
        .send()
        .await?;
    Ok(())
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn number(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}
