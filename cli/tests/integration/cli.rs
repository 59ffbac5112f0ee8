//! First steps, failures, and verification.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use crate::common::{
    column, latchkey, latchkey_reading, printed, refused, reported, stderr, stdout,
};
use latchkey::policy::KeyPolicy;
use latchkey::principal::Principal;
use latchkey::service::Freshness;
use latchkey::token::Token;
use latchkey_testkit::TestTable;
use latchkey_testkit::sample::{self, SampleKey};
use latchkey_testkit::secrets::Secrets;
use serde_json::Value;

const BOOTSTRAP: &[&str] = &["bootstrap", "--organization", "acme", "--name", "Acme"];

#[tokio::test]
async fn bootstrap_makes_a_key_that_authenticates_and_is_shown_once() {
    let table = TestTable::start().await;
    let made = reported(&table, BOOTSTRAP).await;
    assert_eq!(made["organization"]["id"], "acme");
    assert_eq!(made["organization"]["name"], "Acme");
    assert_eq!(made["service_account"]["name"], "admin");
    let token = made["key"]["key"].as_str().expect("a key");

    let latchkey = table.latchkey(KeyPolicy::default());
    let Ok(Principal::ServiceAccount(principal)) = latchkey.verify(token, Freshness::Cached).await
    else {
        panic!("the key does not authenticate");
    };
    assert_eq!(principal.organization.as_ref(), "acme");
    assert_eq!(Some(principal.account.as_ref()), made["service_account"]["id"].as_str());
    assert!(principal.scopes.is_full_access());

    let again = refused(&table, BOOTSTRAP).await;
    assert_eq!(
        again,
        "error: organization `acme` already exists\n  \
         to add a service account to it, run `latchkey account create`\n"
    );
    let mut secrets = Secrets::default();
    secrets.add(token);
    secrets.check(&again, "an error");
    secrets.check_items(&table).await;
}

#[tokio::test]
async fn bootstrap_prints_five_lines_and_one_note() {
    let table = TestTable::start().await;
    let output = latchkey(&table, BOOTSTRAP).await;
    let text = stdout(&output);
    let lines: Vec<&str> = text.lines().collect();
    let [organization, account, id, expires, key] = lines.as_slice() else { panic!("{text}") };
    assert_eq!(*organization, "organization     acme (Acme)");
    assert!(account.starts_with("service account  ") && account.ends_with(" (admin)"), "{account}");
    assert!(id.starts_with("key ID           "), "{id}");
    assert_eq!(*expires, "expires          never");
    let token = key.strip_prefix("key              ").expect("a key");
    assert!(token.parse::<Token>().is_ok());
    let note = "Save the key now: it is not stored and cannot be shown again.\n\
                warning: this deployment now has 3 organizations, and verification accepts keys of \
                all of them.\n  \
                To restrict it, set the template parameters `VerifyOrganizations` and \
                `AuthorizerOrganizations`, or call `/verify?organization=<ID>`.\n";
    assert_eq!(stderr(&output), note);
}

#[tokio::test]
async fn organizations_are_made_and_listed() {
    let table = TestTable::start().await;
    let create = ["organization", "create", "--organization", "acme", "--name", "Acme"];
    let created = reported(&table, &[&create[..], &["--account-name", "ops"]].concat()).await;
    assert_eq!(created["organization"]["id"], "acme");
    assert_eq!(created["service_account"]["name"], "ops");
    assert!(created["key"]["key"].is_string());

    let listed = reported(&table, &["organization", "list"]).await;
    assert_eq!(column(&listed["organizations"], "id"), ["acme", "other", "sample"]);
    assert_eq!(
        column(&listed["organizations"], "name")[1..],
        ["Other Organization", "Sample Organization"]
    );
    let text = printed(&table, &["organization", "list"]).await;
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "ORGANIZATION  STATUS  CREATED               NAME");
    assert_eq!(lines[2], "other         live    2026-01-01T00:00:00Z  Other Organization");
    assert_eq!(lines.len(), 4);
}

