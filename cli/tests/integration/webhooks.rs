//! An organization's webhooks, through the operator's commands. No command here has a signing secret.

use aws_sdk_dynamodb::types::AttributeValue;
use latchkey_testkit::TestTable;
use latchkey_testkit::sample::WEBHOOK;
use serde_json::{Value, json};

use crate::common::sts::{ARN, Sts};
use crate::common::{
    latchkey, latchkey_with, partition, printed, put, refused, reported, stderr, stdout,
};

const LIST: [&str; 4] = ["webhook", "list", "--organization", "sample"];
const DELETE: [&str; 6] = ["webhook", "delete", "--organization", "sample", "--webhook", WEBHOOK];
const URL: &str = "https://hooks.example.com:8443/latchkey?token=whole";

/// The sample webhook as JSON.
fn sample() -> Value {
    json!({
        "id": WEBHOOK,
        "organization": "sample",
        "url": "https://hooks.example.com/latchkey",
        "description": "Made by the samples.",
        "events": ["organization.disabled"],
        "status": "enabled",
        "failing_since": null,
        "disabled_at": null,
        "disabled_reason": null,
        "created_at": "2026-01-01T00:00:00.000Z",
        "updated_at": "2026-01-01T00:00:00.000Z",
    })
}

/// Writes a copy of the sample webhook with another ID and other attributes, bypassing the store.
async fn copy(table: &TestTable, id: &str, attributes: &[(&str, AttributeValue)]) {
    let items = partition(table, "WEBHOOKS#sample").await;
    let sort_key = format!("WEBHOOK#{WEBHOOK}");
    let item = items.into_iter().find(|item| item["sk"].as_s() == Ok(&sort_key));
    let mut item = item.expect("the sample webhook");
    item.insert("sk".to_owned(), AttributeValue::S(format!("WEBHOOK#{id}")));
    item.insert("id".to_owned(), AttributeValue::S(id.to_owned()));
    for (name, value) in attributes {
        item.insert((*name).to_owned(), value.clone());
    }
    put(table, item).await;
}

async fn webhooks(table: &TestTable) -> Value {
    reported(table, &LIST).await["webhooks"].clone()
}

async fn last_event(table: &TestTable) -> Value {
    let list = ["audit", "list", "--organization", "sample", "--limit", "1"];
    reported(table, &list).await["events"][0].clone()
}

#[tokio::test]
async fn webhooks_are_listed_with_their_status() {
    let table = TestTable::start().await;
    assert_eq!(reported(&table, &LIST).await, json!({"webhooks": [sample()]}));

    let text = |text: &str| AttributeValue::S(text.to_owned());
    let time = |millis: u64| AttributeValue::N(millis.to_string());
    let (since, disabled_at) = (time(1_767_312_000_000), time(1_767_744_000_000));
    let failing = [("failing_since", since.clone())];
    copy(&table, "SAMPLEWEBHOOK002", &failing).await;
    let disabled = [
        ("failing_since", since),
        ("disabled_at", disabled_at.clone()),
        ("disabled_reason", text("failing")),
        ("description", text("")),
    ];
    copy(&table, "SAMPLEWEBHOOK003", &disabled).await;
    let gone = [
        ("url", text(URL)),
        ("events", AttributeValue::L(vec![text("key.revoked"), text("key.leaked")])),
        ("description", text("of two\nlines")),
        ("disabled_at", disabled_at),
        ("disabled_reason", text("gone")),
    ];
    copy(&table, "SAMPLEWEBHOOK004", &gone).await;

    let listed = webhooks(&table).await;
    assert_eq!(listed[0], sample());
    for (index, fields) in [
        json!({"status": "failing", "failing_since": "2026-01-02T00:00:00.000Z"}),
        json!({
            "status": "disabled",
            "failing_since": "2026-01-02T00:00:00.000Z",
            "disabled_at": "2026-01-07T00:00:00.000Z",
            "disabled_reason": "failing",
        }),
        json!({
            "status": "disabled",
            "failing_since": null,
            "disabled_at": "2026-01-07T00:00:00.000Z",
            "disabled_reason": "gone",
            "url": URL,
            "events": ["key.revoked", "key.leaked"],
            "description": "of two\nlines",
        }),
    ]
    .iter()
    .enumerate()
    {
        for (name, value) in fields.as_object().expect("an object") {
            assert_eq!(listed[index + 1][name], *value, "{name} of {}", listed[index + 1]);
        }
    }

    let lines = printed(&table, &[&LIST[..], &["--output", "jsonl"]].concat()).await;
    let lines = lines.lines().map(|line| serde_json::from_str(line).expect("JSON"));
    assert_eq!(Value::Array(lines.collect()), listed);

    let output = latchkey(&table, &LIST).await;
    let shown = stdout(&output);
    let rows: Vec<Vec<&str>> = shown
        .lines()
        .map(|line| line.split("  ").filter(|cell| !cell.is_empty()).map(str::trim).collect())
        .collect();
    let (created, url) = ("2026-01-01T00:00:00Z", "https://hooks.example.com/latchkey");
    let (disabled, by_samples) = ("organization.disabled", "Made by the samples.");
    let failing = "failing since 2026-01-02T00:00:00Z";
    assert_eq!(
        rows,
        [
            ["WEBHOOK", "STATUS", "CREATED", "EVENTS", "URL", "DESCRIPTION"],
            [WEBHOOK, "enabled", created, disabled, url, by_samples],
            ["SAMPLEWEBHOOK002", failing, created, disabled, url, by_samples],
            ["SAMPLEWEBHOOK003", "disabled: failing", created, disabled, url, "-"],
            [
                "SAMPLEWEBHOOK004",
                "disabled: gone",
                created,
                "key.revoked key.leaked",
                URL,
                r"of two\nlines"
            ],
        ],
        "{shown}"
    );
    assert_eq!(stderr(&output), "");
}

