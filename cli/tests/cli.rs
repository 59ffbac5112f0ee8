//! The command line as an operator runs it: a process, its output, and what is in the table after.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use latchkey::config::KeyPolicy;
use latchkey::principal::Principal;
use latchkey::token::Token;
use latchkey_local::sample::{self, SampleKey};
use latchkey_local::secrets::Secrets;
use latchkey_local::{TestTable, headers};
use serde_json::Value;

/// Runs `latchkey` with `arguments` against `table`, with nothing else from this environment.
async fn latchkey(table: &TestTable, arguments: &[&str]) -> Output {
    latchkey_reading(table, arguments, "").await
}

/// The same, with `input` on standard input.
async fn latchkey_reading(table: &TestTable, arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_latchkey"));
    command
        .args(arguments)
        .env_clear()
        .env("LATCHKEY_TABLE", table.name())
        .env("AWS_ENDPOINT_URL_DYNAMODB", table.endpoint())
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "local")
        .env("AWS_SECRET_ACCESS_KEY", "local")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let input = input.to_owned();
    let run = move || {
        let mut process = command.spawn().expect("a process");
        let mut stdin = process.stdin.take().expect("a pipe");
        // Most commands end without a look at it.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        process.wait_with_output().expect("an end")
    };
    tokio::task::spawn_blocking(run).await.expect("an end")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

async fn made(table: &TestTable, arguments: &[&str]) -> Value {
    let output = latchkey(table, arguments).await;
    assert!(output.status.success(), "{}", stderr(&output));
    serde_json::from_str(&stdout(&output)).expect("JSON")
}

async fn refused(table: &TestTable, arguments: &[&str]) -> String {
    let output = latchkey(table, arguments).await;
    assert!(!output.status.success(), "{}", stdout(&output));
    assert_eq!(stdout(&output), "");
    stderr(&output)
}

const BOOTSTRAP: &[&str] = &["bootstrap", "--organization", "acme", "--name", "Acme"];

#[tokio::test]
async fn bootstrap_makes_a_key_that_authenticates_and_is_shown_once() {
    let table = TestTable::start().await;
    let made = made(&table, &[BOOTSTRAP, &["--output", "json"]].concat()).await;
    assert_eq!(made["organization"]["id"], "acme");
    assert_eq!(made["organization"]["name"], "Acme");
    assert_eq!(made["service_account"]["name"], "admin");
    let token = made["key"]["key"].as_str().expect("a key");

    let latchkey = table.latchkey(KeyPolicy::default());
    let bearer = headers::authorization(&format!("Bearer {token}"));
    let Ok(Principal::ServiceAccount(principal)) = latchkey.authenticate(&bearer).await else {
        panic!("the key does not authenticate");
    };
    assert_eq!(principal.organization.as_ref(), "acme");
    assert_eq!(Some(principal.account.as_ref()), made["service_account"]["id"].as_str());
    assert!(principal.scopes.is_full_access());

    let again = refused(&table, BOOTSTRAP).await;
    assert_eq!(
        again,
        "error: organization `acme` already exists\n  \
         use `latchkey account create` to add an account to it\n"
    );
    let mut secrets = Secrets::default();
    secrets.add(token);
    secrets.check(&again, "an error");
    secrets.check_items(&table).await;
}

#[tokio::test]
async fn text_output_is_for_people() {
    let table = TestTable::start().await;
    let output = latchkey(&table, BOOTSTRAP).await;
    let text = stdout(&output);
    let lines: Vec<&str> = text.lines().collect();
    let [organization, account, id, expires, key] = lines.as_slice() else { panic!("{text}") };
    assert_eq!(*organization, "organization     acme (Acme)");
    assert!(account.starts_with("service account  ") && account.ends_with(" (admin)"), "{account}");
    assert!(id.starts_with("key id           "), "{id}");
    assert_eq!(*expires, "expires          never");
    let token = key.strip_prefix("key              ").expect("a key");
    assert!(token.parse::<Token>().is_ok());
    let note = "Keep the key now: it is not stored and cannot be shown again.\n";
    assert_eq!(stderr(&output), note);
}

#[tokio::test]
async fn a_root_key_is_the_root() {
    let table = TestTable::start().await;
    let arguments = ["root-key", "create", "--expires-in", "90d", "--output", "json"];
    let made = made(&table, &arguments).await;
    let token = made["key"]["key"].as_str().expect("a key");
    assert!(token.starts_with("sk_ROOT_"));
    assert!(made["key"]["expires_at"].is_string());
    let bearer = headers::authorization(&format!("Bearer {token}"));
    let principal = table.latchkey(KeyPolicy::default()).authenticate(&bearer).await;
    assert!(matches!(principal, Ok(Principal::Root { .. })), "{principal:?}");

    let past = ["root-key", "create", "--expires-at", "2020-01-01T00:00:00Z"];
    assert_eq!(refused(&table, &past).await, "error: the expiry must be in the future\n");
}

#[tokio::test]
async fn an_account_belongs_to_an_organization_that_exists() {
    let table = TestTable::start().await;
    let arguments = ["account", "create", "--name", "ci", "--organization"];
    let made = made(&table, &[&arguments[..], &["sample", "--output", "json"]].concat()).await;
    assert_eq!(made["service_account"]["organization"], "sample");
    assert_eq!(made["service_account"]["name"], "ci");
    assert!(made.get("key").is_none());

    let missing = refused(&table, &[&arguments[..], &["nobody"]].concat()).await;
    assert_eq!(
        missing,
        "error: organization `nobody` does not exist\n  use `latchkey bootstrap` to make it\n"
    );
}