#[tokio::test]
async fn every_failure_says_what_to_do() {
    let table = TestTable::start().await;
    let no_table = refused(&table, &[BOOTSTRAP, &["--table", "other"]].concat()).await;
    assert!(no_table.contains("there is no table `other` at http://127.0.0.1:"), "{no_table}");
    let token = SampleKey::Other.token();
    let verify = stderr(&latchkey_reading(&table, &["verify", "--table", "other"], &token).await);
    assert!(verify.contains("there is no table `other` at http://127.0.0.1:"), "{verify}");
    let unnamed = refused(&table, &[BOOTSTRAP, &["--table", ""]].concat()).await;
    assert!(unnamed.contains("pass `--table` or set `LATCHKEY_TABLE`"), "{unnamed}");
    let endpoint = ["--endpoint-url", "http://127.0.0.1:1"];
    let unreachable = refused(&table, &[BOOTSTRAP, &endpoint].concat()).await;
    assert!(unreachable.contains("cannot reach DynamoDB"), "{unreachable}");
    let nonsense = refused(&table, &[BOOTSTRAP, &["--endpoint-url", "nonsense"]].concat()).await;
    assert!(nonsense.contains("must be an http or https URL"), "{nonsense}");
    let profile = refused(&table, &[BOOTSTRAP, &["--profile", "nope"]].concat()).await;
    assert!(profile.contains("no AWS credentials"), "{profile}");
    for lifetime in ["-1d", "200y", "0s", "soon"] {
        let end = refused(&table, &["root-key", "create", "--expires-in", lifetime]).await;
        assert!(end.contains("1 second to 100 years"), "{end}");
    }
    let bad = refused(&table, &["bootstrap", "--organization", "a#b", "--name", "A"]).await;
    assert!(bad.contains("an organization ID has 1 to 64 letters"), "{bad}");
    let nothing = refused(&table, &[]).await;
    assert!(
        nothing.contains(
            "[subcommands: bootstrap, organization, account, key, root-key, webhook, audit, verify, restore-check, help]"
        ),
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
        assert_eq!(stderr(&refused), format!("error: the key is not valid: {reason}\n"));
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
        (mistyped.as_str(), "error: the input is not a key: "),
        ("", "error: no key: pass it on standard input"),
    ] {
        let refused = latchkey_reading(&table, &offline, input).await;
        assert!(!refused.status.success());
        assert!(stderr(&refused).starts_with(expected), "{}", stderr(&refused));
    }
}

/// A key that was revoked a moment ago must not be reported as valid.
#[tokio::test]
async fn verify_reads_consistently() {
    let (requests, endpoint) = recorded();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_latchkey"));
    command.arg("verify").env_clear();
    for (name, value) in [
        ("LATCHKEY_TABLE", "keys"),
        ("AWS_ENDPOINT_URL_DYNAMODB", endpoint.as_str()),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "local"),
        ("AWS_SECRET_ACCESS_KEY", "local"),
    ] {
        command.env(name, value);
    }
    let (input, mut key) = std::io::pipe().expect("a pipe");
    key.write_all(SampleKey::Minter.token().as_bytes()).expect("written");
    drop(key);
    let output = command.stdin(input).output().expect("an end");
    assert!(!output.status.success(), "the table has no key");
    let requests = requests.lock().expect("no panic elsewhere");
    assert!(!requests.is_empty(), "{}", stderr(&output));
    for request in requests.iter() {
        assert!(request.contains(r#""ConsistentRead":true"#), "{request}");
    }
}

/// An empty store, and the bodies of the requests that it received.
fn recorded() -> (Arc<Mutex<Vec<String>>>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
    let requests = Arc::new(Mutex::new(Vec::new()));
    let recorded = Arc::clone(&requests);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.expect("a connection"));
            let mut length = 0;
            loop {
                let mut line = String::new();
                stream.read_line(&mut line).expect("a header");
                if line.trim().is_empty() {
                    break;
                }
                let header = line.to_ascii_lowercase();
                if let Some(value) = header.strip_prefix("content-length:") {
                    length = value.trim().parse().expect("a length");
                }
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).expect("a body");
            let body = String::from_utf8(body).expect("UTF-8");
            recorded.lock().expect("no panic elsewhere").push(body);
            let answer = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}";
            stream.get_mut().write_all(answer.as_bytes()).expect("answered");
        }
    });
    (requests, endpoint)
}
