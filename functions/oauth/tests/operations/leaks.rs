//! Leak reports: what they end, and that nobody but GitHub can send one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use latchkey::Latchkey;
use latchkey::audit::{Actor, Event};
use latchkey::leak::LeakAction;
use latchkey::operator;
use latchkey::policy::KeyPolicy;
use latchkey::service::{Clock, Freshness};
use latchkey::store::{EventRange, Order};
use latchkey::token::{Prefix, Token};
use latchkey_testkit::interruption::Interruption;
use latchkey_testkit::sample::{self, SampleKey};
use latchkey_testkit::suite::Case;
use latchkey_testkit::{NO_CACHE, TestTable, event};
use oauth::{App, KeySource, Settings};
use rand::rngs::SysRng;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::cases::{self, github};
use crate::{answer, answer_of, answer_with, cached, named};

/// The sample keys that are live.
const LIVE: [SampleKey; 5] = [
    SampleKey::FullAccess,
    SampleKey::Minter,
    SampleKey::Reader,
    SampleKey::Other,
    SampleKey::Root,
];

/// Those of `LIVE` that still are.
async fn live(latchkey: &Latchkey) -> Vec<SampleKey> {
    let mut live = Vec::new();
    for key in LIVE {
        if latchkey.verify(&key.token(), Freshness::Now).await.is_ok() {
            live.push(key);
        }
    }
    live
}

/// The service an hour later, in another environment.
fn later(table: &TestTable) -> Latchkey {
    table.latchkey_at(KeyPolicy::default(), sample::after_hours(1))
}

/// The response that GitHub documents for the report in `event`, if `keys` says which matches are keys.
fn feedback(event: &Value, keys: &[bool]) -> Value {
    let report: Value =
        serde_json::from_str(event["body"].as_str().expect("a body")).expect("JSON");
    let matches = report.as_array().expect("a list").iter();
    let feedback = matches.zip(keys).map(|(found, key)| {
        let digest = Sha256::digest(found["token"].as_str().expect("a token"));
        let hash: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let label = if *key { "true_positive" } else { "false_positive" };
        json!({"token_hash": hash, "token_type": found["type"], "label": label})
    });
    feedback.collect()
}

#[tokio::test]
async fn a_reported_key_is_revoked_and_every_match_gets_githubs_feedback() {
    for (case, (keys, ended)) in cases::reports() {
        let table = TestTable::start().await;
        let latchkey = table.latchkey(KeyPolicy::default());
        let event = case.event("oauth");
        let first = answer(&latchkey, case.name(), event.clone()).await;
        assert_eq!((first.status, &first.body), (200, &feedback(&event, keys)), "{}", case.name());
        let expected: Vec<_> = LIVE.into_iter().filter(|key| !ended.contains(key)).collect();
        assert_eq!(live(&latchkey).await, expected, "{}", case.name());

        // The same report again, also later in another environment: the same feedback, and nothing changes.
        let before = table.items().await;
        for again in [&latchkey, &later(&table)] {
            let second = answer(again, case.name(), event.clone()).await;
            assert_eq!(second.body, first.body, "{}", case.name());
        }
        assert!(table.items().await == before, "{} changed something again", case.name());
    }
}

/// Not even GitHub ends a key by its ID, which is no secret.
#[tokio::test]
async fn the_right_key_with_another_secret_is_no_key_and_changes_nothing() {
    for action in [LeakAction::Revoke, LeakAction::Disable] {
        let table = TestTable::start().await;
        let before = table.items().await;
        let key = SampleKey::Reader.mint().0;
        let other = Token::mint(&mut SysRng, &Prefix::default(), key.spec.account, key.id);
        let found = github::found(other.expect("random numbers").expose());
        let report = github::signed(json!([found]).to_string());
        let event = Case::of("report-leak").row("other-secret", report).event("oauth");
        let latchkey = table.latchkey(KeyPolicy::default());
        let answer = answer_with(github::on(action), &latchkey, "report-leak", event.clone()).await;
        assert_eq!((answer.status, &answer.body), (200, &feedback(&event, &[false])));
        assert!(table.items().await == before, "something was written");
    }
}

