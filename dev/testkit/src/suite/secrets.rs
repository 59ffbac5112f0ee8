//! No item, log line, error, or second response contains a secret.
//!
//! Each scenario captures the logs of its thread, so their tests are in a file of their own.

use std::collections::BTreeSet;

use latchkey::Latchkey;
use latchkey::audit::Event;
use latchkey::id::OrganizationId;
use latchkey::policy::KeyPolicy;
use latchkey::service::Clock;
use latchkey::store::{EventRange, KeyStore, Order};
use latchkey_http::serve;
use serde_json::Value;

use super::change::header;
use super::{Case, Dialect};
use crate::logs::Logs;
use crate::sample::SampleKey;
use crate::secrets::Secrets;
use crate::{Answer, NO_CACHE, TestTable, event, faulty, sample};

/// No response or log line of `cases` contains a secret, except for the key that a request creates.
///
/// The requests named in `minting` create a key.
///
/// # Panics
///
/// If there is such a secret.
pub async fn no_item_log_line_or_error_holds_a_secret<D: Dialect>(
    mut cases: Vec<Case>,
    minting: &[&str],
) {
    let logs = Logs::capture(D::NAME);
    let table = TestTable::start().await;
    let mut secrets = Secrets::of_samples();
    let unlimited = KeyPolicy { key_limit: None, ..KeyPolicy::default() };
    let dialect = D::over(table.latchkey(unlimited));
    let mut minted = Vec::new();
    // Sorted by name: a delete that ends the callers of other requests comes after the creates.
    cases.sort_by(|left, right| left.name().cmp(right.name()));
    for case in &cases {
        let answer = answer(&dialect, case.name(), keeping::<D>(case)).await;
        match answer.body["key"].as_str() {
            Some(token) => {
                secrets.check(&answer.text.replace(token, ""), "a response beside its key");
                secrets.add(token);
                minted.push(case.name());
            }
            None => secrets.check(&answer.text, case.name()),
        }
    }
    for case in minting {
        assert!(minted.contains(case), "{case} minted nothing");
    }
    let kept = format!("{:?}", table.items().await);
    assert!(kept.matches("S(\"IDEMPOTENCY#").count() >= minted.len(), "an answer was not kept");
    secrets.check_items(&table).await;
    secrets.check(&logs.text(), "a log line");
}

/// Each change is logged in one line with its caller and the request's ID; `actions` are all that `cases` do.
///
/// # Panics
///
/// If one is not, or if the actions are others.
pub async fn every_change_is_logged_with_its_caller<D: Dialect>(
    cases: Vec<Case>,
    actions: &[&str],
) {
    let logs = Logs::capture(D::NAME);
    let mut seen = BTreeSet::new();
    for case in &cases {
        // What one case ends, another one may need.
        let table = TestTable::start().await;
        let dialect = D::over(table.latchkey(KeyPolicy::default()));
        let before = logs.lines().len();
        let answer = answer(&dialect, case.name(), case.event(D::NAME)).await;
        let lines = logs.lines().split_off(before);
        let changes: Vec<_> = lines.iter().filter(|line| line["action"].is_string()).collect();
        let [change] = changes.as_slice() else {
            assert!(changes.is_empty(), "{}: {changes:#?}", case.name());
            continue;
        };
        assert!(answer.status < 300, "{}: {change:#}", case.name());
        let (action, caller) = (change["action"].as_str().expect("an action"), &change["span"]);
        seen.insert(action.to_owned());
        assert_eq!((&change["level"], &caller["id"]), (&"INFO".into(), &case.name().into()));
        assert!(caller["caller.key.id"].is_string(), "{change:#}");
        assert!(target(change).is_string(), "{change:#}");
        // A root key belongs to no organization.
        if caller["caller.key.id"] != SampleKey::Root.mint().0.id.as_ref() {
            assert_eq!(caller["caller.organization.id"], sample::ORGANIZATION, "{change:#}");
            assert!(caller["caller.account.id"].is_string(), "{change:#}");
        }
    }
    let actions: BTreeSet<_> = actions.iter().map(|action| (*action).to_owned()).collect();
    assert_eq!(seen, actions);
}

/// Each change is one event in the audit trail, and a rotation is two, with the caller and the origin of the request.
/// Nothing else is an event, and no event has a secret. `actions` are all that `cases` do.
///
/// # Panics
///
/// If an event is missing, is wrong, or should not be there, or if the actions are others.
pub async fn every_change_is_in_the_trail_with_its_caller<D: Dialect>(
    cases: Vec<Case>,
    actions: &[&str],
) {
    let logs = Logs::capture(D::NAME);
    let mut seen = BTreeSet::new();
    for case in &cases {
        let table = TestTable::start().await;
        let dialect = D::over(table.latchkey(KeyPolicy::default()));
        let (logged, before) = (logs.lines().len(), events(&table).await);
        let request = case.event(D::NAME);
        let answer = answer(&dialect, case.name(), request.clone()).await;
        let mut events = events(&table).await;
        events.retain(|event| !before.contains(event));

        // The log says independently what changed.
        let lines = logs.lines().split_off(logged);
        let changes = lines.iter().filter(|line| line["action"].is_string());
        let rotated = changes.clone().map(|change| &change["rotated.key.id"]);
        let targets = changes.clone().map(target).chain(rotated);
        let mut expected: Vec<&str> = targets.filter_map(Value::as_str).collect();
        let mut found: Vec<&str> = events.iter().map(|event| event.resource.id.as_str()).collect();
        expected.sort_unstable();
        found.sort_unstable();
        assert!(found == expected, "{}: {lines:#?}: {events:#?}", case.name());

        for (event, change) in events.iter().zip(changes.cycle()) {
            let (actor, caller) = (&event.actor, &change["span"]);
            assert_eq!(caller["caller.key.id"], Value::from(actor.key.as_deref()), "{event:?}");
            let root = caller["caller.organization.id"].is_null();
            let (kind, holder) = match root {
                true => ("root_key", &caller["caller.key.id"]),
                false => ("service_account", &caller["caller.account.id"]),
            };
            assert_eq!((actor.kind.as_str(), &Value::from(actor.id.as_deref())), (kind, holder));
            assert_eq!(
                event.trail.as_ref().map(AsRef::as_ref),
                caller["caller.organization.id"].as_str()
            );
            let origin = &event.origin;
            assert_eq!(origin.request.as_deref(), Some(case.name()));
            assert_eq!(origin.source_ip.as_deref(), Some(said(&request, "sourceIp")));
            assert_eq!(origin.user_agent.as_deref(), Some(said(&request, "userAgent")));
            seen.insert(event.action.clone());
        }
        let mut secrets = Secrets::of_samples();
        if let Some(token) = answer.body["key"].as_str() {
            secrets.add(token);
        }
        secrets.check_items(&table).await;
        secrets.check(&format!("{events:?}"), "an event");
    }
    let actions: BTreeSet<_> = actions.iter().map(|action| (*action).to_owned()).collect();
    assert_eq!(seen, actions);
}

