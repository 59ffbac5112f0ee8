//! Lists of keys and their filters.

use crate::common::{
    column, id, key_prefix, latchkey, partition, put, refused, reported, set_time,
};
use crate::common::{printed, stderr, stdout};
use aws_sdk_dynamodb::types::AttributeValue;
use latchkey_testkit::TestTable;
use latchkey_testkit::sample::{ACCOUNT, DISABLED_ACCOUNT, OTHER_ACCOUNT, SampleKey};
use latchkey_testkit::secrets::Secrets;

/// The IDs of the sample account's keys that match `conditions`.
async fn left(table: &TestTable, conditions: &[&str]) -> Vec<String> {
    let list = [&["key", "list", "--account", ACCOUNT], conditions].concat();
    column(&reported(table, &list).await["keys"], "id")
}

fn ids(keys: &[SampleKey]) -> Vec<String> {
    let mut ids: Vec<String> = keys.iter().copied().map(id).collect();
    ids.sort();
    ids
}

#[tokio::test]
async fn a_list_shows_how_every_key_stands() {
    let table = TestTable::start().await;
    set_time(&table, SampleKey::Minter, "last_used_at", "2026-01-03T04:05:06.789Z").await;
    let list = ["key", "list", "--account", ACCOUNT];
    let text = printed(&table, &list).await;
    Secrets::of_samples().check(&text, "a list");
    let mut lines = text.lines();
    let width = key_prefix(SampleKey::Minter).len();
    let header = "STATUS   CREATED               EXPIRES               LAST USED             \
                  SCOPES                    NAME";
    assert_eq!(lines.next(), Some(format!("{:width$}  {header}", "KEY").as_str()));
    let created = "2026-01-01T00:00:00Z";
    let nothing = "-                   ";
    let full = "full access             ";
    let mut rows = [
        (SampleKey::FullAccess, "live   ", nothing, nothing, full),
        (SampleKey::Minter, "live   ", nothing, "2026-01-03T04:05:06Z", "keys.write,sessions.read"),
        (SampleKey::Reader, "live   ", "2035-12-30T00:00:00Z", nothing, "keys.read               "),
        (SampleKey::Expired, "expired", "2025-12-31T23:59:59Z", nothing, full),
        (SampleKey::Revoked, "revoked", nothing, nothing, full),
    ]
    .map(|(key, status, expires, used, scopes)| {
        format!("{}  {status}  {created}  {expires}  {used}  {scopes}  sample", key_prefix(key))
    });
    rows.sort();
    assert_eq!(lines.collect::<Vec<_>>(), rows);

    let listed = reported(&table, &list).await;
    assert_eq!(listed["keys"].as_array().map(Vec::len), Some(5));
    let show = ["key", "show", "--key", &key_prefix(SampleKey::Minter)];
    let shown = reported(&table, &show).await["key"].clone();
    assert!(listed["keys"].as_array().is_some_and(|keys| keys.contains(&shown)), "{listed}");
}

#[tokio::test]
async fn a_list_of_an_organization_has_the_keys_of_all_its_accounts() {
    let table = TestTable::start().await;
    let list = ["key", "list", "--organization", "sample"];
    let listed = reported(&table, &list).await;
    let accounts = column(&listed["keys"], "service_account");
    assert_eq!(accounts.len(), 5 + 10 + 1);
    assert!(accounts.is_sorted() && !accounts.contains(&OTHER_ACCOUNT.to_owned()));
    let other = reported(&table, &["key", "list", "--organization", "other"]).await;
    assert_eq!(column(&other["keys"], "id"), [id(SampleKey::Other)]);

    // A key can be live while its account is disabled.
    let output = latchkey(&table, &list).await;
    let note =
        format!("Service account {DISABLED_ACCOUNT} is disabled: all of its keys are rejected.");
    assert_eq!(stderr(&output), note + "\n");
    assert_eq!(stdout(&output).lines().count(), 17);
    let none = printed(&table, &["key", "list", "--organization", "other", "--expired"]).await;
    assert_eq!(none, "KEY  STATUS  CREATED  EXPIRES  LAST USED  SCOPES  NAME\n");
}