#[tokio::test]
async fn a_reported_key_is_refused_at_once_where_it_was_reported() {
    for action in [LeakAction::Revoke, LeakAction::Disable] {
        let table = TestTable::start().await;
        let latchkey = cached(&table);
        let token = SampleKey::Minter.token();
        latchkey.verify(&token, Freshness::Cached).await.expect("valid");
        let event = event::json("oauth", "report-leak");
        answer_with(github::on(action), &latchkey, "report-leak", event).await;
        latchkey.verify(&token, Freshness::Cached).await.expect_err("ended");
    }
}

/// The two newest events of a trail: what the report said, and what it caused.
async fn newest(table: &TestTable, trail: Option<&str>) -> [Event; 2] {
    let trail = trail.map(|id| id.parse().expect("an ID"));
    let (store, range) = (table.store(), EventRange::default());
    let events = store.events(trail.as_ref(), &range, Order::NewestFirst, 100).await;
    let mut events = events.expect("events").events;
    assert!(events.len() >= 2, "{events:?}");
    events.truncate(2);
    let [effect, cause] = <[Event; 2]>::try_from(events).expect("two");
    [cause, effect]
}

#[tokio::test]
async fn the_trail_says_who_found_the_key_and_where_before_what_that_caused() {
    let organization = Some(sample::ORGANIZATION);
    for (action, case, trail, effect, on) in [
        (LeakAction::Revoke, "report-leak-two", organization, "api_key.revoke", "api_key"),
        (
            LeakAction::Disable,
            "report-leak-two",
            organization,
            "service_account.disable",
            "service_account",
        ),
        (LeakAction::Revoke, "report-leak-root", None, "root_key.revoke", "root_key"),
    ] {
        let table = TestTable::start().await;
        // Later than the events of the sample data.
        let latchkey = later(&table);
        answer_with(github::on(action), &latchkey, case, named(case).event("oauth")).await;
        let [cause, caused] = newest(&table, trail).await;
        assert_eq!((cause.action.as_str(), caused.action.as_str()), ("api_key.leak", effect));
        for event in [&cause, &caused] {
            assert_eq!(event.actor, Actor::system("github"), "{case}");
            assert_eq!(event.origin.source_ip.as_deref(), Some("203.0.113.10"), "{case}");
        }
        let key = if trail.is_some() { SampleKey::Reader } else { SampleKey::Root };
        assert_eq!(cause.resource.id, key.mint().0.id.to_string(), "{case}");
        assert_eq!(caused.resource.kind, on, "{case}");
        let changes = serde_json::to_value(&cause.changes).expect("JSON");
        let url = "https://github.com/octocat/Hello-World/blob/main/.env";
        assert_eq!(changes, json!({"source": {"new": "commit"}, "url": {"new": url}}), "{case}");
    }
}

/// The account of a reported key is disabled, and its keys work again once someone enables it. A root key is
/// revoked, because it has no account.
#[tokio::test]
async fn with_disable_the_account_is_disabled_and_can_be_enabled_again() {
    let table = TestTable::start().await;
    let latchkey = table.latchkey(KeyPolicy::default());
    let report_to = async |latchkey: &Latchkey, case: &Case| {
        let event = case.event("oauth");
        answer_with(github::on(LeakAction::Disable), latchkey, case.name(), event).await
    };
    let report = async |case: &Case| report_to(&latchkey, case).await;
    let of_one_account = [SampleKey::FullAccess, SampleKey::Minter, SampleKey::Reader];
    assert_eq!(report(&named("report-leak")).await.status, 200);
    assert_eq!(live(&latchkey).await, [SampleKey::Other, SampleKey::Root]);
    let before = table.items().await;
    assert_eq!(report_to(&later(&table), &named("report-leak")).await.status, 200);
    assert!(table.items().await == before, "a disabled account was changed");

    let account = sample::ACCOUNT.parse().expect("an ID");
    let (store, now) = (table.store(), sample::now());
    operator::set_account_disabled(&store, now, &account, false).await.expect("an account");
    assert_eq!(live(&latchkey).await, LIVE);
    // A key that has ended does not disable its account.
    assert_eq!(report(&named("report-leak-ended")).await.status, 200);
    assert_eq!(live(&latchkey).await, LIVE);

    assert_eq!(report(&named("report-leak-root")).await.status, 200);
    let left = [&of_one_account[..], &[SampleKey::Other]].concat();
    assert_eq!(live(&latchkey).await, left);
}

