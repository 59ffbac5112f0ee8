//! A failing store never lets anyone in, is retried a bounded number of times, and leaves nothing behind.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use latchkey::Latchkey;
use latchkey::account::AccountChange;
use latchkey::error::Error;
use latchkey::key::{KeyChange, Minted};
use latchkey::policy::{CachePolicy, KeyPolicy};
use latchkey::principal::{AccountPrincipal, Principal};
use latchkey::scope::Scopes;
use latchkey::service::{Clock, Freshness, MintRequest};
use latchkey::store::{KeyStore, StoreError};
use latchkey_testkit::faulty::Reply;
use latchkey_testkit::logs::Logs;
use latchkey_testkit::sample::{self, SampleKey};
use latchkey_testkit::{HttpError, NO_CACHE, Response, faulty, text_response};
use serde_json::{Value, json};

fn latchkey(client: Client) -> Latchkey {
    let store = KeyStore::new(client, "table");
    Latchkey::new(store, KeyPolicy::default(), &NO_CACHE, Clock::new(sample::now))
}

async fn authenticate(client: Client) -> Result<Principal, Error> {
    latchkey(client).verify(&SampleKey::FullAccess.token(), Freshness::Cached).await
}

fn caller() -> AccountPrincipal {
    AccountPrincipal {
        organization: sample::ORGANIZATION.parse().expect("an id"),
        account: sample::ACCOUNT.parse().expect("an id"),
        key: SampleKey::FullAccess.mint().0.id,
        scopes: Scopes::full_access(),
        expires_at: None,
    }
}

/// A client that finds no item, whose other requests `respond` answers.
fn writes<R: Into<Reply>>(respond: impl Fn(&str, &str) -> R + Send + Sync + 'static) -> Client {
    faulty::client(move |operation, body| match operation {
        "GetItem" => Reply::from((200, "{}".to_owned())),
        _ => respond(operation, body).into(),
    })
}

fn request() -> MintRequest {
    MintRequest {
        account: sample::ACCOUNT.parse().expect("an id"),
        name: None,
        scopes: None,
        expires_at: None,
    }
}

fn respond(minted: &Minted) -> Response {
    text_response(minted.token.expose())
}

/// Returns the status of the response to the caller.
fn status(error: Error) -> u16 {
    HttpError::from(error).status().as_u16()
}

fn canceled(codes: &[&str]) -> (u16, String) {
    let reasons: Vec<Value> = codes.iter().map(|code| json!({ "Code": code })).collect();
    let code = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException";
    let body = json!({ "__type": code, "message": "", "CancellationReasons": reasons });
    (400, body.to_string())
}

/// Counts calls, and returns how many came before.
#[derive(Clone, Default)]
struct Calls(Arc<AtomicU32>);