#[tokio::test]
async fn an_account_or_an_organization_is_named() {
    let table = TestTable::start().await;
    let account = refused(&table, &["key", "list", "--account", "NONE"]).await;
    assert_eq!(account, "error: service account `NONE` does not exist\n");
    let organization = refused(&table, &["key", "list", "--organization", "nobody"]).await;
    assert!(organization.starts_with("error: organization `nobody` does not exist\n"));
    let neither = refused(&table, &["key", "list"]).await;
    assert_eq!(
        neither,
        "error: no service account or organization: pass `--account`, `--organization`, or \
         `--created-by`\n"
    );
    let both = ["key", "list", "--account", ACCOUNT, "--organization", "sample"];
    assert!(refused(&table, &both).await.contains("cannot be used with"));
}

#[tokio::test]
async fn expired_and_revoked_keys_are_told_apart() {
    let table = TestTable::start().await;
    assert_eq!(left(&table, &["--expired"]).await, ids(&[SampleKey::Expired]));
    assert_eq!(left(&table, &["--revoked"]).await, ids(&[SampleKey::Revoked]));
    let list = ["key", "list", "--account", ACCOUNT, "--expired"];
    for other in [&["--revoked"][..], &["--expires-before", "1d"], &["--unused-since", "1d"]] {
        // No key can match both conditions.
        let refused = refused(&table, &[&list[..], other].concat()).await;
        assert!(refused.contains("cannot be used with"), "{refused}");
    }
}

#[tokio::test]
async fn what_ends_soon_is_found_by_time_and_by_distance() {
    let table = TestTable::start().await;
    let before = async |moment| left(&table, &["--expires-before", moment]).await;
    assert_eq!(before("2035-12-30T00:00:01Z").await, ids(&[SampleKey::Reader]));
    assert_eq!(before("2035-12-30T00:00:00Z").await, [""; 0]);

    let mint = ["key", "mint", "--account", ACCOUNT, "--expires-in", "10d"];
    let minted = reported(&table, &mint).await["key"]["id"].clone();
    assert_eq!(before("30d").await, [minted.as_str().expect("an id")]);
    assert_eq!(before("9d").await, [""; 0]);
    // A rotated key ends with its grace period.
    let rotate = ["key", "rotate", "--key", &key_prefix(SampleKey::FullAccess), "--grace", "8d"];
    reported(&table, &rotate).await;
    assert_eq!(before("9d").await, ids(&[SampleKey::FullAccess]));
    let moment = refused(&table, &["key", "list", "--account", ACCOUNT, "--expires-before", "x"]);
    assert!(moment.await.contains("such as 30d or 12h"));
}

#[tokio::test]
async fn what_is_unused_was_there_to_be_used() {
    let table = TestTable::start().await;
    let since = async |moment| left(&table, &["--unused-since", moment]).await;
    set_time(&table, SampleKey::Minter, "last_used_at", "2026-01-03T00:00:00Z").await;
    set_time(&table, SampleKey::Reader, "last_used_at", "2026-01-02T00:00:00Z").await;
    let (full, minter, reader) = (SampleKey::FullAccess, SampleKey::Minter, SampleKey::Reader);
    assert_eq!(since("2026-01-03T00:00:01Z").await, ids(&[full, minter, reader]));
    assert_eq!(since("2026-01-03T00:00:00Z").await, ids(&[full, reader]));
    assert_eq!(since("2026-01-02T00:00:00Z").await, ids(&[full]));
    assert_eq!(since("2026-01-01T00:00:00Z").await, [""; 0], "minted at that time");

    reported(&table, &["key", "mint", "--account", ACCOUNT]).await;
    assert_eq!(since("1h").await, ids(&[full, minter, reader]), "minted since");

    // A key must meet all conditions.
    let ending =
        ["--unused-since", "2026-01-03T00:00:00Z", "--expires-before", "2099-01-01T00:00:00Z"];
    assert_eq!(left(&table, &ending).await, ids(&[reader]));
}

#[tokio::test]
async fn a_list_of_keys_has_no_last_page_but_the_last() {
    let table = TestTable::start().await;
    let items = partition(&table, &format!("ACCOUNT#{OTHER_ACCOUNT}")).await;
    let key = items.into_iter().find(|item| item.contains_key("digest")).expect("a key");
    for number in 0..230 {
        let mut key = key.clone();
        key.insert("sk".to_owned(), AttributeValue::S(format!("KEY#{number:04}")));
        key.insert("id".to_owned(), AttributeValue::S(format!("{number:04}")));
        put(&table, key).await;
    }
    for whose in [["--account", OTHER_ACCOUNT], ["--organization", "other"]] {
        let listed = reported(&table, &[&["key", "list"], &whose[..]].concat()).await;
        let ids = column(&listed["keys"], "id");
        assert_eq!(ids.len(), 231);
        assert!(ids.is_sorted(), "oldest first");
    }
}