#[tokio::test]
async fn a_refused_report_changes_nothing() {
    let table = TestTable::start().await;
    let before = table.items().await;
    let refusals =
        cases::refusals().into_iter().filter(|(case, _)| case.name().starts_with("report"));
    let mut refused = 0;
    for (case, (status, ..)) in refusals {
        let event = case.event("oauth");
        let answer = answer(&table.latchkey(KeyPolicy::default()), case.name(), event).await;
        assert_eq!(answer.status, status, "{}", case.name());
        refused += 1;
    }
    assert!(refused >= 10, "{refused}");
    assert!(table.items().await == before, "a refused report wrote something");
}

/// A source that has no document, and counts how often it was asked.
fn unavailable() -> (KeySource, Arc<AtomicU32>) {
    let asked = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&asked);
    let source = KeySource::new(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        Box::pin(async { Err("GitHub is down".into()) })
    });
    (source, asked)
}

#[tokio::test]
async fn without_githubs_keys_the_report_may_come_again_and_changes_nothing() {
    let table = TestTable::start().await;
    let before = table.items().await;
    let (source, asked) = unavailable();
    let latchkey = table.latchkey(KeyPolicy::default());
    let app = App::new(latchkey, github::on(LeakAction::Revoke)).with_github_keys(source);
    for _ in 0..3 {
        let answer = answer_of(&app, "report-leak", event::json("oauth", "report-leak")).await;
        assert_eq!((answer.status, answer.string("/error")), (503, "temporarily_unavailable"));
        assert_eq!(answer.header("retry-after"), "60");
    }
    // What cannot be a report asks for no keys.
    for case in ["report-leak-unsigned", "report-leak-malformed-signature", "report-leak-too-large"]
    {
        answer_of(&app, case, named(case).event("oauth")).await;
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    assert!(table.items().await == before, "something was written");
}

#[tokio::test]
async fn without_the_setting_the_path_does_not_exist_and_nobody_asks_github() {
    let table = TestTable::start().await;
    let (source, asked) = unavailable();
    let latchkey = table.latchkey(KeyPolicy::default());
    let app = App::new(latchkey.clone(), Settings::default()).with_github_keys(source);
    for case in ["report-leak", "report-leak-wrong-method", "report-leak-unsigned"] {
        let off = answer_of(&app, case, named(case).event("oauth")).await;
        let mut event = named(case).event("oauth");
        event["rawPath"] = "/leaks/gitlab".into();
        let unknown = answer_of(&app, case, event).await;
        assert_eq!((off.status, &off.body), (404, &unknown.body), "{case}");
    }
    assert_eq!(asked.load(Ordering::Relaxed), 0);
    assert_eq!(live(&latchkey).await, LIVE);
}

/// The function dies before or after each of its requests to the table, and GitHub sends the report again.
#[tokio::test(start_paused = true)]
async fn an_interrupted_report_can_be_sent_again() {
    let case = named("report-leak-two");
    let event = case.event("oauth");
    for action in [LeakAction::Revoke, LeakAction::Disable] {
        let settings = github::on(action);
        let mut interrupted = 0;
        for (requests, last_is_sent) in (0..).flat_map(|count| [(count, false), (count, true)]) {
            let table = TestTable::start().await;
            let store = table.interrupted_store(Interruption::after(requests, last_is_sent));
            let (policy, clock) = (KeyPolicy::default(), Clock::new(sample::now));
            let dying = Latchkey::new(store, policy, &NO_CACHE, clock);
            let first = answer_with(settings.clone(), &dying, case.name(), event.clone()).await;
            let again =
                answer_with(settings.clone(), &later(&table), case.name(), event.clone()).await;
            assert_eq!((again.status, again.body), (200, feedback(&event, &[true, true])));
            let live = live(&later(&table)).await;
            let ended = [SampleKey::Reader, SampleKey::Other];
            assert!(
                live.iter().all(|key| !ended.contains(key)),
                "{action:?}, {requests}: {live:?}"
            );
            if first.status == 200 {
                break;
            }
            assert_eq!(first.status, 503, "{action:?}, {requests}");
            interrupted += 1;
        }
        // A read and a write of each key, and the account once it is disabled.
        assert!(interrupted >= 8, "{action:?}: {interrupted}");
    }
}
