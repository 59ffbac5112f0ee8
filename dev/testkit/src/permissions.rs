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
    check_actions(function, &actions, &[]);
}

/// Checks that the role of `function` allows exactly `actions`, which are everything that the function does, and
/// `unused` ones.
///
/// # Panics
///
/// If the role allows more or less.
pub fn check_actions(function: &str, actions: &Actions, unused: &[&str]) {
    let role = project::resource(function, "Role");
    let mut recorded = actions.recorded();
    for action in unused {
        assert!(recorded.insert((*action).to_owned()), "{function} uses {action}");
    }
    assert_eq!(recorded, allowed(&role));
    if let Some(updatable) = updatable(&role) {
        let updates = actions.updates();
        for update in &updates {
            let within = |attributes: &BTreeSet<String>| update.is_subset(attributes);
            assert!(updatable.iter().any(within), "{role} does not allow {update:?}");
        }
        let together = |sets: BTreeSet<BTreeSet<String>>| sets.into_iter().flatten().collect();
        let (named, allowed): (BTreeSet<_>, BTreeSet<_>) = (together(updates), together(updatable));
        assert_eq!(named, allowed, "{role}");
    }
}

/// The statements of a role: its own, and those of the managed policies that it names.
///
/// # Panics
///
/// If the template has no such role.
pub fn statements(role: &str) -> Vec<Value> {
    let properties = project::resources("AWS::IAM::Role")[role]["Properties"].clone();
    let managed = project::resources("AWS::IAM::ManagedPolicy");
    let named = properties.get("ManagedPolicyArns").map(texts).unwrap_or_default();
    let managed = named.into_iter().map(|policy| {
        managed.get(&policy).unwrap_or_else(|| panic!("{policy}"))["Properties"].clone()
    });
    let own = properties["Policies"].as_array().cloned().expect("policies");
    let statements = own.into_iter().chain(managed).flat_map(|policy| {
        policy["PolicyDocument"]["Statement"].as_array().cloned().expect("statements")
    });
    statements.collect()
}

/// The actions that `role` allows on the table.
fn allowed(role: &str) -> BTreeSet<String> {
    // A conditional statement is the second element of its `Fn::If`.
    let statements = statements(role).into_iter().map(|one| one.get(1).cloned().unwrap_or(one));
    let allows = statements.filter(|statement| statement["Effect"] == "Allow");
    let actions = allows.flat_map(|statement| texts(&statement["Action"]));
    actions.filter(|action| action.starts_with("dynamodb:")).collect()
}

/// The attributes that each statement of `role` allows in an update; none if one does not restrict them.
fn updatable(role: &str) -> Option<BTreeSet<BTreeSet<String>>> {
    let updates = statements(role).into_iter().filter(|statement| {
        statement["Effect"] == "Allow"
            && statement
                .get("Action")
                .is_some_and(|actions| texts(actions).contains("dynamodb:UpdateItem"))
    });
    let bounds = updates.map(|statement| {
        let bound = &statement["Condition"]["ForAllValues:StringEquals"]["dynamodb:Attributes"];
        // Of a condition, the element with more attributes.
        let bound = bound.as_array()?.get(1).filter(|more| more.is_array()).unwrap_or(bound);
        Some(texts(bound))
    });
    bounds.collect()
}

/// The strings in a list.
fn texts(list: &Value) -> BTreeSet<String> {
    let texts = list.as_array().expect("a list").iter();
    texts.map(|text| text.as_str().expect("a text").to_owned()).collect()
}
