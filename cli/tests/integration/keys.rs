//! The life cycle of a key, through the operator's commands.

use crate::common::{
    id, key_prefix, latchkey, partition, printed, refused, reported, stderr, stdout,
};
use latchkey::policy::KeyPolicy;
use latchkey::principal::Principal;
use latchkey::service::Freshness;
use latchkey::token::Token;
use latchkey_testkit::TestTable;
use latchkey_testkit::sample::{ACCOUNT, FULL_ACCOUNT, SampleKey};
use latchkey_testkit::secrets::Secrets;
use serde_json::{Value, json};

const KEEP: &str = "Save the key now: it is not stored and cannot be shown again.\n";

/// The principal of `token`, at the time of the samples.
async fn principal(table: &TestTable, token: &Value) -> Option<Principal> {
    let token = token.as_str().expect("a key");
    table.latchkey(KeyPolicy::default()).verify(token, Freshness::Cached).await.ok()
}

async fn shown(table: &TestTable, key: &str) -> Value {
    reported(table, &["key", "show", "--account", ACCOUNT, "--key", key]).await["key"].clone()
}

#[tokio::test]
async fn a_minted_key_is_as_it_was_asked_for() {
    let table = TestTable::start().await;
    let mint = ["key", "mint", "--account", ACCOUNT, "--expires-in", "90d", "--name", "ci"];
    let scopes = ["--scope", "a.read,b.read", "--scope", "c.write"];
    let minted = reported(&table, &[&mint[..], &scopes].concat()).await;
    let Some(Principal::ServiceAccount(caller)) = principal(&table, &minted["key"]["key"]).await
    else {
        panic!("the key does not authenticate");
    };
    assert_eq!(caller.account.as_ref(), ACCOUNT);
    assert_eq!(caller.organization.as_ref(), "sample");

    let record = shown(&table, minted["key"]["id"].as_str().expect("an id")).await;
    assert_eq!(record["name"], "ci");
    assert_eq!(record["scopes"], json!(["a.read", "b.read", "c.write"]));
    assert_eq!((&record["full_access"], &record["created_by"]), (&json!(false), &Value::Null));
    assert_eq!(record["expires_at"], minted["key"]["expires_at"]);
    assert!(record["expires_at"].is_string());

    let output = latchkey(&table, &["key", "mint", "--account", ACCOUNT]).await;
    assert_eq!(stderr(&output), KEEP);
    let text = stdout(&output);
    let [id, expires, key] = text.lines().collect::<Vec<_>>()[..] else { panic!("{text}") };
    assert_eq!(expires, "expires          never");
    let token = key.strip_prefix("key              ").expect("a key");
    assert!(token.parse::<Token>().is_ok());
    let record = shown(&table, id.strip_prefix("key ID           ").expect("an id")).await;
    assert_eq!((&record["full_access"], &record["scopes"]), (&json!(true), &json!([])));

    let mut secrets = Secrets::default();
    secrets.add(minted["key"]["key"].as_str().expect("a key"));
    secrets.add(token);
    secrets.check(&printed(&table, &["key", "list", "--account", ACCOUNT]).await, "a list");
    secrets.check(&shown(&table, record["id"].as_str().expect("an id")).await.to_string(), "it");
    secrets.check_items(&table).await;
}

#[tokio::test]
async fn a_refused_mint_says_what_to_do() {
    let table = TestTable::start().await;
    let mint = async |account: &str, more: &[&str]| {
        refused(&table, &[&["key", "mint", "--account", account], more].concat()).await
    };
    assert_eq!(mint("NONE", &[]).await, "error: service account `NONE` does not exist\n");
    let full = "already has 10 live keys (the limit); revoke one or raise KeyLimit\n";
    assert!(mint(FULL_ACCOUNT, &[]).await.ends_with(full));
    let past = mint(ACCOUNT, &["--expires-at", "2020-01-01T00:00:00Z"]).await;
    assert_eq!(past, "error: the expiry must be in the future\n");
    assert!(mint("ROOT", &[]).await.contains("latchkey root-key"));
    // An empty variable must not become full access.
    for scope in ["", "a.read,", "a b"] {
        let refused = mint(ACCOUNT, &["--scope", scope]).await;
        assert!(refused.contains("a scope has 1 to 64"), "{refused}");
    }
}

