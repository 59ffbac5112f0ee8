//! `restore-check`: what it shows, when it fails, and what it changes.

use crate::common::{
    Item, column, key_prefix, latchkey, printed, refused, reported, stderr, stdout,
};
use aws_sdk_dynamodb::operation::create_table::builders::CreateTableFluentBuilder;
use latchkey::Latchkey;
use latchkey::policy::KeyPolicy;
use latchkey::service::{Clock, Freshness};
use latchkey::store::KeyStore;
use latchkey_testkit::project::{self, resources};
use latchkey_testkit::sample::{self, ACCOUNT, OTHER_ACCOUNT, SampleKey};
use latchkey_testkit::{NO_CACHE, TestTable, table};
use serde_json::{Value, json};

const RESTORED: &str = "latchkey-restored";

/// Copies the table within its database, without the settings that a restore leaves out.
async fn restore(current: &TestTable) {
    let create = table::without_index(&current.client, RESTORED).and_then(table::with_index);
    restore_to(current, create.expect("a request")).await;
}

/// Copies the table into a new one.
async fn restore_to(current: &TestTable, create: CreateTableFluentBuilder) {
    create.send().await.expect("a table");
    for item in current.items().await {
        put(current, item).await;
    }
}

async fn put(current: &TestTable, item: Item) {
    let put = current.client.put_item().table_name(RESTORED).set_item(Some(item));
    put.send().await.expect("an item");
}

/// Whether the restored table accepts a key.
async fn revived(current: &TestTable, key: SampleKey) -> bool {
    let store = KeyStore::new(current.client.clone(), RESTORED);
    let latchkey = Latchkey::new(store, KeyPolicy::default(), &NO_CACHE, Clock::new(sample::now));
    latchkey.verify(&key.token(), Freshness::Now).await.is_ok()
}

