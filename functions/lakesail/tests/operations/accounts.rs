//! Making, listing, describing, updating and deleting service accounts.

use latchkey_local::sample::{ACCOUNT, DISABLED_ACCOUNT, FULL_ACCOUNT, SampleKey};
use latchkey_local::{Answer, Tenant, TestTable};

use crate::common::{Function, Refusal, Success, account_path, after_hours, full_access, ids};

const PATH: &str = "/api/org/v1/service-accounts";

const BAD_ID: &str = "the service account id may hold `A-Z` and `0-9` only, not 's'";
const FULL_ACCESS_NEEDED: &str = "this key may not manage service accounts";
const MISSING_SCOPE: &str = "this key may not read about service accounts and their keys";
const ROOT_KEY: &str =
    "a root key belongs to no organization; present a service account's key instead";
const UNKNOWN: &str = "service account `SAMPLEACCOUNT999` does not exist";
const OTHER_ORGANIZATION: &str = "service account `SAMPLEACCOUNT004` does not exist";
const OF_ROOT: &str = "service account `ROOT` does not exist";

const REFUSALS: &[Refusal] = &[
    ("list-accounts-bad-limit", 400, "`limit` must be a whole number from 1 to 100, given once"),
    (
        "list-accounts-foreign-marker",
        400,
        "`marker` is not one that this list gave out to this key within the last 24 hours; \
         start again without it",
    ),
    ("list-accounts-missing-scope", 403, MISSING_SCOPE),
    ("list-accounts-root-key", 403, ROOT_KEY),
    ("create-account-missing-description", 400, "`description` is required"),
    ("create-account-missing-username", 400, "`username` is required"),
    ("create-account-empty-body", 400, "`username` is required"),
    ("create-account-null-description", 400, "`description` must be a string, not null"),
    ("create-account-username-not-a-string", 400, "`username` must be a string, not a number"),
    ("create-account-blank-username", 400, "`username` must not be empty"),
    ("create-account-long-username", 400, "`username` must be at most 128 characters"),
    ("create-account-long-description", 400, "`description` must be at most 1024 characters"),
    ("create-account-control-character", 400, "`username` must not hold control characters"),
    (
        "create-account-unknown-field",
        400,
        "`name` is not a field of this request; it takes `username`, `description`",
    ),
    ("create-account-scoped-caller", 403, FULL_ACCESS_NEEDED),
    ("create-account-root-key", 403, ROOT_KEY),
    (
        "create-account-form-body",
        415,
        "the body must be JSON in UTF-8: send `Content-Type: application/json`",
    ),
    ("describe-account-bad-id", 400, BAD_ID),
    ("describe-account-missing-scope", 403, MISSING_SCOPE),
    ("describe-account-root-key", 403, ROOT_KEY),
    ("describe-account-unknown", 404, UNKNOWN),
    ("describe-account-other-organization", 404, OTHER_ORGANIZATION),
    ("describe-account-of-root", 404, OF_ROOT),
    ("update-account-null", 400, "`description` must be a string, not null"),
    ("update-account-blank-username", 400, "`username` must not be empty"),
    (
        "update-account-unknown-field",
        400,
        "`disabled` is not a field of this request; it takes `username`, `description`",
    ),
    ("update-account-bad-id", 400, BAD_ID),
    ("update-account-scoped-caller", 403, FULL_ACCESS_NEEDED),
    ("update-account-root-key", 403, ROOT_KEY),
    ("update-account-unknown", 404, UNKNOWN),
    ("update-account-other-organization", 404, OTHER_ORGANIZATION),
    ("delete-account-bad-id", 400, BAD_ID),
    ("delete-account-scoped-caller", 403, FULL_ACCESS_NEEDED),
    ("delete-account-root-key", 403, ROOT_KEY),
    ("delete-account-unknown", 404, UNKNOWN),
    ("delete-account-other-organization", 404, OTHER_ORGANIZATION),
    ("delete-account-of-root", 404, OF_ROOT),
    (
        "delete-account-own",
        409,
        "service account `SAMPLEACCOUNT001` is the one whose key you present; \
         to disable or delete it, present a key of another account",
    ),
];

