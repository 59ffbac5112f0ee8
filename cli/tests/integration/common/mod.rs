//! Runs the command line like an operator: as a process, with its output.

#![allow(dead_code, reason = "each test file uses some of it")]

use std::io::Write;
use std::process::{Command, Output, Stdio};

pub(crate) mod secrets_manager;
pub(crate) mod sts;

use aws_sdk_dynamodb::types::AttributeValue;
use latchkey_testkit::TestTable;
use latchkey_testkit::sample::SampleKey;
use serde_json::Value;

/// An item in the SDK's representation.
pub(crate) type Item = std::collections::HashMap<String, AttributeValue>;

/// Runs `latchkey` with `arguments` against `table`, with nothing else from this environment.
pub(crate) async fn latchkey(table: &TestTable, arguments: &[&str]) -> Output {
    latchkey_reading(table, arguments, "").await
}

/// The same, with `input` on standard input.
pub(crate) async fn latchkey_reading(table: &TestTable, arguments: &[&str], input: &str) -> Output {
    latchkey_with(table, arguments, &[], input).await
}

/// The same, with more variables.
pub(crate) async fn latchkey_with(
    table: &TestTable,
    arguments: &[&str],
    variables: &[(&str, &str)],
    input: &str,
) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_latchkey"));
    command
        .args(arguments)
        .env_clear()
        .env("LATCHKEY_TABLE", table.name())
        .env("AWS_ENDPOINT_URL_DYNAMODB", table.endpoint())
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "local")
        .env("AWS_SECRET_ACCESS_KEY", "local")
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let input = input.to_owned();
    let run = move || {
        let mut process = command.spawn().expect("a process");
        let mut stdin = process.stdin.take().expect("a pipe");
        // Most commands exit without reading it.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        process.wait_with_output().expect("an end")
    };
    tokio::task::spawn_blocking(run).await.expect("an end")
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

/// Returns the JSON report of a command, which must succeed.
pub(crate) async fn reported(table: &TestTable, arguments: &[&str]) -> Value {
    let printed = printed(table, &[arguments, &["--output", "json"]].concat()).await;
    serde_json::from_str(&printed).expect("JSON")
}

/// Returns the output of a command, which must succeed.
pub(crate) async fn printed(table: &TestTable, arguments: &[&str]) -> String {
    let output = latchkey(table, arguments).await;
    assert!(output.status.success(), "{}", stderr(&output));
    stdout(&output)
}

/// Returns the error message of a command, which must fail.
pub(crate) async fn refused(table: &TestTable, arguments: &[&str]) -> String {
    let output = latchkey(table, arguments).await;
    assert!(!output.status.success(), "{}", stdout(&output));
    assert_eq!(stdout(&output), "");
    stderr(&output)
}

/// A sample key's ID.
pub(crate) fn id(key: SampleKey) -> String {
    key.mint().0.id.to_string()
}

/// A sample key's prefix, as lists show it.
pub(crate) fn key_prefix(key: SampleKey) -> String {
    key.mint().0.key_prefix
}

/// The `field` of each entry of a list.
pub(crate) fn column(list: &Value, field: &str) -> Vec<String> {
    let entries = list.as_array().expect("a list");
    entries.iter().map(|entry| entry[field].as_str().expect(field).to_owned()).collect()
}

/// The items of a partition.
pub(crate) async fn partition(table: &TestTable, partition: &str) -> Vec<Item> {
    let mut items = table.items().await;
    items.retain(|item| item["pk"].as_s().is_ok_and(|found| found == partition));
    items
}

/// Writes an item directly, bypassing the store.
pub(crate) async fn put(table: &TestTable, item: Item) {
    let put = table.client.put_item().table_name(table.name()).set_item(Some(item));
    put.send().await.expect("written");
}

/// Sets an attribute of a sample key directly, bypassing the store.
pub(crate) async fn set_time(table: &TestTable, key: SampleKey, attribute: &str, time: &str) {
    let key = key.mint().0;
    let items = partition(table, &format!("ACCOUNT#{}", key.spec.account)).await;
    let sort_key = format!("KEY#{}", key.id);
    let item = items.into_iter().find(|item| item["sk"].as_s() == Ok(&sort_key));
    let mut item = item.expect("a key");
    let time: latchkey::time::Timestamp = time.parse().expect("a time");
    item.insert(attribute.to_owned(), AttributeValue::N(time.as_millis().to_string()));
    put(table, item).await;
}
