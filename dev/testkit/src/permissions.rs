//! Compares the template's roles with the requests that the functions send to the table.

use std::collections::BTreeSet;
use std::time::Duration;

use latchkey::Latchkey;
use latchkey::policy::KeyPolicy;
use latchkey::service::Clock;
use latchkey::store::{KeyStore, client};
use serde_json::Value;

use crate::actions::Actions;
use crate::suite::Case;
use crate::{NO_CACHE, TestTable, project, sample};

/// Checks that the role of `function` allows exactly what the function does.
///
/// Sends each of `cases` to `serve`, with a separate table and service for each. Counts what the start, the
/// events, and the work after each response request of the tables.
///
/// # Panics
///
/// If the role allows more or less.
pub async fn check_role(function: &str, cases: Vec<Case>, serve: impl AsyncFn(&Latchkey, Value)) {
    let actions = Actions::default();
    for case in cases {
        let table = TestTable::start().await;
        let client = table.client_with(actions.clone());
        client::prewarm(&client, table.name()).await;
        let store = KeyStore::new(client, table.name());
        let latchkey =
            Latchkey::new(store, KeyPolicy::default(), &NO_CACHE, Clock::new(sample::now))
                .with_last_used(Duration::from_secs(1));
        serve(&latchkey, case.event(function)).await;
        latchkey.after_answer().await;
    }
    let role = project::resource(function, "Role");
    assert_eq!(actions.recorded(), allowed(&role));
    let updatable = updatable(&role);
    if !updatable.is_empty() {
        assert_eq!(actions.updated(), updatable);
    }
}

/// The statements of `role`.
fn statements(role: &str) -> Vec<Value> {
    let template = project::yaml("template.yaml");
    let policies = template["Resources"][role]["Properties"]["Policies"].as_array().cloned();
    let statements = policies.expect("policies").into_iter().flat_map(|policy| {
        policy["PolicyDocument"]["Statement"].as_array().cloned().expect("statements")
    });
    // A conditional statement is the second element of its `Fn::If`.
    statements.map(|one| one.get(1).cloned().unwrap_or(one)).collect()
}

/// The actions that `role` allows on the table.
fn allowed(role: &str) -> BTreeSet<String> {
    let statements = statements(role).into_iter();
    let actions = statements.flat_map(|statement| texts(&statement["Action"]));
    actions.filter(|action| action.starts_with("dynamodb:")).collect()
}

/// The attributes that `role` allows in an update; empty if they are not restricted.
fn updatable(role: &str) -> BTreeSet<String> {
    let updates = statements(role)
        .into_iter()
        .filter(|statement| texts(&statement["Action"]).contains("dynamodb:UpdateItem"));
    let bounds = updates.filter_map(|statement| {
        let bound = &statement["Condition"]["ForAllValues:StringEquals"]["dynamodb:Attributes"];
        (!bound.is_null()).then(|| texts(bound))
    });
    bounds.flatten().collect()
}

/// The strings in a list.
fn texts(list: &Value) -> BTreeSet<String> {
    let texts = list.as_array().expect("a list").iter();
    texts.map(|text| text.as_str().expect("a text").to_owned()).collect()
}