#[tokio::test]
async fn a_key_is_shown_without_its_secret() {
    let table = TestTable::start().await;
    let key = SampleKey::Minter;
    let by_id = ["key", "show", "--account", ACCOUNT, "--key", &id(key)];
    let found = reported(&table, &by_id).await;
    let expected = json!({
        "id": id(key),
        "key_prefix": key_prefix(key),
        "service_account": ACCOUNT,
        "name": "sample",
        "full_access": false,
        "scopes": ["keys.write", "sessions.read"],
        "status": "live",
        "created_by": null,
        "created_at": "2026-01-01T00:00:00.000Z",
        "updated_at": "2026-01-01T00:00:00.000Z",
        "expires_at": null,
        "revoked_at": null,
        "last_used_at": null,
        "rotated_from": null,
        "rotated_to": null,
    });
    assert_eq!(found["key"], expected);
    assert_eq!(found["service_account"]["organization"], "sample");
    // The prefix that lists show also names the key.
    let by_prefix = ["key", "show", "--key", &key_prefix(key)];
    assert_eq!(reported(&table, &by_prefix).await, found);
    assert_eq!(
        printed(&table, &by_prefix).await,
        format!(
            "key ID           {}\n\
             key prefix       {}\n\
             status           live\n\
             service account  SAMPLEACCOUNT001 (sample account SAMPLEACCOUNT001)\n\
             organization     sample\n\
             name             sample\n\
             scopes           keys.write sessions.read\n\
             created          2026-01-01T00:00:00.000Z\n\
             created by       operator\n\
             changed          2026-01-01T00:00:00.000Z\n\
             last used        never recorded\n\
             expires          never\n",
            id(key),
            key_prefix(key)
        )
    );
    for (key, line) in [
        (SampleKey::Expired, "status           expired"),
        (SampleKey::Revoked, "status           revoked"),
        (SampleKey::Disabled, "account status   disabled: its keys are rejected"),
        (SampleKey::Root, "service account  ROOT"),
    ] {
        let text = printed(&table, &["key", "show", "--key", &key_prefix(key)]).await;
        assert!(text.lines().any(|found| found == line), "{line} is missing:\n{text}");
    }
}

#[tokio::test]
async fn a_key_that_does_not_exist_is_not_found() {
    let table = TestTable::start().await;
    let minter = id(SampleKey::Minter);
    for command in [&["show"][..], &["rotate"], &["revoke", "--yes"]] {
        let run = async |account: &str, key: &str| {
            let named = ["--account", account, "--key", key];
            refused(&table, &[&["key"], command, &named].concat()).await
        };
        assert_eq!(run(ACCOUNT, "NONE").await, "error: key `NONE` does not exist\n");
        let account = run("NONE", &minter).await;
        assert!(account.ends_with("does not exist\n"), "{account}");
        let other = run(FULL_ACCOUNT, &key_prefix(SampleKey::Minter)).await;
        let expected = "error: `--key` names a key of account `SAMPLEACCOUNT001`, not of \
                        `SAMPLEACCOUNT002`; check the IDs\n";
        assert_eq!(other, expected);
        let unnamed = refused(&table, &[&["key"], command, &["--key", &minter]].concat()).await;
        assert!(unnamed.contains("pass `--account` too"), "{unnamed}");
    }
}

