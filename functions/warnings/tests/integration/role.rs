//! The function's role in the template allows exactly its requests.

use latchkey::store::KeyStore;
use latchkey_testkit::TestTable;
use latchkey_testkit::actions::Actions;
use latchkey_testkit::permissions::{check_actions, statements};
use serde_json::json;
use warnings::handle;

use crate::common::{Lines, app, create_root_key, in_time, mint, policy};

#[tokio::test]
async fn the_role_allows_exactly_what_runs_do() {
    let table = TestTable::start().await;
    mint(&table, 8).await;
    create_root_key(&table, 8).await;
    let actions = Actions::default();
    // The first run puts the samples into the index; the later ones announce all keys for both reasons, and drop one
    // that has ended.
    for day in [1, 7, 100, 101] {
        let store = KeyStore::new(table.client_with(actions.clone()), table.name());
        let app = app(store, &policy(Some(90)), day, &Lines::default());
        handle(&app, in_time()).await.expect("a run");
    }
    // All functions share a policy that allows it, which reads no more than `GetItem`.
    check_actions("warnings", &actions, &["dynamodb:BatchGetItem"]);
    assert_eq!(
        actions.put_partitions(),
        ["AUDIT", "AUDIT#*", "WARNINGS"].map(str::to_owned).into()
    );
    let statements = statements("WarningsRole").into_iter();
    let puts = statements.filter(|statement| statement["Action"] == json!(["dynamodb:PutItem"]));
    let partitions = puts.flat_map(|statement| {
        let condition = statement["Condition"].as_object().cloned().expect("a condition");
        let restrict = condition.into_iter().filter(|(operator, _)| operator != "Null");
        let keys = restrict.map(|(_, keys)| keys["dynamodb:LeadingKeys"].clone());
        keys.flat_map(|keys| keys.as_array().cloned().expect("partitions")).collect::<Vec<_>>()
    });
    assert!(partitions.eq(["AUDIT", "AUDIT#*", "WARNINGS"]));
}
