//! The roles of the template against what the functions really ask of the table: exactly that.

#[path = "../../functions/authorizer/tests/cases/mod.rs"]
mod authorizer_cases;
#[path = "../../functions/chaser/tests/cases/mod.rs"]
mod chaser_cases;
#[path = "../../functions/lakesail/tests/cases/mod.rs"]
mod lakesail_cases;
#[path = "../../functions/oauth/tests/cases/mod.rs"]
mod oauth_cases;

use std::collections::BTreeSet;
use std::time::Duration;

use latchkey::Latchkey;
use latchkey::config::KeyPolicy;
use latchkey::store::KeyStore;
use latchkey::time::Clock;
use latchkey_local::actions::Actions;
use latchkey_local::suite::Case;
use latchkey_local::{Answer, NO_CACHE, TestTable, event, project, sample};
use serde_json::Value;

/// The statements of `role`.
fn statements(role: &str) -> Vec<Value> {
    let template = project::yaml("template.yaml");
    let policies = template["Resources"][role]["Properties"]["Policies"].as_array().cloned();
    let statements = policies.expect("policies").into_iter().flat_map(|policy| {
        policy["PolicyDocument"]["Statement"].as_array().cloned().expect("statements")
    });
    // One that is there for a choice only is the second part of the choice.
    statements.map(|one| one.get(1).cloned().unwrap_or(one)).collect()
}

/// What `role` may do with the table.
fn allowed(role: &str) -> BTreeSet<String> {
    let statements = statements(role).into_iter();
    let actions = statements.flat_map(|statement| texts(&statement["Action"]));
    actions.filter(|action| action.starts_with("dynamodb:")).collect()
}

/// The attributes that `role` may name in an update, if that is bounded.
fn updatable(role: &str) -> BTreeSet<String> {
    let bounds = statements(role)
        .into_iter()
        .filter(|statement| texts(&statement["Action"]).contains("dynamodb:UpdateItem"));
    let attributes = bounds.map(|statement| {
        texts(&statement["Condition"]["ForAllValues:StringEquals"]["dynamodb:Attributes"])
    });
    attributes.flatten().collect()
}

/// The texts of a list.
fn texts(list: &Value) -> BTreeSet<String> {
    let texts = list.as_array().expect("a list").iter();
    texts.map(|text| text.as_str().expect("a text").to_owned()).collect()
}

/// Sends each of `cases` to `serve`, a function of this name, over a table and a service of its own, and
/// returns what was asked of the tables: by the start, the events, and what follows each answer.
async fn used(function: &str, cases: Vec<Case>, serve: impl AsyncFn(&Latchkey, Value)) -> Actions {
    let actions = Actions::default();
    for case in cases {
        let table = TestTable::start().await;
        let client = table.client_with(actions.clone());
        latchkey::client::prewarm(&client, table.name(), 1).await;
        let store = KeyStore::new(client, table.name());
        let latchkey =
            Latchkey::new(store, KeyPolicy::default(), &NO_CACHE, Clock::new(sample::now))
                .recording_uses(Duration::from_secs(1));
        serve(&latchkey, case.event(function)).await;
        latchkey.after_answer().await;
    }
    actions
}

#[tokio::test]
async fn lakesail_may_do_what_it_does() {
    let used = used("lakesail", lakesail_cases::all(), async |latchkey, event| {
        let app = lakesail::App { latchkey: latchkey.clone() };
        let answer = Answer::from(lakesail::handle(&app, event::parse(event)).await);
        assert!(answer.status < 500, "{}", answer.text);
    });
    assert_eq!(used.await.noted(), allowed("LakesailRole"));
}

#[tokio::test]
async fn chaser_may_do_what_it_does() {
    let used = used("chaser", chaser_cases::all(), async |latchkey, event| {
        let scopes = chaser::AllowedScopes::parse("").expect("the vendor's scopes");
        let app = chaser::App { latchkey: latchkey.clone(), scopes };
        let answer = Answer::from(chaser::handle(&app, event::parse(event)).await);
        assert!(answer.status < 500, "{}", answer.text);
    });
    assert_eq!(used.await.noted(), allowed("ChaserRole"));
}

#[tokio::test]
async fn oauth_may_do_what_it_does() {
    let used = used("oauth", oauth_cases::all(), async |latchkey, event| {
        let settings = oauth::Settings::default();
        let app = oauth::App { latchkey: latchkey.clone(), settings };
        let answer = oauth::handle(&app, event::parse(event)).await;
        assert!(!answer.status().is_server_error());
    });
    assert_eq!(used.await.noted(), allowed("OauthRole"));
}

#[tokio::test]
async fn the_authorizer_may_do_what_it_does() {
    let used = used("authorizer", authorizer_cases::all(), async |latchkey, event| {
        let settings = authorizer::Settings::from_lookup(|_| None).expect("the defaults");
        let app = authorizer::App { latchkey: latchkey.clone(), settings };
        let event = serde_json::from_value(event).expect("an event");
        // An event that names no API has no verdict, and reads nothing.
        let _ = authorizer::handle(&app, event).await;
    });
    let used = used.await;
    assert_eq!(used.noted(), allowed("AuthorizerRole"));
    assert_eq!(used.updated(), updatable("AuthorizerRole"));
}