#[tokio::test]
async fn a_whole_key_is_refused_and_not_repeated() {
    let table = TestTable::start().await;
    let secrets = Secrets::of_samples();
    let token = SampleKey::FullAccess.token();
    let mistyped = format!("{}x", &token[..token.len() - 3]);
    let assigned = format!("--key={token}");
    for arguments in [
        &["key", "revoke", "--yes", "--key", &token][..],
        &["key", "show", "--account", ACCOUNT, &assigned],
        &["key", "rotate", "--key", &mistyped],
        &["root-key", "revoke", "--yes", "--key", &token],
        &["key", "list", "--account", &token],
        &["key", "mint", "--account", ACCOUNT, "--name", &token],
        &["verify", &token],
    ] {
        let refused = refused(&table, arguments).await;
        secrets.check(&refused, "a refusal");
        assert!(refused.contains("an argument contains a whole key, with its secret"), "{refused}");
    }
    // The secret alone does not name a key, and the message does not repeat it.
    let secret = token.rsplit('_').next().expect("a secret");
    let alone = refused(&table, &["key", "show", "--account", ACCOUNT, "--key", secret]).await;
    secrets.check(&alone, "a refusal");
    assert!(alone.contains("must be a key ID"), "{alone}");
    assert!(principal(&table, &token.into()).await.is_some());
}

#[tokio::test]
async fn a_rotated_key_works_until_its_grace_is_over() {
    let table = TestTable::start().await;
    let old = id(SampleKey::Minter);
    let rotate = ["key", "rotate", "--account", ACCOUNT, "--key", &old];
    let rotated = reported(&table, &rotate).await;
    assert!(principal(&table, &rotated["key"]["key"]).await.is_some());
    let new = shown(&table, rotated["key"]["id"].as_str().expect("an id")).await;
    assert_eq!(new["name"], "sample");
    assert_eq!(new["scopes"], json!(["keys.write", "sessions.read"]));
    assert_eq!(new["expires_at"], Value::Null);
    assert_eq!(new["rotated_from"], old);
    let record = shown(&table, &old).await;
    assert_eq!(record, rotated["rotated_key"]);
    assert_eq!((&record["status"], &record["rotated_to"]), (&json!("rotated"), &new["id"]));
    assert_eq!(days_until(&record["expires_at"], &record["updated_at"]), 7);

    let again = refused(&table, &rotate).await;
    let expected = "was already rotated; rotate the key that replaced it\n";
    assert!(again.ends_with(expected), "{again}");
    let grace = [&rotate[..], &["--grace", "31d"]].concat();
    assert!(refused(&table, &grace).await.contains("at most 30 days"));
}

fn days_until(end: &Value, start: &Value) -> i64 {
    let millis = |time: &Value| {
        let time = time.as_str().expect("a time").parse::<latchkey::time::Timestamp>();
        time.expect("a time").as_millis()
    };
    (millis(end) - millis(start)) / 86_400_000
}

#[tokio::test]
async fn a_rotation_without_grace_ends_the_old_key_now() {
    let table = TestTable::start().await;
    let old = partition(&table, &format!("ACCOUNT#{FULL_ACCOUNT}")).await;
    let old = old.iter().find_map(|item| item.get("key_prefix")?.as_s().ok()).expect("a key");
    let full = refused(&table, &["key", "rotate", "--key", old]).await;
    assert!(full.contains("already has 10 live keys"), "{full}");

    let output = latchkey(&table, &["key", "rotate", "--key", old, "--grace", "0s"]).await;
    let (text, notes) = (stdout(&output), stderr(&output));
    let labels: Vec<&str> = text.lines().map(|line| line[..15].trim_end()).collect();
    assert_eq!(labels, ["old key ID", "old key expires", "key ID", "expires", "key"], "{notes}");
    assert!(notes.starts_with(KEEP) && notes.contains("LATCHKEY_CACHE_TTL"), "{notes}");
    let found = reported(&table, &["key", "show", "--key", old]).await;
    assert_eq!(found["key"]["status"], "expired");
    assert!(found["key"]["rotated_to"].is_string());

    let ended = refused(&table, &["key", "rotate", "--key", old]).await;
    assert!(ended.ends_with("has expired\n"), "{ended}");
    let root = refused(&table, &["key", "rotate", "--key", &key_prefix(SampleKey::Root)]).await;
    assert!(root.starts_with("error: a root key cannot be rotated\n"), "{root}");
}