fn successes() -> Vec<Success> {
    let account = |id: &str, username: &str, description: &str| {
        format!(
            r#"{{"id":"{id}","username":"{username}","description":"{description}","createdAt":"2026-01-01T00:00:00.000Z","updatedAt":"2026-01-01T00:00:00.000Z"}}"#
        )
    };
    let sample = |id: &str| account(id, &format!("sample account {id}"), "Made by the samples.");
    let [own, full, disabled] = [ACCOUNT, FULL_ACCOUNT, DISABLED_ACCOUNT].map(sample);
    let all = format!(r#"{{"items":[{own},{full},{disabled}]}}"#);
    let weekly = "Writes the report of the week.";
    vec![
        ("list-accounts", 200, all.clone()),
        ("list-accounts-scoped-caller", 200, all),
        ("list-accounts-page", 200, format!(r#"{{"items":[{own},{full}],"marker":"*"}}"#)),
        ("describe-account", 200, full.clone()),
        ("describe-account-disabled", 200, disabled),
        ("describe-account-own-scoped-caller", 200, own),
        ("update-account-empty-body", 200, full),
        ("update-account", 200, account(FULL_ACCOUNT, "weekly-report", weekly)),
        ("update-account-description-only", 200, account(FULL_ACCOUNT, "weekly-report", "")),
        ("update-account-own", 200, account(ACCOUNT, "own", "Made by the samples.")),
        ("create-account", 201, account("*", "nightly-report", "Writes the report of the night.")),
        ("create-account-empty-description", 201, account("*", "nightly-report", "")),
        ("delete-account", 204, String::new()),
    ]
}

pub(crate) fn cases() -> Vec<&'static str> {
    successes().iter().map(|case| case.0).chain(REFUSALS.iter().map(|case| case.0)).collect()
}

/// How many items lie under an account's id: its own, its keys, and its entry in its organization.
async fn items_of(table: &TestTable, account: &str) -> usize {
    let name = format!("ACCOUNT#{account}");
    let items = table.items().await;
    let own = |key: &str| items.iter().filter(|item| item[key].as_s() == Ok(&name)).count();
    own("pk") + own("sk")
}

#[tokio::test]
async fn every_success_is_as_promised() {
    let table = TestTable::start().await;
    Function::over(&table).check_successes(&successes()).await;
}

#[tokio::test]
async fn every_refusal_is_a_message_that_helps() {
    let table = TestTable::start().await;
    Function::over(&table).check_refusals(&table, REFUSALS).await;
}

#[tokio::test]
async fn a_new_account_is_listed_and_gets_keys_that_authenticate_as_it() {
    let table = TestTable::start().await;
    let function = Function::at(&table, after_hours(1));
    let created = function.answer_to("create-account").await;
    assert_eq!(created.string("/createdAt"), "2026-01-01T01:00:00.000Z");
    assert_eq!(created.string("/updatedAt"), created.string("/createdAt"));
    let id = created.string("/id");
    assert_eq!(function.get(&full_access(), &account_path(id)).await.body, created.body);
    let listed = function.get(&full_access(), PATH).await;
    let items = listed.body["items"].as_array().expect("a list");
    assert!(items.contains(&created.body), "{}", listed.text);

    let minted = function.post(&full_access(), &format!("{}/keys", account_path(id)), "{}").await;
    let me = function.get(minted.string("/key"), "/api/org/v1/me").await;
    assert_eq!(me.body["serviceAccount"], created.body);
    // Another organization knows nothing of it.
    let other = SampleKey::Other.token();
    assert_eq!(function.get(&other, &account_path(id)).await.status, 404);
    assert!(!ids(&function.get(&other, PATH).await).contains(&id.to_owned()));
}

#[tokio::test]
async fn two_accounts_may_have_the_same_username() {
    let table = TestTable::start().await;
    let function = Function::over(&table);
    let first = function.answer_to("create-account").await;
    let second = function.answer_to("create-account").await;
    assert_eq!((first.status, second.status), (201, 201));
    assert_ne!(first.string("/id"), second.string("/id"));
}

#[tokio::test]
async fn an_update_changes_what_it_names_and_when() {
    let table = TestTable::start().await;
    let (token, path) = (full_access(), account_path(FULL_ACCOUNT));
    let before = Function::over(&table).get(&token, &path).await;
    let times = |answer: &Answer| {
        (answer.string("/createdAt").to_owned(), answer.string("/updatedAt").to_owned())
    };
    let (created_at, _) = times(&before);

    let first = Function::at(&table, after_hours(1));
    let renamed = first.patch(&token, &path, r#"{"username":"renamed"}"#).await;
    assert_eq!(renamed.string("/username"), "renamed");
    assert_eq!(renamed.string("/description"), before.string("/description"));
    assert_eq!(times(&renamed), (created_at.clone(), "2026-01-01T01:00:00.000Z".to_owned()));

    let second = Function::at(&table, after_hours(2));
    let described = second.patch(&token, &path, r#"{"description":"new"}"#).await;
    assert_eq!(described.string("/username"), "renamed");
    assert_eq!(described.string("/description"), "new");
    assert_eq!(times(&described), (created_at, "2026-01-01T02:00:00.000Z".to_owned()));
    assert_eq!(second.get(&token, &path).await.body, described.body);

    // Nothing named, nothing changed: neither by an empty update nor by minting a key.
    let third = Function::at(&table, after_hours(3));
    assert_eq!(third.patch(&token, &path, "{}").await.body, described.body);
    let keys = format!("{path}/keys");
    let listed = ids(&third.get(&token, &keys).await);
    assert_eq!(third.delete(&token, &format!("{keys}/{}", listed[0])).await.status, 204);
    assert_eq!(third.post(&token, &keys, "{}").await.status, 201);
    assert_eq!(third.get(&token, &path).await.body, described.body);
    // The count of keys outlived the updates: the account is full again.
    assert_eq!(third.post(&token, &keys, "{}").await.status, 409);
}

#[tokio::test]
async fn a_deleted_account_is_gone_with_all_of_its_keys() {
    let table = TestTable::start().await;
    let function = Function::caching(&table);
    let tenant = Tenant::create(&table, "tenant").await;
    let account =
        function.post(&tenant.token, PATH, r#"{"username":"caller","description":""}"#).await;
    let keys_path = format!("{}/keys", account_path(account.string("/id")));
    let caller = function.post(&tenant.token, &keys_path, "{}").await;
    let caller = caller.string("/key");
    // More than a batch of deletes takes.
    for millis in 0..60 {
        tenant.add_key(millis).await;
    }
    let (_, live) = tenant.add_key(60).await;
    assert_eq!(function.me(&live).await, 200);
    assert_eq!(function.me(&tenant.token).await, 200);

    let path = account_path(tenant.account.as_ref());
    let deleted = function.delete(caller, &path).await;
    assert_eq!((deleted.status, deleted.text.as_str()), (204, ""));
    assert_eq!(function.me(&live).await, 401);
    assert_eq!(function.me(&tenant.token).await, 401);
    assert_eq!(function.get(caller, &path).await.status, 404);
    assert_eq!(function.get(caller, &format!("{path}/keys")).await.status, 404);
    assert_eq!(function.get(caller, &format!("{path}/keys/{}", tenant.key)).await.status, 404);
    assert_eq!(function.post(caller, &format!("{path}/keys"), "{}").await.status, 404);
    assert_eq!(function.patch(caller, &path, r#"{"username":"u"}"#).await.status, 404);
    assert_eq!(function.delete(caller, &path).await.status, 404);
    assert_eq!(ids(&function.get(caller, PATH).await), [account.string("/id")]);

    assert_eq!(items_of(&table, tenant.account.as_ref()).await, 0);
}

/// The first write of a delete has been made, and nothing after it.
#[tokio::test]
async fn a_delete_that_was_interrupted_is_finished_by_the_same_call() {
    let table = TestTable::start().await;
    let function = Function::over(&table);
    let items = table.items().await;
    let keys = items.iter().filter(|item| {
        let texts = [&item["pk"], &item["sk"]].map(|value| value.as_s().expect("a text"));
        texts.iter().any(|text| *text == &format!("ACCOUNT#{FULL_ACCOUNT}"))
            && !texts[1].starts_with("KEY#")
    });
    for item in keys {
        let (pk, sk) = (item["pk"].clone(), item["sk"].clone());
        if item["sk"].as_s().is_ok_and(|sort_key| sort_key == "ACCOUNT") {
            let delete = table.client.delete_item().table_name(table.name());
            delete.key("pk", pk).key("sk", sk).send().await.expect("deleted");
        } else {
            let update = table.client.update_item().table_name(table.name());
            let update = update.update_expression("SET deleting = :it");
            let update = update.expression_attribute_values(":it", sk.clone());
            update.key("pk", pk).key("sk", sk).send().await.expect("marked");
        }
    }

    let (token, path) = (full_access(), account_path(FULL_ACCOUNT));
    assert_eq!(ids(&function.get(&token, PATH).await), [ACCOUNT, DISABLED_ACCOUNT]);
    assert_eq!(function.get(&token, &path).await.status, 404);
    assert_eq!(function.delete(&SampleKey::Other.token(), &path).await.status, 404);
    assert_eq!(function.delete(&token, &path).await.status, 204);
    assert_eq!(function.delete(&token, &path).await.status, 404);
    assert_eq!(items_of(&table, FULL_ACCOUNT).await, 0);
}