fn check<'a>(current: &'a TestTable, more: &[&'a str]) -> Vec<&'a str> {
    [&["restore-check", "--restored", RESTORED, "--current", current.name()], more].concat()
}

/// A table and its restored backup, from before a revocation, a rotation, and the creation of an account.
async fn changed() -> TestTable {
    let current = TestTable::start().await;
    restore(&current).await;
    let prefix = key_prefix(SampleKey::Minter);
    reported(&current, &["key", "revoke", "--key", &prefix, "--yes"]).await;
    let prefix = key_prefix(SampleKey::Other);
    reported(&current, &["key", "rotate", "--key", &prefix, "--grace", "1h"]).await;
    reported(&current, &["account", "disable", "--account", ACCOUNT]).await;
    reported(&current, &["account", "create", "--organization", "other", "--name", "ci"]).await;
    current
}

#[tokio::test]
async fn what_the_restored_table_allows_is_shown_and_is_a_failure() {
    let current = changed().await;
    let output = latchkey(&current, &check(&current, &[])).await;
    assert!(!output.status.success());
    let text = stdout(&output);
    let minter = key_prefix(SampleKey::Minter);
    for line in [
        format!("restored table   {RESTORED}"),
        format!("current table    {}", current.name()),
        "result           3 differences".to_owned(),
        format!("service account  {ACCOUNT}                       disabled  disable  -"),
        format!("key              {minter}  revoked   revoke   -"),
    ] {
        assert!(text.lines().any(|found| found.starts_with(&line)), "{line} is missing:\n{text}");
    }
    let rotated =
        format!("key              {}  rotated   limit    20", key_prefix(SampleKey::Other));
    assert!(text.lines().any(|line| line.starts_with(&rotated)), "{text}");
    let notes = stderr(&output);
    assert!(
        notes.contains("allows more than `latchkey-test` in 3 cases; run this again"),
        "{notes}"
    );
    assert!(notes.contains("DynamoDB did not record the time of the backup"), "{notes}");
    assert!(revived(&current, SampleKey::Minter).await, "nothing was changed");
}

#[tokio::test]
async fn applying_needs_consent_and_is_complete() {
    let current = changed().await;
    let asked = latchkey(&current, &check(&current, &["--apply"])).await;
    assert_eq!(stderr(&asked), "error: this cannot be undone; pass `--yes` to confirm\n");
    assert!(revived(&current, SampleKey::Minter).await);

    let applied = reported(&current, &check(&current, &["--apply", "--yes"])).await;
    assert_eq!(applied["applied"], true);
    let differences = &applied["differences"];
    assert_eq!(column(differences, "subject"), ["service_account", "key", "key"]);
    assert_eq!(column(differences, "change"), ["disabled", "revoked", "rotated"]);
    assert_eq!(column(differences, "action"), ["disable", "revoke", "limit"]);
    assert!(differences[2]["expires_at"].is_string());
    let lost = &applied["lost"];
    assert_eq!(column(lost, "subject"), ["service_account", "key"]);
    assert_eq!((&lost[0]["name"], &lost[1]["copied"]), (&json!("ci"), &json!(false)));
    for (key, accepted) in
        [(SampleKey::Minter, false), (SampleKey::FullAccess, false), (SampleKey::Other, true)]
    {
        assert_eq!(revived(&current, key).await, accepted, "{key:?}");
    }

    let again = reported(&current, &check(&current, &["--apply"])).await;
    assert_eq!(again["differences"], json!([]), "a second run finds nothing and asks nothing");
    let text = printed(&current, &check(&current, &[])).await;
    assert!(text.contains("result           allows nothing more than the current table"), "{text}");
}

#[tokio::test]
async fn only_copy_new_creates_anything() {
    let current = changed().await;
    let copy = check(&current, &["--apply", "--copy-new", "--yes"]);
    let copied = reported(&current, &copy).await;
    assert_eq!(copied["lost"][1]["copied"], true);
    let again = reported(&current, &copy).await;
    assert_eq!(column(&again["lost"], "subject"), ["service_account"]);
    let keys = ["key", "list", "--account", OTHER_ACCOUNT, "--table", RESTORED];
    let keys = reported(&current, &keys).await;
    let statuses = column(&keys["keys"], "status");
    assert_eq!(statuses, ["rotated", "live"], "the successor is there, and both know each other");
    assert_eq!(keys["keys"][1]["rotated_from"], keys["keys"][0]["id"]);
    assert_eq!(keys["keys"][0]["rotated_to"], keys["keys"][1]["id"]);
    let alone = refused(&current, &check(&current, &["--copy-new"])).await;
    assert!(alone.contains("--apply"), "{alone}");
}

#[tokio::test]
async fn settings_that_the_restore_left_out_come_with_their_commands() {
    let current = TestTable::start().await;
    // The backup is of version 0.1.0.
    let create = table::without_index(&current.client, RESTORED).expect("a request");
    restore_to(&current, create).await;
    let described = current.client.describe_table().table_name(current.name()).send().await;
    let arn = described.expect("a table").table.and_then(|table| table.table_arn).expect("an ARN");
    let tag = aws_sdk_dynamodb::types::Tag::builder().key("team").value("it's ours");
    let tag = current.client.tag_resource().resource_arn(arn).tags(tag.build().expect("a tag"));
    tag.send().await.expect("tagged");
    drop(current.stream().await);
    let output = latchkey(&current, &check(&current, &[])).await;
    assert!(output.status.success(), "{}", stderr(&output));
    let notes = stderr(&output);
    for command in [
        format!(
            "  aws dynamodb update-time-to-live --table-name {RESTORED} --time-to-live-specification \
             Enabled=true,AttributeName=ttl\n"
        ),
        r#" --tags '[{"Key":"team","Value":"it'\''s ours"}]'"#.to_owned(),
    ] {
        assert!(notes.contains(&command), "{command} is missing:\n{notes}");
    }
    let report = reported(&current, &check(&current, &[])).await;
    let settings = &report["settings"];
    // The embedded DynamoDB has no backups.
    let expected =
        ["time to live", "point-in-time recovery", "stream", "index for warnings", "tags"];
    assert_eq!(column(settings, "setting"), expected);
    assert_eq!((&settings[0]["restored"], &settings[0]["current"]), (&json!("off"), &json!("ttl")));
    assert_eq!(settings[1]["command"], Value::Null, "what cannot be read is not guessed");
    let stream = settings[2]["command"].as_str().expect("a command");
    assert!(stream.ends_with("StreamEnabled=true,StreamViewType=NEW_IMAGE"), "{stream}");
    let index = settings[3]["command"].as_str().expect("a command");
    let update = index.split_once(" --global-secondary-index-updates '").expect("the index").1;
    let update: Value = serde_json::from_str(update.trim_end_matches('\'')).expect("JSON");
    let template = &resources("AWS::DynamoDB::Table")["Table"]["Properties"];
    assert_eq!(update[0]["Create"], template["GlobalSecondaryIndexes"][0]);
    let page = project::text("docs/warnings.md");
    let page =
        page.lines().find(|line| line.contains("--attribute-definitions")).expect("a command");
    assert!(index.contains(page.trim().trim_end_matches(" \\")), "{index}");
    assert_eq!(settings[4]["current"], "team");
}

#[tokio::test]
async fn tables_that_cannot_be_compared_are_explained() {
    let current = TestTable::start().await;
    let name = current.name();
    for (restored, of, message) in [
        (name, name, "`--restored` and `--current` name the same table"),
        ("nothing", name, "there is no table `nothing` at http://127.0.0.1:"),
        (name, "nothing", "there is no table `nothing` at http://127.0.0.1:"),
    ] {
        let arguments = ["restore-check", "--restored", restored, "--current", of];
        let refused = refused(&current, &arguments).await;
        assert!(refused.contains(message), "{refused}");
    }
}

#[tokio::test]
async fn what_was_deleted_by_mistake_is_kept_if_asked() {
    let current = TestTable::start().await;
    restore(&current).await;
    reported(&current, &["organization", "delete", "--organization", "sample", "--yes"]).await;
    let keep = ["--keep-organization", "sample", "--apply", "--yes"];
    let kept = reported(&current, &check(&current, &keep)).await;
    assert_eq!(kept["differences"], json!([]));
    assert!(revived(&current, SampleKey::FullAccess).await);
    let deleted = reported(&current, &check(&current, &["--apply", "--yes"])).await;
    assert_eq!(column(&deleted["differences"], "change"), ["deleted"]);
    assert!(!revived(&current, SampleKey::FullAccess).await);
    let listed = reported(&current, &["organization", "list", "--table", RESTORED]).await;
    assert_eq!(column(&listed["organizations"], "id"), ["other"]);
}