#[tokio::test]
async fn a_revoked_key_is_refused_and_makes_room_for_another() {
    let table = TestTable::start().await;
    let key = SampleKey::Other;
    let account = key.mint().0.spec.account.to_string();
    let revoke = ["key", "revoke", "--account", &account, "--key", &id(key)];
    let asked = refused(&table, &revoke).await;
    assert_eq!(asked, "error: this cannot be undone; pass `--yes` to confirm\n");
    assert!(principal(&table, &key.token().into()).await.is_some());

    let revoke = [&revoke[..], &["--yes"]].concat();
    let first = reported(&table, &revoke).await;
    assert_eq!(first["revoked_key"]["id"], id(key));
    assert_eq!(first["revoked_key"]["service_account"], account);
    assert!(first["revoked_key"]["revoked_at"].is_string());
    // A second call changes nothing.
    assert_eq!(reported(&table, &revoke).await, first);
    let output = latchkey(&table, &revoke).await;
    assert!(stdout(&output).contains("\nrevoked          20"), "{}", stdout(&output));
    assert!(stderr(&output).contains("LATCHKEY_CACHE_TTL"), "{}", stderr(&output));

    assert!(principal(&table, &key.token().into()).await.is_none());
    let items = partition(&table, &format!("ACCOUNT#{account}")).await;
    let item = items.iter().find(|item| item["sk"].as_s() == Ok(&"ACCOUNT".to_owned()));
    assert_eq!(item.expect("an account")["live_keys"].as_n(), Ok(&"0".to_owned()));
}

#[tokio::test]
async fn a_root_key_is_the_root_until_it_is_revoked() {
    let table = TestTable::start().await;
    let reported = async |arguments: &[&str]| reported(&table, arguments).await;
    let created = reported(&["root-key", "create", "--expires-in", "90d"]).await;
    let token = &created["key"]["key"];
    assert!(token.as_str().is_some_and(|token| token.starts_with("sk_ROOT_")));
    assert!(created["key"]["expires_at"].is_string());
    assert!(matches!(principal(&table, token).await, Some(Principal::Root { .. })));
    let past = ["root-key", "create", "--expires-at", "2020-01-01T00:00:00Z"];
    assert_eq!(refused(&table, &past).await, "error: the expiry must be in the future\n");

    let listed = reported(&["root-key", "list"]).await;
    assert_eq!(listed, reported(&["key", "list", "--account", "ROOT"]).await);
    let created_id = created["key"]["id"].as_str().expect("an id");
    let ids = crate::common::column(&listed["keys"], "id");
    assert_eq!(ids, [id(SampleKey::Root).as_str(), created_id]);
    let text = printed(&table, &["root-key", "list"]).await;
    assert!(text.lines().nth(1).is_some_and(|line| line.starts_with("sk_ROOT_")), "{text}");

    let sample = id(SampleKey::Root);
    let revoke = ["root-key", "revoke", "--key", &sample];
    let asked = refused(&table, &revoke).await;
    assert_eq!(asked, "error: this cannot be undone; pass `--yes` to confirm\n");
    reported(&[&revoke[..], &["--yes"]].concat()).await;
    assert!(principal(&table, &SampleKey::Root.token().into()).await.is_none());
    // The other way to name the key.
    reported(&["key", "revoke", "--yes", "--account", "ROOT", "--key", created_id]).await;
    assert!(principal(&table, token).await.is_none());

    let other = ["root-key", "revoke", "--yes", "--key", &key_prefix(SampleKey::Minter)];
    let other = refused(&table, &other).await;
    assert!(other.contains("not of `ROOT`"), "{other}");
    let unknown = refused(&table, &["root-key", "revoke", "--yes", "--key", "NONE"]).await;
    assert_eq!(unknown, "error: key `NONE` does not exist\n");
}
