//! Introspection, revocation, metadata, forward authentication, and leak reports.
//!
//! Event in, response out, with the embedded DynamoDB in between.

#[path = "../cases/mod.rs"]
mod cases;
mod contract;
mod leaks;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use latchkey::Latchkey;
use latchkey::key::{Key, KeySpec};
use latchkey::leak::LeakAction;
use latchkey::policy::{CachePolicy, KeyPolicy};
use latchkey::scope::Scopes;
use latchkey::service::Clock;
use latchkey::service::Freshness;
use latchkey::store::KeyStore;
use latchkey::store::environment::Environment;
use latchkey::token::{Prefix, Token};
use latchkey_http::{metrics, serve};
use latchkey_testkit::contract::Contract;
use latchkey_testkit::sample::{self, SampleKey};
use latchkey_testkit::suite::{Case, check_tables};
use latchkey_testkit::{Answer, NO_CACHE, TestTable, event, faulty};
use oauth::{App, Settings, handle};
use rand::rngs::SysRng;
use serde_json::{Value, json};

use cases::github;

/// The endpoint of each request, by the start of the request's name.
///
/// A request that matches no operation is rejected in the style of its sample's operation.
const ENDPOINTS: &[(&str, (&str, &str))] = &[
    ("introspect", ("POST", "/oauth/introspect")),
    ("revoke", ("POST", "/oauth/revoke")),
    ("token", ("POST", "/oauth/token")),
    ("metadata", ("GET", "/.well-known/oauth-authorization-server")),
    ("verify-path", ("GET", "/verify/{path}")),
    ("verify", ("GET", "/verify")),
    ("health", ("GET", "/health")),
    ("report-leak", ("POST", "/leaks/github")),
];

async fn answer(latchkey: &Latchkey, case: &str, event: Value) -> Answer {
    answer_with(github::on(LeakAction::Revoke), latchkey, case, event).await
}

async fn answer_with(settings: Settings, latchkey: &Latchkey, case: &str, event: Value) -> Answer {
    answer_of(&github::app(latchkey.clone(), settings), case, event).await
}

async fn answer_of(app: &App, case: &str, event: Value) -> Answer {
    // Boxed, because the compiler cannot lay out so many nested futures.
    let work = Box::pin(handle(app, event::parse(event)));
    let answer = Answer::from(serve::answer(case, work).await);
    assert_eq!(answer.header("x-request-id"), case);
    let endpoint =
        ENDPOINTS.iter().find(|(prefix, _)| case.starts_with(prefix)).expect("an endpoint").1;
    Contract::load("oauth").check(endpoint, &answer);
    assert_eq!(answer.header("cache-control"), "no-store", "{case}");
    answer
}

async fn answer_to(table: &TestTable, case: &Case) -> Answer {
    let latchkey = table.latchkey(KeyPolicy::default());
    answer(&latchkey, case.name(), case.event("oauth")).await
}

/// The request with this name, whatever response is expected.
fn named(name: &str) -> Case {
    cases::all().into_iter().find(|case| case.name() == name).expect("a request of this name")
}

#[tokio::test]
async fn a_valid_key_is_active_and_tells_whose_it_is() {
    let table = TestTable::start().await;
    for (case, _) in cases::introspections().into_iter().filter(|(_, active)| *active) {
        let (answer, case) = (answer_to(&table, &case).await, case.name());
        let expected = json!({
            "active": true,
            "scope": "keys.write sessions.read",
            "client_id": sample::ACCOUNT,
            "token_type": "Bearer",
            "sub": sample::ACCOUNT,
            "organization": sample::ORGANIZATION,
            "key_id": SampleKey::Minter.mint().0.id.as_ref(),
            "full_access": false,
        });
        assert_eq!((answer.status, answer.body), (200, expected), "{case}");
    }
}

