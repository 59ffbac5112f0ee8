//! No secret in an item, in a log line, in an error, or in a second response.

use lakesail::{App, handle};
use latchkey::config::KeyPolicy;
use latchkey_local::NO_CACHE;
use latchkey_local::logs::Logs;
use latchkey_local::secrets::Secrets;
use latchkey_local::{Answer, TestTable, event, faulty};

#[tokio::test]
async fn no_item_log_line_or_error_holds_a_secret() {
    let logs = Logs::capture("lakesail");
    let table = TestTable::start().await;
    let mut secrets = Secrets::of_samples();
    let unlimited = KeyPolicy { key_limit: None, ..KeyPolicy::default() };
    let app = App { latchkey: table.latchkey(unlimited) };
    let mut minted = Vec::new();
    for case in event::cases("lakesail") {
        let mut event = event::json("lakesail", &case);
        // So that the table keeps the answer, sealed.
        event["headers"]["idempotency-key"] = case.as_str().into();
        if event["multiValueHeaders"].is_object() {
            event["multiValueHeaders"]["idempotency-key"] = vec![case.as_str()].into();
        }
        let request = event::parse(event);
        let work = latchkey::gateway::with_request_id(&case, handle(&app, request));
        let answer = Answer::from(work.await);
        match answer.body["key"].as_str() {
            Some(token) => {
                secrets.check(&answer.text.replace(token, ""), "a response beside its key");
                secrets.add(token);
                minted.push(case);
            }
            None => secrets.check(&answer.text, &case),
        }
    }
    for case in ["create-key", "create-root-key"] {
        assert!(minted.iter().any(|minted| minted == case), "{case} minted nothing");
    }
    let kept = format!("{:?}", table.items().await);
    assert!(kept.matches("S(\"IDEMPOTENCY#").count() >= minted.len(), "an answer was not kept");
    secrets.check_items(&table).await;
    secrets.check(&logs.text(), "a log line");
}

#[tokio::test(start_paused = true)]
async fn a_failing_store_is_logged_once_with_its_cause_and_without_a_secret() {
    let logs = Logs::capture("lakesail");
    let client = faulty::client(|_, _| faulty::error(400, "AccessDeniedException"));
    let store = latchkey::store::KeyStore::new(client, "table");
    let clock = latchkey::time::Clock::new(latchkey_local::sample::now);
    let app =
        App { latchkey: latchkey::Latchkey::new(store, KeyPolicy::default(), &NO_CACHE, clock) };
    let request = event::parse(event::json("lakesail", "create-key"));
    let answer =
        Answer::from(latchkey::gateway::with_request_id("id-1", handle(&app, request)).await);
    assert_eq!(answer.status, 500);
    assert_eq!(answer.string("/message"), "the key store refused the request");

    let lines = logs.lines();
    let failures: Vec<_> = lines.iter().filter(|line| line["level"] == "ERROR").collect();
    let [failure] = failures.as_slice() else { panic!("{lines:#?}") };
    assert_eq!(failure["http.status"], 500);
    assert!(failure["error.source"].as_str().is_some_and(|text| text.contains("AccessDenied")));
    assert!(lines.iter().all(|line| line["span"]["id"] == "id-1"), "{lines:#?}");
    Secrets::of_samples().check(&logs.text(), "a log line");
}

#[tokio::test(start_paused = true)]
async fn no_operation_tells_a_secret_when_the_store_fails() {
    let logs = Logs::capture("lakesail");
    let client = faulty::client(|_, _| faulty::error(400, "ResourceNotFoundException"));
    let store = latchkey::store::KeyStore::new(client, "table");
    let clock = latchkey::time::Clock::new(latchkey_local::sample::now);
    let app =
        App { latchkey: latchkey::Latchkey::new(store, KeyPolicy::default(), &NO_CACHE, clock) };
    let secrets = Secrets::of_samples();
    for case in event::cases("lakesail") {
        let answer = Answer::from(handle(&app, event::parse(event::json("lakesail", &case))).await);
        // What needs no look at the table is refused as ever.
        assert!(matches!(answer.status, 401 | 404 | 405 | 500), "{case}: {}", answer.text);
        secrets.check(&answer.text, &case);
    }
    secrets.check(&logs.text(), "a log line");
}

/// The answer to a store that is busy: 503, and when to come back.
#[tokio::test(start_paused = true)]
async fn a_busy_store_is_said_in_the_dialect() {
    let logs = Logs::capture("lakesail");
    let client = faulty::client(|_, _| faulty::error(400, "ThrottlingException"));
    let store = latchkey::store::KeyStore::new(client, "table");
    let clock = latchkey::time::Clock::new(latchkey_local::sample::now);
    let app =
        App { latchkey: latchkey::Latchkey::new(store, KeyPolicy::default(), &NO_CACHE, clock) };
    let answer =
        Answer::from(handle(&app, event::parse(event::json("lakesail", "create-key"))).await);
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header("retry-after"), "1");
    assert_eq!(answer.string("/message"), "the key store did not answer; try again");
    assert_eq!(logs.lines().iter().filter(|line| line["level"] == "ERROR").count(), 1);
}
