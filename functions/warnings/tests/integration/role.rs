//! The function's role in the template allows exactly its requests.

use std::collections::BTreeSet;

use latchkey::store::KeyStore;
use latchkey_testkit::TestTable;
use latchkey_testkit::actions::Actions;
use latchkey_testkit::permissions::{check_actions, statements};
use serde_json::{Value, json};
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
    let puts = actions.puts();
    assert!(puts.keys().eq(["AUDIT", "AUDIT#*", "DEPLOYMENT"]), "{:?}", puts.keys());
    let remembers = statements("WarningsRole").into_iter().find(|it| it["Sid"] == "Remember");
    let remembers =
        remembers.expect("a statement")["Condition"]["ForAllValues:StringEquals"].take();
    assert_eq!(remembers["dynamodb:LeadingKeys"], json!(["DEPLOYMENT"]));
    let allowed = remembers["dynamodb:Attributes"].as_array().expect("a list").iter();
    let mut allowed: BTreeSet<&str> = allowed.filter_map(Value::as_str).collect();
    // A walk over a small table never stops, so it has no position to remember.
    assert!(allowed.remove("position"));
    assert!(allowed.into_iter().eq(&puts["DEPLOYMENT"]), "{:?}", puts["DEPLOYMENT"]);
}
