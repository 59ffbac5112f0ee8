//! A run that fails is an error, so that Lambda's alarm goes off, and says what to do.

use aws_sdk_dynamodb::types::AttributeValue;
use latchkey::store::KeyStore;
use latchkey_testkit::sample::ACCOUNT;
use latchkey_testkit::{TestTable, faulty, table};
use warnings::handle;

use crate::common::{Lines, announced, app, day, in_time, mint, policy};

#[tokio::test]
async fn a_table_without_the_index_is_explained_until_it_has_one() {
    let table = TestTable::start().await;
    let create = table::without_index(&table.client, "before").expect("a request");
    create.send().await.expect("a table");
    let store = KeyStore::new(table.client.clone(), "before");
    let app = app(store, &policy(None), 1, &Lines::default());
    let failed = handle(&app, in_time()).await.expect_err("no index");
    assert_eq!(failed.error_type, "NotRun");
    for told in ["no index `reviews`", "docs/warnings.md"] {
        assert!(failed.error_message.contains(told), "{}", failed.error_message);
    }
    // Twice, because `cargo dev` does so at each start.
    for _ in 0..2 {
        table::add_index(&table.client, "before").await.expect("an index");
        assert!(handle(&app, in_time()).await.expect("a run").finished);
    }
}

#[tokio::test]
async fn a_table_that_refuses_requests_is_not_said_to_lack_its_index() {
    let (client, _) = faulty::denied();
    let app = app(KeyStore::new(client, "table"), &policy(None), 1, &Lines::default());
    let failed = handle(&app, in_time()).await.expect_err("denied");
    assert_eq!(failed.error_type, "NotRun");
    assert!(!failed.error_message.contains("no index"), "{}", failed.error_message);
    assert!(failed.error_message.contains("AccessDenied"), "{}", failed.error_message);
}

#[tokio::test]
async fn a_key_that_cannot_be_announced_fails_the_run_and_holds_up_no_other() {
    let table = TestTable::start().await;
    mint(&table, 8).await;
    // The record of another key is damaged.
    let damaged = [
        ("pk", AttributeValue::S(format!("ACCOUNT#{ACCOUNT}"))),
        ("sk", AttributeValue::S("KEY#0197D3N19KNDD6Z5".to_owned())),
        ("review", AttributeValue::S("0".to_owned())),
        ("review_at", AttributeValue::N(day(0).as_millis().to_string())),
        // So that no walk reads it.
        ("revoked_at", AttributeValue::N("0".to_owned())),
    ];
    let item = damaged.into_iter().map(|(name, value)| (name.to_owned(), value));
    let put = table.client.put_item().table_name(table.name()).set_item(Some(item.collect()));
    put.send().await.expect("an item");
    let lines = Lines::default();
    let failed = handle(&app(table.store(), &policy(None), 7, &lines), in_time()).await;
    let failed = failed.expect_err("a damaged key");
    assert_eq!(failed.error_type, "NotAnnounced");
    assert_eq!(failed.error_message, "1 keys could not be announced");
    assert_eq!(announced(&table, false).await.len(), 1);
    let [all, _] = &lines.take()[..] else { panic!("a line for all, and one for the days") };
    assert_eq!((all["KeysExpiring"].as_u64(), all["WarningsFailed"].as_u64()), (Some(1), Some(1)));
}
