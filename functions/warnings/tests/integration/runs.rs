//! What a run announces, counts, and returns.

use latchkey::id::KeyId;
use latchkey_testkit::TestTable;
use latchkey_testkit::sample::SampleKey;
use serde_json::{Value, json};
use tokio::time::Instant;
use warnings::{Response, handle};

use crate::common::{Lines, announced, app, create_root_key, in_time, mint, policy};

/// A metric of a line, with the values of its dimensions, as CloudWatch reads them.
fn metrics(lines: &[Value]) -> Vec<(String, Vec<String>, u64)> {
    let mut found = Vec::new();
    for line in lines {
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Namespace"], "Latchkey/test");
        let dimensions = directive["Dimensions"][0].as_array().expect("dimensions").iter();
        let value = |name: &Value| line[name.as_str().expect("a name")].as_str().map(str::to_owned);
        let dimensions: Vec<String> = dimensions.filter_map(value).collect();
        for metric in directive["Metrics"].as_array().expect("metrics") {
            assert_eq!(metric["Unit"], "Count");
            let name = metric["Name"].as_str().expect("a name");
            found.push((
                name.to_owned(),
                dimensions.clone(),
                line[name].as_u64().expect("a count"),
            ));
        }
    }
    found
}

fn metric(name: &str, dimensions: &[&str], count: u64) -> (String, Vec<String>, u64) {
    (name.to_owned(), dimensions.iter().map(|text| (*text).to_owned()).collect(), count)
}

#[tokio::test]
async fn a_key_that_ends_soon_is_announced_once_and_counted() {
    let table = TestTable::start().await;
    let (key, root) = (mint(&table, 20).await, create_root_key(&table, 14).await);
    let later = mint(&table, 40).await;
    let lines = Lines::default();
    let on = async |day| handle(&app(table.store(), &policy(None), day, &lines), in_time()).await;
    let nothing = Response { expiring: 0, unused: 0, indexed: 0, finished: true };

    assert_eq!(on(1).await.expect("a run").expiring, 0);
    assert_eq!(lines.take(), [] as [Value; 0]);
    // The root key has a day left, and seven of the other key have passed for a while.
    let two = Response { expiring: 2, ..nothing.clone() };
    assert_eq!(on(13).await.expect("a run"), two);
    let expected = [
        metric("KeysExpiring", &["warnings"], 2),
        metric("KeysExpiring", &["warnings", "1"], 1),
        metric("KeysExpiring", &["warnings", "7"], 1),
    ];
    assert_eq!(metrics(&lines.take()), expected);
    assert_eq!(on(13).await.expect("a run"), nothing);
    assert_eq!(lines.take(), [] as [Value; 0]);
    assert_eq!(on(19).await.expect("a run").expiring, 1);
    assert_eq!(on(33).await.expect("a run").expiring, 1);
    let step =
        |key: &KeyId, days: &str| ("api_key.expiring".to_owned(), key.to_string(), days.to_owned());
    assert_eq!(
        announced(&table, false).await,
        [step(&key, "7"), step(&key, "1"), step(&later, "7")]
    );
    let of_root = ("root_key.expiring".to_owned(), root.to_string(), "1".to_owned());
    assert_eq!(announced(&table, true).await, [of_root]);
}

#[tokio::test]
async fn keys_from_before_the_setting_are_put_into_the_index_and_announced_if_nobody_uses_them() {
    let table = TestTable::start().await;
    let lines = Lines::default();
    let on = async |day| {
        handle(&app(table.store(), &policy(Some(90)), day, &lines), in_time()).await.expect("a run")
    };
    let first = on(1).await;
    assert!(first.indexed > 0 && first.unused == 0, "{first:?}");
    let second = on(100).await;
    assert!(second.unused >= first.indexed, "{second:?}");
    let counted = metric("KeysUnused", &["warnings"], second.unused);
    assert_eq!(metrics(&lines.take()), [counted]);
    let unused = announced(&table, false).await;
    let [minter, revoked] = [SampleKey::Minter, SampleKey::Revoked].map(|key| key.mint().0.id);
    let of = |key: &KeyId| -> Vec<_> {
        unused.iter().filter(|(_, id, _)| *id == key.to_string()).cloned().collect()
    };
    let expected = ("api_key.unused".to_owned(), minter.to_string(), "90".to_owned());
    assert_eq!(of(&minter), [expected]);
    assert_eq!(of(&revoked), [], "an ended key is announced");
}

#[tokio::test]
async fn a_run_without_time_does_nothing_and_the_next_one_does_it() {
    let table = TestTable::start().await;
    mint(&table, 7).await;
    let lines = Lines::default();
    let app = app(table.store(), &policy(None), 6, &lines);
    let late = handle(&app, Instant::now()).await.expect("a run");
    assert_eq!(late, Response { expiring: 0, unused: 0, indexed: 0, finished: false });
    assert_eq!(announced(&table, false).await, []);
    let next = handle(&app, in_time()).await.expect("a run");
    assert_eq!((next.expiring, next.finished), (1, true));
}

#[test]
fn the_response_says_what_was_done() {
    let response = Response { expiring: 3, unused: 2, indexed: 1, finished: false };
    let expected = json!({ "expiring": 3, "unused": 2, "indexed": 1, "finished": false });
    assert_eq!(serde_json::to_value(&response).expect("JSON"), expected);
}
