//! The limit: blocking sockets, a signature by hand, and nothing else.
//!
//! A yardstick, not a design. It has no retries, no time limits, no metrics, no logs, and no settings. `MODE` is
//! `mint`, `verify`, or `cached`.

mod dynamodb;
mod exchange;

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::TcpStream;

use dynamodb::DynamoDb;
use exchange::exchange;
use serde::Deserialize;
use serde_json::json;

/// The parts of an event that it reads.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    #[serde(borrow)]
    headers: HashMap<&'a str, Cow<'a, str>>,
    #[serde(borrow)]
    raw_path: Cow<'a, str>,
    #[serde(borrow, default)]
    body: Option<Cow<'a, str>>,
}

/// The response to `BatchGetItem`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Found<'a> {
    #[serde(borrow)]
    responses: HashMap<&'a str, Vec<HashMap<&'a str, Attribute<'a>>>>,
}

#[derive(Deserialize)]
enum Attribute<'a> {
    #[serde(borrow)]
    S(Cow<'a, str>),
    #[serde(borrow)]
    N(&'a str),
    #[serde(borrow)]
    B(&'a str),
    #[serde(rename = "BOOL")]
    Bool(bool),
    #[serde(borrow, rename = "L")]
    List(Vec<Attribute<'a>>),
}

/// Who presents a key.
struct Caller {
    organization: String,
    account: String,
    key: String,
    scopes: String,
}

fn main() {
    let api = std::env::var("AWS_LAMBDA_RUNTIME_API").expect("the runtime API");
    let mode = std::env::var("MODE").expect("a mode");
    let mut dynamodb = DynamoDb::connect();
    let mut cache = HashMap::new();
    let mut stream = TcpStream::connect(&api).expect("the runtime API");
    stream.set_nodelay(true).expect("a socket");
    let mut buffer = Vec::with_capacity(32768);
    loop {
        let next =
            format!("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nhost: {api}\r\n\r\n");
        let Ok((head, event)) = exchange(&mut stream, next.as_bytes(), &mut buffer) else { return };
        let id = head.lines().find_map(|line| line.strip_prefix("lambda-runtime-aws-request-id:"));
        let id = id.expect("an ID").trim().to_owned();
        let answer = serve(&mode, &mut dynamodb, &mut cache, &event);
        let answer = answer.unwrap_or_else(|| http(401, "{}"));
        let post = format!(
            "POST /2018-06-01/runtime/invocation/{id}/response HTTP/1.1\r\nhost: {api}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{answer}",
            answer.len()
        );
        if exchange(&mut stream, post.as_bytes(), &mut buffer).is_err() {
            return;
        }
    }
}

fn serve(
    mode: &str,
    dynamodb: &mut DynamoDb,
    cache: &mut HashMap<[u8; 32], Caller>,
    event: &[u8],
) -> Option<String> {
    let event: Event<'_> = serde_json::from_slice(event).ok()?;
    let token = event.headers.get("authorization")?.strip_prefix("Bearer ")?;
    let presented = work::parse(token)?;
    if mode == "mint" {
        let caller = authenticate(dynamodb, &presented)?;
        let body: work::Body<'_> = serde_json::from_str(event.body.as_deref()?).ok()?;
        let account = work::account_of(&event.raw_path);
        let drawn = work::draw(account);
        let expires_at = body.expires_at.as_deref().unwrap_or_default();
        dynamodb.call("TransactWriteItems", &transaction(account, &drawn, &caller, expires_at))?;
        return Some(http(201, &work::response(&drawn, expires_at)));
    }
    if mode != "cached" || !cache.contains_key(&presented.digest) {
        let caller = authenticate(dynamodb, &presented)?;
        cache.insert(presented.digest, caller);
    }
    let Caller { organization, account, key, scopes } = &cache[&presented.digest];
    let context =
        json!({ "organization": organization, "account": account, "key": key, "scopes": scopes });
    Some(json!({ "isAuthorized": true, "context": context }).to_string())
}

/// Reads key and account, and checks them.
fn authenticate(dynamodb: &mut DynamoDb, presented: &work::Presented<'_>) -> Option<Caller> {
    let partition = format!("ACCOUNT#{}", presented.account);
    let keys = json!([
        { "pk": { "S": partition }, "sk": { "S": format!("KEY#{}", presented.key) } },
        { "pk": { "S": partition }, "sk": { "S": "ACCOUNT" } },
    ]);
    let read =
        json!({ "RequestItems": { work::TABLE: { "ConsistentRead": false, "Keys": keys } } });
    let found = dynamodb.call("BatchGetItem", &read.to_string())?;
    let found: Found<'_> = serde_json::from_slice(&found).ok()?;
    let items = found.responses.get(work::TABLE)?;
    let is_account = |item: &&HashMap<_, _>| matches!(item.get("sk"), Some(Attribute::S(sort)) if sort == "ACCOUNT");
    let account = items.iter().find(is_account)?;
    let key = items.iter().find(|item| !is_account(item))?;
    let Some(Attribute::B(digest)) = key.get("digest") else { return None };
    let Some(Attribute::S(organization)) = account.get("organization") else { return None };
    let ends = match key.get("expires_at") {
        Some(Attribute::N(end)) => Some(end.parse::<u64>().ok()?),
        _ => None,
    };
    let valid = work::same(&work::from_base64(digest), &presented.digest)
        && matches!(account.get("disabled"), Some(Attribute::Bool(false)))
        && !key.contains_key("revoked_at")
        && ends.is_none_or(|end| end > work::now());
    let scopes = match key.get("scopes") {
        Some(Attribute::List(scopes)) => {
            let texts = scopes.iter().filter_map(|scope| match scope {
                Attribute::S(text) => Some(text.as_ref()),
                _ => None,
            });
            texts.collect::<Vec<_>>().join(" ")
        }
        _ => String::new(),
    };
    valid.then(|| Caller {
        organization: organization.to_string(),
        account: presented.account.to_owned(),
        key: presented.key.to_owned(),
        scopes,
    })
}

/// The transaction that stores a key and counts it.
fn transaction(account: &str, drawn: &work::Drawn, caller: &Caller, expires_at: &str) -> String {
    let partition = format!("ACCOUNT#{account}");
    let now = drawn.now.to_string();
    let count = json!({
        "TableName": work::TABLE,
        "Key": { "pk": { "S": partition }, "sk": { "S": "ACCOUNT" } },
        "UpdateExpression": work::UPDATE,
        "ConditionExpression": work::CONDITION,
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        "ExpressionAttributeValues": {
            ":more": { "N": "1" }, ":one": { "N": "1" }, ":false": { "BOOL": false },
            ":organization": { "S": caller.organization }, ":key": { "S": drawn.id }, ":limit": { "N": "10" },
        },
    });
    let item = json!({
        "pk": { "S": partition }, "sk": { "S": format!("KEY#{}", drawn.id) }, "id": { "S": drawn.id },
        "account": { "S": account }, "key_prefix": { "S": drawn.prefix },
        "digest": { "B": work::base64(&drawn.digest) }, "created_by": { "S": caller.key },
        "created_at": { "N": now }, "updated_at": { "N": now }, "expires_at": { "N": expires_at.len().to_string() },
    });
    let put = json!({ "TableName": work::TABLE, "ConditionExpression": "attribute_not_exists(pk)", "Item": item });
    json!({ "ClientRequestToken": drawn.request, "TransactItems": [{ "Update": count }, { "Put": put }] }).to_string()
}

fn http(status: u16, body: &str) -> String {
    let headers = json!({ "content-type": "application/json", "cache-control": "no-store" });
    json!({ "statusCode": status, "headers": headers, "body": body }).to_string()
}