#[tokio::test]
async fn an_organization_without_webhooks_has_an_empty_list() {
    let table = TestTable::start().await;
    let list = ["webhook", "list", "--organization", "other"];
    assert_eq!(reported(&table, &list).await, json!({"webhooks": []}));
    let header = "WEBHOOK  STATUS  CREATED  EVENTS  URL  DESCRIPTION\n";
    assert_eq!(printed(&table, &list).await, header);
    assert_eq!(printed(&table, &[&list[..], &["--output", "jsonl"]].concat()).await, "");
}

#[tokio::test]
async fn a_deleted_webhook_is_gone_and_its_deletion_names_the_operator() {
    let table = TestTable::start().await;
    copy(&table, "SAMPLEWEBHOOK002", &[]).await;
    let sts = Sts::start(true);
    let variables = [("AWS_ENDPOINT_URL_STS", sts.endpoint.as_str())];
    let delete = [&DELETE[..], &["--yes"]].concat();
    let output = latchkey_with(&table, &delete, &variables, "").await;
    assert_eq!(
        stdout(&output),
        "deleted webhook  SAMPLEWEBHOOK001\norganization     sample\n",
        "{}",
        stderr(&output)
    );
    assert_eq!(stderr(&output), "A request that is already under way may still arrive.\n");
    let left = webhooks(&table).await;
    assert_eq!(left.as_array().map(Vec::len), Some(1));
    assert_eq!(left[0]["id"], "SAMPLEWEBHOOK002");

    let event = last_event(&table).await;
    assert_eq!(event["action"], "webhook.delete");
    assert_eq!(event["actor"]["type"], "operator");
    assert_eq!(event["actor"]["id"], ARN);
    assert_eq!(
        (&event["target"]["type"], &event["target"]["id"]),
        (&"webhook".into(), &WEBHOOK.into())
    );
    let listed = latchkey_with(&table, &LIST, &variables, "").await;
    assert!(listed.status.success(), "{}", stderr(&listed));
    assert_eq!(sts.requests(), 1, "a list changes nothing, so it asks for no identity");

    let again = refused(&table, &delete).await;
    assert_eq!(
        again,
        "error: webhook `SAMPLEWEBHOOK001` does not exist\n  \
         check the ID with `latchkey webhook list`\n"
    );
    assert_eq!(last_event(&table).await, event, "nothing was written");
}

#[tokio::test]
async fn a_deletion_is_reported_as_json() {
    let table = TestTable::start().await;
    let deleted = reported(&table, &[&DELETE[..], &["--yes"]].concat()).await;
    assert_eq!(deleted, json!({"deleted_webhook": {"id": WEBHOOK, "organization": "sample"}}));
    assert_eq!(webhooks(&table).await, json!([]));
}

#[tokio::test]
async fn a_deletion_needs_a_confirmation() {
    let table = TestTable::start().await;
    let before = last_event(&table).await;
    let asked = refused(&table, &DELETE).await;
    assert_eq!(asked, "error: this cannot be undone; pass `--yes` to confirm\n");
    assert_eq!(webhooks(&table).await, json!([sample()]));
    assert_eq!(last_event(&table).await, before);
}

#[tokio::test]
async fn an_unknown_organization_or_webhook_is_named() {
    let table = TestTable::start().await;
    let nobody = "error: organization `nobody` does not exist\n  \
                  check the ID with `latchkey organization list`, or create it with `latchkey bootstrap`\n";
    assert_eq!(refused(&table, &["webhook", "list", "--organization", "nobody"]).await, nobody);
    // With or without a confirmation; a webhook of another organization is unknown, too.
    for confirmation in [&[][..], &["--yes"]] {
        for (organization, id, expected) in [
            ("nobody", WEBHOOK, nobody),
            ("sample", "NONE", "error: webhook `NONE` does not exist\n"),
            ("other", WEBHOOK, "error: webhook `SAMPLEWEBHOOK001` does not exist\n"),
        ] {
            let delete = ["webhook", "delete", "--organization", organization, "--webhook", id];
            let output = latchkey(&table, &[&delete[..], confirmation].concat()).await;
            assert_eq!(output.status.code(), Some(1));
            assert_eq!(stdout(&output), "");
            assert!(stderr(&output).starts_with(expected), "{}", stderr(&output));
        }
    }
    let wrong = latchkey(
        &table,
        &["webhook", "delete", "--organization", "sample", "--webhook", "none", "--yes"],
    )
    .await;
    assert_eq!(wrong.status.code(), Some(2));
    assert!(stderr(&wrong).contains("for '--webhook <ID>'"), "{}", stderr(&wrong));
    assert_eq!(webhooks(&table).await, json!([sample()]));
}

#[tokio::test]
async fn webhooks_of_a_disabled_organization_can_be_deleted() {
    let table = TestTable::start().await;
    printed(&table, &["organization", "disable", "--organization", "sample"]).await;
    assert_eq!(webhooks(&table).await, json!([sample()]));
    printed(&table, &[&DELETE[..], &["--yes"]].concat()).await;
    assert_eq!(webhooks(&table).await, json!([]));
    assert_eq!(last_event(&table).await["action"], "webhook.delete");
}

#[tokio::test]
async fn a_deletion_is_not_recorded_while_the_trail_is_off() {
    let table = TestTable::start().await;
    let before = last_event(&table).await;
    let delete = [&DELETE[..], &["--yes"]].concat();
    let output = latchkey_with(&table, &delete, &[("LATCHKEY_AUDIT", "off")], "").await;
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(webhooks(&table).await, json!([]));
    assert_eq!(last_event(&table).await, before);
}