#[tokio::test]
async fn the_end_told_is_never_after_the_keys_own() {
    let table = TestTable::start().await;
    for (expires_at, told) in
        [("2026-06-01T12:00:00.999Z", 1_780_315_200), ("2026-06-01T12:00:01Z", 1_780_315_201)]
    {
        let spec = KeySpec {
            account: sample::ACCOUNT.parse().expect("an id"),
            name: None,
            scopes: Scopes::full_access(),
            expires_at: Some(expires_at.parse().expect("a date-time")),
            created_by: None,
        };
        let minted = Key::mint(&mut SysRng, sample::now(), &Prefix::default(), spec);
        let (key, token) = minted.expect("random numbers");
        let organization = sample::ORGANIZATION.parse().expect("an id");
        let (store, policy) = (table.store(), KeyPolicy::default());
        let inserted = store.insert_key(&key, &organization, &policy, sample::now(), None);
        inserted.await.expect("a key more");
        let mut event = event::json("oauth", "introspect");
        event["body"] = format!("token={}", token.expose()).into();
        let answer = answer(&table.latchkey(policy), "introspect", event).await;
        assert_eq!(answer.body["exp"], told, "{expires_at}");
    }
}

#[tokio::test]
async fn whatever_is_not_valid_is_not_active_and_nothing_else() {
    let table = TestTable::start().await;
    for (case, _) in cases::introspections().into_iter().filter(|(_, active)| !active) {
        let (answer, case) = (answer_to(&table, &case).await, case.name());
        assert_eq!((answer.status, answer.text.as_str()), (200, "{\"active\":false}"), "{case}");
    }
}

#[tokio::test]
async fn every_refusal_is_said_as_oauth_says_it() {
    let table = TestTable::start().await;
    for (case, (status, code, description, challenge)) in cases::refusals() {
        let (answer, case) = (answer_to(&table, &case).await, case.name());
        assert_eq!((answer.status, answer.string("/error")), (status, code), "{case}");
        assert_eq!(answer.string("/error_description"), description, "{case}");
        assert_eq!(answer.header("www-authenticate"), challenge, "{case}");
        assert_eq!(answer.header("allow"), if status == 405 { "POST" } else { "" }, "{case}");
    }
}

