//! Root keys: for root keys only.

use std::time::Duration;

use latchkey::policy::KeyPolicy;
use latchkey_testkit::sample::{SampleKey, after_hours};
use latchkey_testkit::suite::expectations::{Refusal, Success};
use latchkey_testkit::suite::refusals::{BAD_LIMIT, NO_CREDENTIALS};
use latchkey_testkit::{TestTable, event_tests};

use crate::common::{Function, LakeSail};

const PATH: &str = "/api/admin/v1/keys";

const SAMPLE: &str = r#"{"id":"018HULLP3H4ONLLL","createdAt":"2026-01-01T00:00:00.000Z","updatedAt":"2026-01-01T00:00:00.000Z"}"#;

const BAD_ID: &str = "the key id may hold `A-Z` and `0-9` only, not 'r'";
const BY_ACCOUNT: &str = "this needs a root key; the key presented belongs to an organization";
const UNKNOWN: &str = "key `018HULLP3H38Y9U0` does not exist";
const OF_AN_ACCOUNT: &str = "key `018HULLP3HTUC8FM` does not exist";

const REFUSALS: &[Refusal] = &[
    ("create-root-key-null-expiry", 400, "`expiresAt` must be a string, not null"),
    ("create-root-key-past-expiry", 400, "`expiresAt` must be in the future"),
    (
        "create-root-key-unknown-field",
        400,
        "`expires_at` is not a field of this request; did you mean `expiresAt`?",
    ),
    ("create-root-key-no-credentials", 401, NO_CREDENTIALS),
    ("create-root-key-by-account", 403, BY_ACCOUNT),
    ("list-root-keys-bad-limit", 400, BAD_LIMIT),
    (
        "list-root-keys-foreign-marker",
        400,
        "`marker` is not one that this list gave out to this key within the last 24 hours; \
         start again without it",
    ),
    ("list-root-keys-by-account", 403, BY_ACCOUNT),
    ("describe-root-key-bad-id", 400, BAD_ID),
    ("describe-root-key-by-account", 403, BY_ACCOUNT),
    ("describe-root-key-unknown", 404, UNKNOWN),
    ("describe-root-key-of-an-account", 404, OF_AN_ACCOUNT),
    ("delete-root-key-bad-id", 400, BAD_ID),
    ("delete-root-key-by-account", 403, BY_ACCOUNT),
    ("delete-root-key-unknown", 404, UNKNOWN),
    ("delete-root-key-of-an-account", 404, OF_AN_ACCOUNT),
];

fn successes() -> Vec<Success> {
    let times = r#""createdAt":"2026-01-01T00:00:00.000Z","updatedAt":"2026-01-01T00:00:00.000Z""#;
    let expiry = r#""expiresAt":"2099-06-01T12:00:00.000Z""#;
    vec![
        ("list-root-keys", 200, format!(r#"{{"items":[{SAMPLE}]}}"#)),
        ("describe-root-key", 200, SAMPLE.to_owned()),
        ("create-root-key", 201, format!(r#"{{"id":"*",{expiry},"key":"sk_ROOT_*",{times}}}"#)),
        ("create-root-key-empty-body", 201, format!(r#"{{"id":"*","key":"sk_ROOT_*",{times}}}"#)),
        ("delete-root-key", 204, String::new()),
    ]
}

event_tests!(LakeSail, successes(), REFUSALS);

#[tokio::test]
async fn a_new_root_key_administers_until_it_is_deleted() {
    let table = TestTable::start().await;
    // With the cache of a deployed function, which knows the key by now.
    let function = Function::caching(&table);
    let root = SampleKey::Root.token();
    let minted = function.post(&root, PATH, "{}").await;
    assert_eq!(minted.header("cache-control"), "no-store");
    let (id, token) = (minted.string("/id").to_owned(), minted.string("/key"));
    let path = format!("{PATH}/{id}");

    let listed = function.get(token, PATH).await;
    assert!(listed.ids().contains(&id));
    assert_eq!(function.get(token, &path).await.string("/createdAt"), minted.string("/createdAt"));
    assert_eq!(function.post(token, PATH, "{}").await.status, 201);

    assert_eq!(function.delete(&root, &path).await.status, 204);
    assert_eq!(function.get(token, PATH).await.status, 401);
    assert_eq!(function.get(&root, &path).await.status, 404);
    assert!(!function.get(&root, PATH).await.ids().contains(&id));
    assert_eq!(function.delete(&root, &path).await.status, 404);
}

#[tokio::test]
async fn a_root_key_may_delete_itself() {
    let table = TestTable::start().await;
    let function = Function::caching(&table);
    assert_eq!(function.answer_to("delete-root-key").await.status, 204);
    assert_eq!(function.answer_to("delete-root-key").await.status, 401);
}

#[tokio::test]
async fn root_keys_expire_and_obey_the_maximum_lifetime() {
    let table = TestTable::start().await;
    let policy =
        KeyPolicy { max_lifetime: Some(Duration::from_secs(90 * 86_400)), ..KeyPolicy::default() };
    let function = Function::with(&table, policy);
    let refused = function.answer_to("create-root-key").await;
    assert_eq!(refused.status, 400);
    assert_eq!(
        refused.string("/message"),
        "`expiresAt` must be at most 90 days from now, the longest that this deployment lets a key live"
    );
    let minted = function.answer_to("create-root-key-empty-body").await;
    assert_eq!(minted.string("/expiresAt"), "2026-04-01T00:00:00.000Z");
    let later = Function::at(&table, after_hours(90 * 24));
    assert_eq!(later.get(minted.string("/key"), PATH).await.status, 401);
    let listed = later.get(&SampleKey::Root.token(), PATH).await;
    assert!(listed.ids().contains(&minted.string("/id").to_owned()), "expired, so listed");
}