/// The ID of what a line of the log says was changed.
fn target(change: &Value) -> &Value {
    let action = change["action"].as_str().expect("an action");
    match action.split_once('.').map_or(action, |(kind, _)| kind) {
        "service_account" => &change["account.id"],
        "webhook" => &change["webhook.id"],
        _ => &change["key.id"],
    }
}

/// What the gateway says of the client, in either payload.
fn said<'r>(request: &'r Value, name: &str) -> &'r str {
    let context = &request["requestContext"];
    let value = [&context["http"][name], &context["identity"][name]];
    value.into_iter().find_map(Value::as_str).expect(name)
}

/// Every event of the table.
async fn events(table: &TestTable) -> Vec<Event> {
    let mut events = Vec::new();
    for trail in [Some(sample::ORGANIZATION), Some(sample::OTHER_ORGANIZATION), None] {
        let trail = trail.map(|id| id.parse::<OrganizationId>().expect("an ID"));
        let (all, order) = (EventRange::default(), Order::OldestFirst);
        let page = table.store().events(trail.as_ref(), &all, order, 1000).await.expect("a page");
        assert!(page.complete, "more events than a page has");
        events.extend(page.events);
    }
    events
}

/// A store that rejects requests causes a 500, which is logged once with the request's ID.
///
/// # Panics
///
/// If it does not.
pub async fn a_failing_store_is_logged_once_with_its_cause_and_without_a_secret<D: Dialect>() {
    let logs = Logs::capture(D::NAME);
    let answer = answer_over::<D>("AccessDeniedException", &"create-key".into()).await;
    assert_eq!(answer.status, 500);
    assert!(
        answer.text.contains(r#""message":"the key store rejected the request""#),
        "{answer:?}"
    );

    let lines = logs.lines();
    let failures: Vec<_> = lines.iter().filter(|line| line["level"] == "ERROR").collect();
    let [failure] = failures.as_slice() else { panic!("{lines:#?}") };
    assert_eq!(failure["http.status"], 500);
    assert!(failure["error.source"].as_str().is_some_and(|text| text.contains("AccessDenied")));
    assert!(lines.iter().all(|line| line["span"]["id"] == "create-key"), "{lines:#?}");
    Secrets::of_samples().check(&logs.text(), "a log line");
}

/// If the store rejects requests, no response or log line of `cases` contains a secret.
///
/// # Panics
///
/// If one does.
pub async fn no_operation_tells_a_secret_when_the_store_fails<D: Dialect>(cases: Vec<Case>) {
    let logs = Logs::capture(D::NAME);
    let secrets = Secrets::of_samples();
    for case in &cases {
        let answer = answer_over::<D>("ResourceNotFoundException", case).await;
        let case = case.name();
        // A request that does not need the table is rejected as usual.
        assert!(matches!(answer.status, 401 | 404 | 405 | 500), "{case}: {}", answer.text);
        secrets.check(&answer.text, case);
    }
    secrets.check(&logs.text(), "a log line");
}

/// A busy store causes a 503 that says when to retry.
///
/// # Panics
///
/// If the response is a different one.
pub async fn a_busy_store_is_said_in_the_dialect<D: Dialect>() {
    let logs = Logs::capture(D::NAME);
    let answer = answer_over::<D>("ThrottlingException", &"create-key".into()).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header("retry-after"), "1");
    let message = r#""message":"the key store did not respond; try again""#;
    assert!(answer.text.contains(message), "{answer:?}");
    assert_eq!(logs.lines().iter().filter(|line| line["level"] == "ERROR").count(), 1);
}

/// The event of a request with a response that the table must store, sealed.
fn keeping<D: Dialect>(case: &Case) -> Value {
    case.clone().with(header("idempotency-key", case.name())).event(D::NAME)
}

/// The response to an event if the store fails with `code`.
async fn answer_over<D: Dialect>(code: &'static str, case: &Case) -> Answer {
    let store = KeyStore::new(faulty::client(move |_, _| faulty::error(400, code)), "table");
    let clock = Clock::new(sample::now);
    let dialect = D::over(Latchkey::new(store, KeyPolicy::default(), &NO_CACHE, clock));
    answer(&dialect, case.name(), case.event(D::NAME)).await
}

async fn answer<D: Dialect>(dialect: &D, id: &str, event: Value) -> Answer {
    Answer::from(serve::answer(id, dialect.handle(event::request(event, id))).await)
}