#[tokio::test]
async fn every_failure_says_what_to_do() {
    let table = TestTable::start().await;
    let no_table = refused(&table, &[BOOTSTRAP, &["--table", "other"]].concat()).await;
    assert!(no_table.contains("there is no table `other` at http://127.0.0.1:"), "{no_table}");
    let unnamed = refused(&table, &[BOOTSTRAP, &["--table", ""]].concat()).await;
    assert!(unnamed.contains("pass `--table` or set `LATCHKEY_TABLE`"), "{unnamed}");
    let endpoint = ["--endpoint-url", "http://127.0.0.1:1"];
    let unreachable = refused(&table, &[BOOTSTRAP, &endpoint].concat()).await;
    assert!(unreachable.contains("cannot be reached"), "{unreachable}");
    let nonsense = refused(&table, &[BOOTSTRAP, &["--endpoint-url", "nonsense"]].concat()).await;
    assert!(nonsense.contains("must be an http or https URL"), "{nonsense}");
    let profile = refused(&table, &[BOOTSTRAP, &["--profile", "nope"]].concat()).await;
    assert!(profile.contains("no AWS credentials"), "{profile}");
    for lifetime in ["-1d", "200y", "0s", "soon"] {
        let end = refused(&table, &["root-key", "create", "--expires-in", lifetime]).await;
        assert!(end.contains("1 second to 100 years"), "{end}");
    }
    let bad = refused(&table, &["bootstrap", "--organization", "a#b", "--name", "A"]).await;
    assert!(bad.contains("an organization id is 1 to 64 letters"), "{bad}");
    let nothing = refused(&table, &[]).await;
    assert!(
        nothing.contains("[subcommands: bootstrap, root-key, account, key, verify, help]"),
        "{nothing}"
    );
}

#[tokio::test]
async fn verify_tells_whose_a_key_is_and_why_it_is_refused() {
    let table = TestTable::start().await;
    let secrets = Secrets::of_samples();
    let verify = async |key: SampleKey, more: &[&str]| {
        let arguments = [&["verify"], more].concat();
        let output = latchkey_reading(&table, &arguments, &format!("{}\n", key.token())).await;
        secrets.check(&(stdout(&output) + &stderr(&output)), "an output");
        output
    };

    let valid = verify(SampleKey::Minter, &[]).await;
    assert!(valid.status.success(), "{}", stderr(&valid));
    let text = stdout(&valid);
    for line in [
        "status           valid",
        "service account  SAMPLEACCOUNT001 (sample account SAMPLEACCOUNT001)",
        "organization     sample",
        "scopes           keys.write sessions.read",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is missing:\n{text}");
    }

    for (key, reason) in [
        (SampleKey::Expired, "expired"),
        (SampleKey::Revoked, "revoked"),
        (SampleKey::Disabled, "account disabled"),
        (SampleKey::Unknown, "unknown"),
    ] {
        let refused = verify(key, &["--output", "json"]).await;
        assert!(!refused.status.success());
        let report: Value = serde_json::from_str(&stdout(&refused)).expect("JSON");
        assert_eq!((&report["status"], &report["reason"]), (&"refused".into(), &reason.into()));
        assert_eq!(stderr(&refused), format!("error: the key is refused: {reason}\n"));
    }
}

#[tokio::test]
async fn verify_offline_needs_no_table() {
    let table = TestTable::start().await;
    let offline = ["verify", "--offline", "--table", "", "--endpoint-url", "http://127.0.0.1:1"];
    let known = latchkey_reading(&table, &offline, &SampleKey::Unknown.token()).await;
    assert!(known.status.success(), "{}", stderr(&known));
    assert!(stdout(&known).contains("well-formed") && stdout(&known).contains(sample::ACCOUNT));

    let mut mistyped = SampleKey::Unknown.token();
    mistyped.replace_range(50..51, "_");
    for (input, expected) in [
        (mistyped.as_str(), "error: this is no key: "),
        ("", "error: no key: write it to standard input"),
    ] {
        let refused = latchkey_reading(&table, &offline, input).await;
        assert!(!refused.status.success());
        assert!(stderr(&refused).starts_with(expected), "{}", stderr(&refused));
    }
}

#[tokio::test]
async fn a_revoked_key_is_refused_and_makes_room_for_another() {
    let table = TestTable::start().await;
    let key = SampleKey::Other.mint().0;
    let (account, id) = (key.spec.account.to_string(), key.id.to_string());
    let revoke = ["key", "revoke", "--account", &account, "--key", &id, "--output", "json"];
    let first = made(&table, &revoke).await;
    assert_eq!(first["revoked_key"]["id"], id);
    assert!(first["revoked_key"]["revoked_at"].is_string());
    // Once more changes nothing.
    assert_eq!(made(&table, &revoke).await, first);

    let latchkey = table.latchkey(KeyPolicy::default());
    assert!(latchkey.authenticate(&headers::bearer(SampleKey::Other)).await.is_err());
    let item = table.items().await.into_iter().find(|item| {
        item["sk"].as_s() == Ok(&"ACCOUNT".to_owned())
            && item["pk"].as_s() == Ok(&format!("ACCOUNT#{account}"))
    });
    assert_eq!(item.expect("an account")["live_keys"].as_n(), Ok(&"0".to_owned()));

    let unknown = ["key", "revoke", "--account", &account, "--key", "NONE"];
    assert_eq!(refused(&table, &unknown).await, "error: key `NONE` does not exist\n");
}

#[tokio::test]
async fn a_root_key_can_be_revoked() {
    let table = TestTable::start().await;
    let key = SampleKey::Root.mint().0.id.to_string();
    made(&table, &["key", "revoke", "--account", "ROOT", "--key", &key, "--output", "json"]).await;
    let latchkey = table.latchkey(KeyPolicy::default());
    assert!(latchkey.authenticate(&headers::bearer(SampleKey::Root)).await.is_err());
}