#[tokio::test]
async fn refused_clients_are_counted_as_refused_bearers_are() {
    let table = TestTable::start().await;
    for (case, reason) in [
        ("introspect-no-credentials", "missing"),
        ("introspect-digest", "scheme"),
        ("introspect-basic-malformed", "scheme"),
        ("introspect-basic-no-password", "scheme"),
        ("introspect-basic-no-key", "malformed"),
        ("introspect-basic-expired", "expired"),
        ("introspect-basic-other-client", "unknown"),
    ] {
        let lines = Arc::new(Mutex::new(String::new()));
        let written = Arc::clone(&lines);
        let metrics = metrics::to("oauth", "Latchkey".to_owned(), move |line| {
            *written.lock().expect("no panic elsewhere") += line;
        });
        let latchkey = table.latchkey(KeyPolicy::default()).with_metrics(metrics);
        answer(&latchkey, case, named(case).event("oauth")).await;
        latchkey.after_answer().await;
        let lines = lines.lock().expect("no panic elsewhere").clone();
        assert!(lines.contains(&format!(r#""Reason":"{reason}""#)), "{case}: {lines}");
    }
}

/// A cache that has just accepted the key, as in an environment that serves requests.
fn cached(table: &TestTable) -> Latchkey {
    let cache = CachePolicy { ttl: Duration::from_secs(10), entries: 100 };
    Latchkey::new(table.store(), KeyPolicy::default(), &cache, Clock::new(sample::now))
}

#[tokio::test]
async fn a_revoked_key_is_refused_at_once_where_it_was_revoked() {
    let table = TestTable::start().await;
    let latchkey = cached(&table);
    let scoped = named("verify-scope").event("oauth");
    let verify = async || answer(&latchkey, "verify", scoped.clone()).await;
    assert_eq!(verify().await.status, 204);
    for _ in 0..2 {
        let revoked = answer(&latchkey, "revoke", event::json("oauth", "revoke")).await;
        assert_eq!((revoked.status, revoked.text.as_str()), (200, ""));
        assert_eq!(verify().await.status, 401);
    }
}

#[tokio::test]
async fn no_cache_asks_the_table_and_not_the_cache() {
    let table = TestTable::start().await;
    let latchkey = cached(&table);
    let mut event = event::json("oauth", "introspect");
    assert_eq!(answer(&latchkey, "introspect", event.clone()).await.body["active"], true);
    // In another environment: this environment's cache does not know about it.
    let elsewhere = table.latchkey(KeyPolicy::default());
    elsewhere.revoke_presented(&SampleKey::Minter.token()).await.expect("revoked");
    assert_eq!(answer(&latchkey, "introspect", event.clone()).await.body["active"], true);
    event["headers"]["cache-control"] = "max-age=0, no-cache".into();
    assert_eq!(answer(&latchkey, "introspect", event).await.body["active"], false);
}

#[tokio::test]
async fn revoking_what_is_no_key_is_no_error_and_changes_nothing() {
    let table = TestTable::start().await;
    let before = table.items().await;
    for (case, _) in cases::revocations().into_iter().filter(|(_, revokes)| !revokes) {
        let (answer, case) = (answer_to(&table, &case).await, case.name());
        assert_eq!((answer.status, answer.text.as_str()), (200, ""), "{case}");
    }
    // The right key ID with another secret: guessing IDs revokes nothing.
    let (visible, _) = SampleKey::Reader.mint();
    let other = Token::mint(
        &mut SysRng,
        &Prefix::default(),
        visible.spec.account.clone(),
        visible.id.clone(),
    );
    let latchkey = table.latchkey(KeyPolicy::default());
    latchkey.revoke_presented(other.expect("random numbers").expose()).await.expect("nothing");
    latchkey.verify(&SampleKey::Reader.token(), Freshness::Cached).await.expect("still valid");
    assert!(table.items().await == before, "something was written");
}

#[tokio::test]
async fn verify_says_whose_key_it_is_in_headers_that_are_always_there() {
    let table = TestTable::start().await;
    for (case, (status, scopes)) in cases::verifications() {
        let (answer, case) = (answer_to(&table, &case).await, case.name());
        assert_eq!((answer.status, answer.text.as_str()), (status, ""), "{case}");
        assert_eq!(answer.header("x-latchkey-organization"), sample::ORGANIZATION);
        assert_eq!(answer.header("x-latchkey-account"), sample::ACCOUNT);
        assert!(answer.headers.contains_key("x-latchkey-scopes"), "{case}");
        assert_eq!(answer.header("x-latchkey-scopes"), scopes);
        let full_access = if scopes.is_empty() { "true" } else { "false" };
        assert_eq!(answer.header("x-latchkey-full-access"), full_access);
    }
}

/// The settings of a deployment whose `/verify` accepts only `organizations`.
fn only(organizations: &str) -> Settings {
    let organizations = ("LATCHKEY_VERIFY_ORGANIZATIONS", organizations);
    Settings::from_environment(&Environment::from_iter([organizations])).expect("valid")
}

/// The status of the response to a verification of `key`.
async fn verify_for(
    table: &TestTable,
    settings: &Settings,
    key: SampleKey,
    case: &str,
    query: &str,
) -> u16 {
    let mut event = event::json("oauth", case);
    event["headers"]["authorization"] = format!("Bearer {}", key.token()).into();
    event["rawQueryString"] = query.into();
    let latchkey = table.latchkey(KeyPolicy::default());
    answer_with(settings.clone(), &latchkey, case, event).await.status
}

#[tokio::test]
async fn a_full_access_key_of_another_organization_does_not_pass() {
    let table = TestTable::start().await;
    for (settings, query) in [
        (Settings::default(), "organization=sample"),
        (Settings::default(), "organization=sample&organization=acme"),
        (Settings::default(), "scope=keys.read&organization=acme+sample"),
        (only("sample"), ""),
        (only("acme, sample"), "scope=keys.read"),
    ] {
        let status = async |key| verify_for(&table, &settings, key, "verify", query).await;
        assert_eq!(status(SampleKey::FullAccess).await, 204, "{query}");
        assert_eq!(status(SampleKey::Other).await, 403, "{query}");
        // A caller without a valid key learns nothing about organizations.
        assert_eq!(status(SampleKey::Revoked).await, 401, "{query}");
    }
}

#[tokio::test]
async fn a_request_narrows_the_deployments_organizations_and_never_widens_them() {
    let table = TestTable::start().await;
    let settings = only("sample");
    for (query, ours) in [("organization=sample+other", 204), ("organization=other", 403)] {
        let status = async |key| verify_for(&table, &settings, key, "verify", query).await;
        assert_eq!(status(SampleKey::FullAccess).await, ours, "{query}");
        assert_eq!(status(SampleKey::Other).await, 403, "{query}");
    }
}

#[tokio::test]
async fn envoys_client_has_no_part_in_which_organizations_pass() {
    let table = TestTable::start().await;
    for query in ["", "organization=other", "organization=sample", "organization="] {
        let status = async |settings: &Settings, key| {
            verify_for(&table, settings, key, "verify-path", query).await
        };
        assert_eq!(status(&only("sample"), SampleKey::FullAccess).await, 200, "{query}");
        assert_eq!(status(&only("sample"), SampleKey::Other).await, 403, "{query}");
        assert_eq!(status(&Settings::default(), SampleKey::Other).await, 200, "{query}");
    }
}

#[tokio::test]
async fn metadata_names_the_endpoints_where_the_client_asked() {
    let table = TestTable::start().await;
    for (case, issuer) in cases::metadata() {
        let (metadata, case) = (answer_to(&table, &case).await, case.name());
        assert_eq!(metadata.status, 200, "{case}: {}", metadata.text);
        let expected = json!({
            "issuer": issuer,
            "token_endpoint": format!("{issuer}/oauth/token"),
            "token_endpoint_auth_methods_supported": ["none"],
            "response_types_supported": [],
            "grant_types_supported": [],
            "introspection_endpoint": format!("{issuer}/oauth/introspect"),
            "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "Bearer"],
            "revocation_endpoint": format!("{issuer}/oauth/revoke"),
            "revocation_endpoint_auth_methods_supported": ["none"],
        });
        assert_eq!(metadata.body, expected, "{case}");
    }
}

#[tokio::test]
async fn metadata_name_the_issuer_that_the_deployment_names() {
    let table = TestTable::start().await;
    let latchkey = table.latchkey(KeyPolicy::default());
    for case in ["metadata", "metadata-stage-in-path"] {
        let issuer = ("LATCHKEY_ISSUER", "https://keys.example.com");
        let settings = Settings::from_environment(&Environment::from_iter([issuer]));
        let event = event::json("oauth", case);
        let metadata = answer_with(settings.expect("valid"), &latchkey, "metadata", event).await;
        assert_eq!(metadata.string("/issuer"), "https://keys.example.com");
        let introspection = metadata.string("/introspection_endpoint");
        assert_eq!(introspection, "https://keys.example.com/oauth/introspect");
    }
}

#[tokio::test]
async fn metadata_on_ones_own_machine_are_not_encrypted() {
    let table = TestTable::start().await;
    let latchkey = table.latchkey(KeyPolicy::default());
    for host in ["127.0.0.1:9000", "localhost:9000", "localhost", "[::1]:9000"] {
        let mut event = event::json("oauth", "metadata");
        event["headers"]["host"] = host.into();
        let metadata = answer(&latchkey, "metadata", event).await;
        assert_eq!(metadata.string("/issuer"), format!("http://{host}"));
    }
}

#[tokio::test]
async fn only_a_deep_health_check_asks_the_table() {
    let table = TestTable::start().await;
    let (client, asked) = faulty::denied();
    let store = KeyStore::new(client, "table");
    let clock = Clock::new(sample::now);
    let denied = Latchkey::new(store, KeyPolicy::default(), &NO_CACHE, clock);
    for (case, deep) in cases::health_checks() {
        let (healthy, name) = (answer_to(&table, &case).await, case.name());
        let expected =
            if deep { json!({"status": "ok", "store": "ok"}) } else { json!({"status": "ok"}) };
        assert_eq!((healthy.status, healthy.body), (200, expected), "{name}");

        let failing = answer(&denied, name, case.event("oauth")).await;
        assert_eq!(failing.status, if deep { 500 } else { 200 }, "{name}");
        let asked = std::mem::take(&mut *asked.lock().expect("no panic"));
        assert_eq!(asked.len(), usize::from(deep), "{asked:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failing_store_is_never_an_answer() {
    for (fault, status, code) in [
        (faulty::error(400, "ThrottlingException"), 503, "temporarily_unavailable"),
        (faulty::error(400, "AccessDeniedException"), 500, "server_error"),
    ] {
        let store = KeyStore::new(faulty::client(move |_, _| fault.clone()), "table");
        let clock = Clock::new(sample::now);
        let latchkey = Latchkey::new(store, KeyPolicy::default(), &NO_CACHE, clock);
        for case in ["introspect", "revoke", "verify", "verify-path", "report-leak"] {
            let answer = answer(&latchkey, case, event::json("oauth", case)).await;
            assert_eq!((answer.status, answer.string("/error")), (status, code), "{case}");
        }
    }
}

#[test]
fn every_event_has_its_expectation() {
    check_tables("oauth", &cases::all());
}