impl Calls {
    fn next(&self) -> u32 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }

    fn count(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

#[tokio::test(start_paused = true)]
async fn a_failing_store_is_an_error_and_never_an_allow() {
    let unprocessed = json!({
        "Responses": {},
        "UnprocessedKeys": { "table": { "Keys": [{ "pk": { "S": "a" }, "sk": { "S": "b" } }] } },
    });
    for (answer, expected) in [
        (faulty::error(500, "InternalServerError"), 503),
        (faulty::error(503, "ServiceUnavailable"), 503),
        (faulty::error(400, "ProvisionedThroughputExceededException"), 503),
        (faulty::error(400, "RequestLimitExceeded"), 503),
        (faulty::error(400, "ThrottlingException"), 503),
        (faulty::error(400, "AccessDeniedException"), 500),
        (faulty::error(400, "ExpiredTokenException"), 500),
        (faulty::error(400, "InvalidSignatureException"), 500),
        (faulty::error(400, "ResourceNotFoundException"), 500),
        (faulty::error(400, "ValidationException"), 500),
        ((200, "<html>".to_owned()), 503),
        ((200, "{\"Responses\":7}".to_owned()), 503),
        ((200, unprocessed.to_string()), 503),
        ((502, "bad gateway".to_owned()), 503),
    ]
    .map(|(answer, expected)| (Reply::from(answer), expected))
    .into_iter()
    .chain([(Reply::Closed, 503), (Reply::Silence, 503)])
    {
        let calls = Calls::default();
        let (counted, answered) = (calls.clone(), answer.clone());
        let client = faulty::client(move |_, _| {
            counted.next();
            answered.clone()
        });
        let error = authenticate(client).await.expect_err("never an allow");
        assert!(matches!(error, Error::Store(_)), "{answer:?}: {error:?}");
        assert_eq!(status(error), expected, "{answer:?}");
        assert!(calls.count() <= 4, "{answer:?} was asked for {} times", calls.count());
    }
}

/// How long a verification takes if the first `faults` replies of the store are `fault`.
async fn delay(fault: Reply, faults: u32) -> Duration {
    let calls = Calls::default();
    let client = faulty::client(move |_, _| match calls.next() {
        call if call < faults => fault.clone(),
        _ => Reply::Answer(200, json!({ "Responses": { "table": [] } }).to_string()),
    });
    let began = tokio::time::Instant::now();
    let error = authenticate(client).await.expect_err("there is no key");
    assert_eq!(status(error), 401);
    began.elapsed()
}

/// The bounds are those of the waits. A wait is random, so each case runs several times.
#[tokio::test(start_paused = true)]
async fn a_transient_fault_costs_milliseconds_and_a_lost_response_half_a_second() {
    let transient = [
        Reply::from(faulty::error(500, "InternalServerError")),
        Reply::from(faulty::error(503, "ServiceUnavailable")),
        Reply::Answer(200, "<html>".to_owned()),
        Reply::Closed,
    ];
    let throttled = ["ThrottlingException", "ProvisionedThroughputExceededException"];
    let milliseconds = Duration::from_millis;
    for _ in 0..20 {
        for fault in &transient {
            let (one, two) = (delay(fault.clone(), 1).await, delay(fault.clone(), 2).await);
            assert!(one < milliseconds(100), "{fault:?}: {one:?}");
            assert!(two < milliseconds(100), "{fault:?}: {two:?}");
        }
        for code in throttled {
            let fault = Reply::from(faulty::error(400, code));
            let (one, two) = (delay(fault.clone(), 1).await, delay(fault, 2).await);
            assert!(one < milliseconds(100), "{code}: {one:?}");
            assert!(two < milliseconds(250), "{code}: {two:?}");
        }
        let (one, two) = (delay(Reply::Silence, 1).await, delay(Reply::Silence, 2).await);
        assert!((milliseconds(500)..milliseconds(700)).contains(&one), "{one:?}");
        assert!((milliseconds(1000)..milliseconds(1200)).contains(&two), "{two:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_store_is_given_up_on() {
    let began = tokio::time::Instant::now();
    let error =
        authenticate(faulty::client(|_, _| Reply::Silence)).await.expect_err("never an allow");
    assert!(matches!(error, Error::Store(StoreError::Unavailable(_))), "{error:?}");
    assert!(began.elapsed().as_secs() < 3, "gave up after {:?}", began.elapsed());
}

/// A failure is not cached: it neither counts as a rejection nor lets anyone in later.
#[tokio::test(start_paused = true)]
async fn a_failure_is_never_cached() {
    for failure in [
        Reply::from(faulty::error(500, "InternalServerError")),
        Reply::from(faulty::error(400, "ThrottlingException")),
        Reply::Answer(200, "<html>".to_owned()),
        Reply::Silence,
        Reply::Closed,
    ] {
        let failing = Arc::new(AtomicU32::new(1));
        let fails = Arc::clone(&failing);
        let client = faulty::client(move |_, _| match fails.load(Ordering::Relaxed) {
            0 => Reply::Answer(200, json!({ "Responses": { "table": [] } }).to_string()),
            _ => failure.clone(),
        });
        let store = KeyStore::new(client, "table");
        let cache = CachePolicy { ttl: Duration::from_secs(10), entries: 10 };
        let latchkey = Latchkey::new(store, KeyPolicy::default(), &cache, Clock::new(sample::now));
        let verify =
            async || latchkey.verify(&SampleKey::FullAccess.token(), Freshness::Cached).await;
        assert_eq!(verify().await.map_err(status), Err(503));
        failing.store(0, Ordering::Relaxed);
        assert_eq!(verify().await.map_err(status), Err(401));
        // That verdict is cached, so the next failure has no effect.
        failing.store(1, Ordering::Relaxed);
        assert_eq!(verify().await.map_err(status), Err(401));
    }
}

#[tokio::test]
async fn a_damaged_item_is_an_error_and_never_an_allow() {
    let (key, _) = SampleKey::FullAccess.mint();
    let account = format!("ACCOUNT#{}", sample::ACCOUNT);
    let sort_key = format!("KEY#{}", key.id);
    let body = json!({ "Responses": { "table": [
        { "pk": { "S": account }, "sk": { "S": sort_key }, "digest": { "B": "AAAA" } },
    ] } });
    let client = faulty::client(move |_, _| (200, body.to_string()));
    let error = authenticate(client).await.expect_err("never an allow");
    assert!(matches!(error, Error::Store(StoreError::Corrupt(_))), "{error:?}");
    assert_eq!(status(error), 500);
}

#[tokio::test]
async fn what_a_batch_left_out_is_asked_for_again() {
    let calls = Calls::default();
    let counted = calls.clone();
    let client = faulty::client(move |_, body| {
        let asked: Value = serde_json::from_str(body).expect("JSON");
        match counted.next() {
            0 => (200, json!({ "UnprocessedKeys": asked["RequestItems"] }).to_string()),
            _ => (200, json!({ "Responses": { "table": [] } }).to_string()),
        }
    });
    authenticate(client).await.expect_err("unknown");
    // One more read for the omitted items, and one more consistent read for the missing ones.
    assert_eq!(calls.count(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_conflict_with_another_transaction_is_retried() {
    for codes in [&["TransactionConflict", "None"], &["None", "ThrottlingError"]] {
        let calls = Calls::default();
        let counted = calls.clone();
        let client = writes(move |_, _| match counted.next() {
            0..3 => canceled(codes),
            _ => (200, "{}".to_owned()),
        });
        latchkey(client).mint(&caller(), request(), None, respond).await.expect("minted at last");
        assert_eq!(calls.count(), 4);
    }
}

#[tokio::test(start_paused = true)]
async fn all_tries_of_a_transaction_carry_one_token() {
    let tokens = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = Arc::clone(&tokens);
    let client = writes(move |_, body| {
        let body: Value = serde_json::from_str(body).expect("JSON");
        let mut seen = seen.lock().expect("no panic elsewhere");
        seen.push(body["ClientRequestToken"].as_str().expect("a token").to_owned());
        match seen.len() {
            1 => canceled(&["TransactionConflict"]),
            2 => faulty::error(500, "InternalServerError"),
            _ => (200, "{}".to_owned()),
        }
    });
    latchkey(client).mint(&caller(), request(), None, respond).await.expect("minted at last");
    let mut tokens = tokens.lock().expect("no panic elsewhere").clone();
    assert_eq!(tokens.len(), 3);
    tokens.dedup();
    assert_eq!(tokens.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn endless_conflicts_end_in_a_503_that_says_when_to_come_back() {
    let calls = Calls::default();
    let counted = calls.clone();
    let client = writes(move |_, _| {
        counted.next();
        canceled(&["TransactionConflict", "None"])
    });
    let error = latchkey(client).mint(&caller(), request(), None, respond).await.expect_err("busy");
    assert!(matches!(error, Error::Busy), "{error:?}");
    let error = HttpError::from(error);
    assert_eq!((error.status().as_u16(), error.retry_after_seconds()), (503, Some(1)));
    assert_eq!(calls.count(), 12);
}

/// An attempt can reach the table after its retry has succeeded. There it must not undo what others changed in
/// the meantime, such as enabling an account that was disabled.
#[tokio::test(start_paused = true)]
async fn the_tries_of_a_change_take_effect_once() {
    let sent = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&sent);
    let client = faulty::client(move |operation, body| {
        if operation == "GetItem" {
            let item = json!({
                "id": {"S": "SAMPLEACCOUNT001"}, "organization": {"S": "sample"},
                "name": {"S": "ci"}, "description": {"S": ""}, "disabled": {"BOOL": false},
                "created_by": {"S": "ROOT"}, "created_at": {"N": "0"}, "updated_at": {"N": "0"},
                "live_keys": {"N": "1"}, "sk": {"S": "ACCOUNT"},
            });
            return (200, json!({ "Item": item }).to_string());
        }
        let mut seen = seen.lock().expect("no panic elsewhere");
        seen.push((operation.to_owned(), serde_json::from_str::<Value>(body).expect("JSON")));
        match seen.len() % 2 {
            1 => faulty::error(500, "InternalServerError"),
            _ => (200, "{}".to_owned()),
        }
    });
    let store = KeyStore::new(client, "table");
    let AccountPrincipal { organization, account, .. } = caller();
    let disable = AccountChange { disabled: Some(true), ..AccountChange::default() };
    let renamed = Some("renamed".parse().expect("a name"));
    let rename = KeyChange { name: Some(renamed.clone()), ..KeyChange::default() };
    let now = sample::now();
    let changed = store.update_account(&organization, &account, &disable, now).await;
    assert!(changed.expect("changed").disabled);
    let changed = store.update_key(&caller(), SampleKey::FullAccess.mint().0, &rename, now).await;
    assert_eq!(changed.expect("changed").spec.name, renamed);
    store.set_organization_disabled(&organization, true, now).await.expect("disabled");
    store.begin_deleting_organization(&organization, now).await.expect("marked");
    let sent = sent.lock().expect("no panic elsewhere");
    assert_eq!(sent.len(), 8);
    for tries in sent.chunks(2) {
        assert_eq!(tries[0], tries[1]);
        let (operation, body) = &tries[0];
        assert_eq!(operation, "TransactWriteItems");
        assert_eq!(body["ClientRequestToken"].as_str().map(str::len), Some(32));
    }
}

#[tokio::test(start_paused = true)]
async fn a_table_that_stays_throttled_is_a_failure_of_the_store() {
    let client = writes(|_, _| canceled(&["None", "ThrottlingError"]));
    let error = latchkey(client).mint(&caller(), request(), None, respond).await.expect_err("no");
    assert!(matches!(error, Error::Store(StoreError::Unavailable(_))), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_transaction_that_is_wrong_in_itself_is_not_retried() {
    let calls = Calls::default();
    let counted = calls.clone();
    let client = writes(move |_, _| {
        counted.next();
        canceled(&["ValidationError", "None"])
    });
    let error =
        latchkey(client).mint(&caller(), request(), None, respond).await.expect_err("a bug");
    assert_eq!(status(error), 500);
    assert_eq!(calls.count(), 1);
}

/// The key may be in the table, so the operator must be able to find and revoke it.
#[tokio::test(start_paused = true)]
async fn a_key_whose_mint_was_not_answered_is_logged_with_its_id() {
    let logs = Logs::capture("test");
    let written = Arc::new(Mutex::new(String::new()));
    let note = Arc::clone(&written);
    let client = writes(move |_, body| {
        note.lock().expect("no panic elsewhere").push_str(body);
        Reply::Silence
    });
    let error = latchkey(client).mint(&caller(), request(), None, respond).await.expect_err("no");
    assert!(matches!(error, Error::Store(StoreError::Unavailable(_))), "{error:?}");
    let lines = logs.lines();
    let message =
        "this key may exist although no caller received it; revoke it unless it is in use";
    let line = lines.iter().find(|line| line["message"] == message);
    let id = line.expect("a line")["key.id"].as_str().expect("an id").to_owned();
    assert!(written.lock().expect("no panic elsewhere").contains(&format!("KEY#{id}")));
}
