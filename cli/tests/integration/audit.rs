//! The audit trail: who changed what, a key's life, and what a verification finds.

use std::path::PathBuf;

use aws_sdk_dynamodb::types::AttributeValue;
use latchkey_testkit::TestTable;
use latchkey_testkit::sample::{ACCOUNT, SampleKey};
use serde_json::Value;

use crate::common::sts::{ARN, Sts};
use crate::common::{
    Item, column, id, key_prefix, latchkey, latchkey_with, partition, printed, put, refused,
    reported, stderr, stdout,
};

const SAMPLE: [&str; 2] = ["--organization", "sample"];

async fn events(table: &TestTable, arguments: &[&str]) -> Value {
    reported(table, &[&["audit", "list"], arguments].concat()).await["events"].clone()
}

/// Writes text to a file that only this test has.
fn file(name: &str, text: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).expect("written");
    path
}

#[tokio::test]
async fn changes_are_listed_newest_first_by_any_condition() {
    let table = TestTable::start().await;
    let key = key_prefix(SampleKey::Minter);
    printed(&table, &["key", "revoke", "--key", &key, "--yes"]).await;
    printed(&table, &["account", "disable", "--account", ACCOUNT]).await;

    let all = events(&table, &SAMPLE).await;
    let actions = column(&all, "action");
    assert_eq!(actions[..2], ["service_account.disable", "api_key.revoke"]);
    assert_eq!(actions.last().map(String::as_str), Some("organization.create"));
    let revoked = &all[1];
    assert_eq!(revoked["target"]["id"], id(SampleKey::Minter).as_str());
    assert_eq!(revoked["target"]["service_account"], ACCOUNT);
    assert_eq!(revoked["actor"]["type"], "operator");
    assert_eq!(revoked["actor"]["id"], Value::Null, "a local table has no AWS identity");
    assert_eq!(revoked["status"], "success");
    let agent = revoked["user_agent"].as_str().expect("a user agent");
    assert!(agent.starts_with("latchkey/"), "{agent}");

    for (conditions, expected) in [
        (vec!["--action", "api_key.revoke", "--target", ACCOUNT], 1),
        (vec!["--target", &id(SampleKey::Minter), "--since", "1h"], 1),
        (vec!["--before", "2026-01-02T00:00:00Z", "--since", "1h"], 0),
        (vec!["--actor", "nobody"], 0),
        (vec!["--since", revoked["time"].as_str().expect("a time")], 2),
        (vec!["--since", "1h", "--before", revoked["time"].as_str().expect("a time")], 0),
        (vec!["--limit", "3"], 3),
    ] {
        let found = events(&table, &[&SAMPLE[..], &conditions].concat()).await;
        assert_eq!(found.as_array().expect("a list").len(), expected, "{conditions:?}");
    }
    assert_eq!(column(&events(&table, &[]).await, "action"), ["root_key.create"]);

    let lines =
        printed(&table, &[&["audit", "list", "--output", "jsonl"], &SAMPLE[..]].concat()).await;
    let lines: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(Value::Array(lines), all);

    let text = latchkey(&table, &[&["audit", "list", "--limit", "2"], &SAMPLE[..]].concat()).await;
    let shown = stdout(&text);
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(lines[0].starts_with("TIME "), "{shown}");
    assert!(lines[1].ends_with("disabled: false -> true"), "{shown}");
    let last = all[1]["time"].as_str().expect("a time");
    assert_eq!(
        stderr(&text),
        format!("There may be earlier events; to see them, pass `--before {last}`.\n")
    );

    let wrong = refused(&table, &["audit", "list", "--action", "api_key.revok"]).await;
    assert!(wrong.contains("api_key.revoke"), "{wrong}");
    let wrong = refused(&table, &["audit", "list", "--since", "soon"]).await;
    assert!(wrong.contains("must be an RFC 3339 date-time"), "{wrong}");
}

#[tokio::test]
async fn a_keys_life_is_shown_even_when_it_is_long_gone() {
    let table = TestTable::start().await;
    let made = reported(&table, &["bootstrap", "--organization", "acme", "--name", "Acme"]).await;
    let account = made["service_account"]["id"].as_str().expect("an ID");
    let minted = reported(&table, &["key", "mint", "--account", account, "--name", "ci"]).await;
    let key = minted["key"]["key_prefix"].as_str().expect("a prefix");
    printed(&table, &["organization", "disable", "--organization", "acme"]).await;
    printed(&table, &["organization", "enable", "--organization", "acme"]).await;
    let rotated = reported(&table, &["key", "rotate", "--key", key]).await;
    let new = rotated["key"]["key_prefix"].as_str().expect("a prefix");
    printed(&table, &["key", "revoke", "--key", key, "--yes"]).await;
    printed(&table, &["account", "disable", "--account", account]).await;
    printed(&table, &["account", "delete", "--account", account, "--yes"]).await;
    printed(&table, &["organization", "delete", "--organization", "acme", "--yes"]).await;

    let unknown = refused(&table, &["audit", "trail", "--key", key]).await;
    assert!(unknown.contains("if it was deleted, pass `--organization`"), "{unknown}");
    let life = async |key: &str| {
        let asked = ["audit", "trail", "--key", key, "--organization", "acme"];
        column(&reported(&table, &asked).await["events"], "action")
    };
    assert_eq!(
        life(key).await,
        [
            "api_key.create",
            "organization.disable",
            "organization.enable",
            "api_key.rotate",
            // Of the new key, which names this one.
            "api_key.create",
            "api_key.revoke",
        ]
    );
    assert_eq!(
        life(new).await,
        ["api_key.rotate", "api_key.create", "service_account.disable", "service_account.delete"]
    );
    let other =
        ["audit", "trail", "--account", account, "--key", "OTHER", "--organization", "acme"];
    let other = refused(&table, &other).await;
    assert!(other.contains("the trail has no event of key `OTHER`"), "{other}");

    let root = reported(&table, &["root-key", "create"]).await;
    let root = root["key"]["key_prefix"].as_str().expect("a prefix");
    let shown = reported(&table, &["audit", "trail", "--key", root]).await;
    assert_eq!(column(&shown["events"], "action"), ["root_key.create"]);
}

#[tokio::test]
async fn a_change_names_the_aws_identity_of_its_operator() {
    let table = TestTable::start().await;
    let sts = Sts::start(true);
    let create = ["root-key", "create"];
    let variables = [("AWS_ENDPOINT_URL_STS", sts.endpoint.as_str())];
    let made = latchkey_with(&table, &create, &variables, "").await;
    assert!(made.status.success(), "{}", stderr(&made));
    assert_eq!(sts.requests(), 1);
    let made = events(&table, &["--actor", ARN]).await;
    assert_eq!(column(&made, "action"), ["root_key.create"]);

    let read = latchkey_with(&table, &["root-key", "list"], &variables, "").await;
    assert!(read.status.success());
    assert_eq!(sts.requests(), 1, "a command that changes nothing does not ask");
    let off = [variables[0], ("LATCHKEY_AUDIT", "off")];
    let made = latchkey_with(&table, &create, &off, "").await;
    assert!(made.status.success());
    assert_eq!(sts.requests(), 1, "a trail that is off needs no identity");
    assert_eq!(events(&table, &[]).await.as_array().expect("a list").len(), 2);

    let refusing = Sts::start(false);
    for endpoint in [refusing.endpoint.as_str(), "http://127.0.0.1:1"] {
        let made = latchkey_with(&table, &create, &[("AWS_ENDPOINT_URL_STS", endpoint)], "").await;
        assert!(made.status.success(), "{}", stderr(&made));
        assert!(stderr(&made).starts_with("warning: the audit trail will not name you"));
    }
    assert_eq!(refusing.requests(), 1, "without retries");
    assert_eq!(events(&table, &[]).await[0]["actor"]["id"], Value::Null);
}

#[tokio::test]
async fn events_are_kept_as_long_as_the_deployment_says() {
    let table = TestTable::start().await;
    let create = ["root-key", "create"];
    for (retention, kept) in [("1d", Some(86_400)), ("0s", None)] {
        let variables = [("LATCHKEY_AUDIT_RETENTION", retention)];
        assert!(latchkey_with(&table, &create, &variables, "").await.status.success());
        let items = partition(&table, "AUDIT").await;
        let last = items.iter().max_by_key(|item| item["sk"].as_s().cloned().ok()).expect("one");
        let micros: i64 = last["sk"].as_s().expect("a text").parse().expect("a time");
        let ttl = last.get("ttl").map(|ttl| ttl.as_n().expect("a number"));
        let ttl = ttl.map(|ttl| ttl.parse::<i64>().expect("a number"));
        let expected = kept.map(|kept| (micros / 1000).div_euclid(1000) + kept);
        assert!(ttl == expected || ttl == expected.map(|ttl| ttl + 1), "{ttl:?} {expected:?}");
    }
}

#[tokio::test]
async fn a_verification_names_the_first_contradiction() {
    let table = TestTable::start().await;
    let verify = |more: &[&str]| [&["audit", "verify"], more].concat().join(" ");
    let run =
        async |arguments: &str| latchkey(&table, &arguments.split(' ').collect::<Vec<_>>()).await;
    let heads = printed(&table, &["audit", "head", "--all"]).await;
    let first: Value = serde_json::from_str(heads.lines().next().expect("a head")).expect("JSON");
    assert_eq!(first["organization"], Value::Null);
    assert_eq!(first["chain"], "deployment");
    let heads = file("heads.jsonl", &heads);
    let heads = heads.to_str().expect("a path");
    let key = key_prefix(SampleKey::Minter);
    printed(&table, &["key", "revoke", "--key", &key, "--yes"]).await;

    let intact = run(&verify(&["--all", "--against", heads])).await;
    assert!(intact.status.success(), "{}", stderr(&intact));
    let text = stdout(&intact);
    let shown: Vec<Vec<&str>> = text
        .lines()
        .map(|line| line.split("  ").filter(|cell| !cell.is_empty()).map(str::trim).collect())
        .collect();
    assert_eq!(shown[0], ["ORGANIZATION", "EVENTS", "CHAINS", "STORED HEADS", "STATUS"]);
    assert_eq!(shown[1][0], "-");
    assert_eq!((shown[2][0], shown[3][0]), ("other", "sample"));
    assert!(shown[1..].iter().all(|row| row[4] == "intact"), "{text}");
    let report = reported(&table, &["audit", "verify", "--organization", "sample"]).await;
    assert_eq!(report["trails"][0]["broken"], Value::Null);

    // An edited event, which the heads name even with a new digest.
    let mut items = partition(&table, "AUDIT#sample").await;
    items.sort_by_key(|item| item["sk"].as_s().cloned().ok());
    let mut edited = items.last().expect("an event").clone();
    edited.insert("actor".to_owned(), AttributeValue::S("someone else".to_owned()));
    put(&table, edited).await;
    for arguments in [verify(&["--all"]), "audit head --organization sample".to_owned()] {
        let broken = run(&arguments).await;
        assert_eq!(broken.status.code(), Some(3), "{}", stderr(&broken));
        let message = stderr(&broken);
        let start = "error: the trail of organization `sample` is broken: event ";
        assert!(message.starts_with(start), "{message}");
        assert!(message.ends_with("was edited: its digest does not match its content\n"));
    }
    let report = run(&format!("{} --output json", verify(&SAMPLE))).await;
    let report: Value = serde_json::from_str(&stdout(&report)).expect("JSON");
    assert!(report["trails"][0]["broken"].is_string());

    // The whole trail of an organization is gone.
    for item in partition(&table, "AUDIT#other")
        .await
        .into_iter()
        .chain(partition(&table, "ORG#other").await)
    {
        let delete = table.client.delete_item().table_name(table.name());
        let delete = delete.key("pk", item["pk"].clone()).key("sk", item["sk"].clone());
        delete.send().await.expect("deleted");
    }
    let missing = run(&verify(&["--organization", "other", "--against", heads])).await;
    assert_eq!(missing.status.code(), Some(3));
    assert!(stderr(&missing).contains("is missing"), "{}", stderr(&missing));
    let unnoticed = run(&verify(&["--organization", "other"])).await;
    assert!(unnoticed.status.success(), "only a stored head knows");

    for (text, problem) in [
        ("", "has no heads"),
        ("{}\n", "line 1 of"),
        (
            r#"{"organization":"acme","chain":"organization","sequence":1,"time":"soon","ttl":null,"digest":""}"#,
            "malformed",
        ),
    ] {
        let file = file("wrong.jsonl", text);
        let wrong = run(&verify(&["--against", file.to_str().expect("a path")])).await;
        assert_eq!(wrong.status.code(), Some(1));
        assert!(stderr(&wrong).contains(problem), "{}", stderr(&wrong));
    }
    let other = run(&verify(&["--organization", "acme", "--against", heads])).await;
    assert_eq!(other.status.code(), Some(1));
    assert!(stderr(&other).contains("has no head of organization `acme`"), "{}", stderr(&other));
    let absent = run(&verify(&["--against", "/nowhere/heads.jsonl"])).await;
    assert!(stderr(&absent).contains("cannot read `/nowhere/heads.jsonl`"));
}

fn lines_of(text: &str, organization: &str) -> Vec<String> {
    let name = format!(r#""organization":"{organization}""#);
    text.lines().filter(|line| line.contains(&name)).map(str::to_owned).collect()
}

/// Makes the table what it was, as an attacker does to hide the latest changes.
async fn rewind(table: &TestTable, to: Vec<Item>) {
    for item in table.items().await {
        let delete = table.client.delete_item().table_name(table.name());
        let delete = delete.key("pk", item["pk"].clone()).key("sk", item["sk"].clone());
        delete.send().await.expect("deleted");
    }
    for item in to {
        put(table, item).await;
    }
}

#[tokio::test]
async fn forged_heads_never_replace_stored_ones() {
    let table = TestTable::start().await;
    let before = table.items().await;
    printed(&table, &["account", "disable", "--account", ACCOUNT]).await;
    let trusted = printed(&table, &["audit", "head", "--all"]).await;
    rewind(&table, before).await;
    let forged = printed(&table, &["audit", "head", "--all"]).await;
    assert_ne!(forged, trusted, "only the stored heads know of the change");
    printed(&table, &["root-key", "create"]).await;

    let mut stored = trusted.clone();
    for run in 1..=2 {
        let stored_in = file(&format!("trusted-{run}.jsonl"), &stored);
        let stored_in = stored_in.to_str().expect("a path");
        let head = latchkey(&table, &["audit", "head", "--all", "--against", stored_in]).await;
        assert_eq!(head.status.code(), Some(3), "run {run}");
        let start = "error: the trail of organization `sample` is broken: event number ";
        assert!(stderr(&head).starts_with(start), "{}", stderr(&head));
        assert_eq!(stderr(&head).lines().count(), 1);
        let new = stdout(&head);
        assert_eq!(lines_of(&new, "sample"), lines_of(&trusted, "sample"), "run {run}");
        assert_eq!(lines_of(&new, "other"), lines_of(&forged, "other"));
        let own: Value = serde_json::from_str(new.lines().next().expect("a head")).expect("JSON");
        assert_eq!((&own["organization"], &own["sequence"]), (&Value::Null, &2.into()));
        // The output of the first run replaces the stored heads.
        stored = new;
    }

    let trusted = file("trusted.jsonl", &trusted);
    let against = ["--against", trusted.to_str().expect("a path")];
    let one = latchkey(&table, &[&["audit", "head"], &SAMPLE[..], &against].concat()).await;
    assert_eq!(one.status.code(), Some(3));
    let own = printed(&table, &[&["audit", "head"], &against[..]].concat()).await;
    assert_eq!(own.lines().count(), 1);
    let unknown = ["audit", "head", "--organization", "acme"];
    let unknown = refused(&table, &[&unknown[..], &against].concat()).await;
    assert!(unknown.contains("has no head of organization `acme`"), "{unknown}");
}

#[tokio::test]
async fn a_broken_trail_does_not_hide_the_others() {
    let table = TestTable::start().await;
    printed(&table, &["bootstrap", "--organization", "acme", "--name", "Acme"]).await;
    let intact = printed(&table, &["audit", "head", "--all"]).await;
    // An edited event, and a head that cannot be read.
    let mut events = partition(&table, "AUDIT#acme").await;
    events.sort_by_key(|item| item["sk"].as_s().cloned().ok());
    let mut edited = events.pop().expect("an event");
    edited.insert("actor".to_owned(), AttributeValue::S("someone else".to_owned()));
    put(&table, edited).await;
    let other = partition(&table, "ORG#other").await;
    let other = other.into_iter().find(|item| item.contains_key("audit_head"));
    let mut other = other.expect("an organization with a head");
    other.insert("audit_head".to_owned(), AttributeValue::S("nothing".to_owned()));
    put(&table, other).await;

    let head = latchkey(&table, &["audit", "head", "--all"]).await;
    assert_eq!(head.status.code(), Some(3));
    let expected: Vec<&str> = intact
        .lines()
        .filter(|line| !line.contains(r#""acme""#) && !line.contains(r#""other""#))
        .collect();
    assert!(expected.len() > 1);
    assert_eq!(stdout(&head).lines().collect::<Vec<_>>(), expected);
    let messages = stderr(&head);
    let named: Vec<&str> = messages.lines().collect();
    assert_eq!(named.len(), 2, "{messages}");
    assert!(named[0].starts_with("error: the trail of organization `acme` is broken: event "));
    let start = "error: the trail of organization `other` is broken: an item of the organization";
    assert!(named[1].starts_with(start), "{messages}");

    let verify = ["audit", "verify", "--all", "--output", "json"];
    let verify = latchkey(&table, &verify).await;
    assert_eq!(verify.status.code(), Some(3));
    assert_eq!(stderr(&verify), messages);
    let report: Value = serde_json::from_str(&stdout(&verify)).expect("JSON");
    let trails = report["trails"].as_array().expect("a list");
    let broken: Vec<bool> = trails.iter().map(|trail| trail["broken"].is_string()).collect();
    assert_eq!(broken, [false, true, true, false]);
}

#[tokio::test]
async fn half_of_a_transaction_breaks_its_trail_alone() {
    for with_event in [true, false] {
        let table = TestTable::start().await;
        let old = partition(&table, &format!("ACCOUNT#{ACCOUNT}")).await;
        let events = partition(&table, "AUDIT#sample").await;
        printed(&table, &["account", "disable", "--account", ACCOUNT]).await;
        if with_event {
            // As in a backup that has the event, but not the account's new head.
            for item in old {
                put(&table, item).await;
            }
        } else {
            let mut new = partition(&table, "AUDIT#sample").await;
            new.retain(|item| !events.contains(item));
            let [event] = &new[..] else { panic!("{} new events", new.len()) };
            let delete = table.client.delete_item().table_name(table.name());
            let delete = delete.key("pk", event["pk"].clone()).key("sk", event["sk"].clone());
            delete.send().await.expect("deleted");
        }
        for changes in [&[][..], &["disable", "enable"]] {
            for change in changes {
                printed(&table, &["account", change, "--account", ACCOUNT]).await;
            }
            let head = latchkey(&table, &["audit", "head", "--all", "--was-off"]).await;
            assert_eq!(head.status.code(), Some(3), "{with_event} {changes:?}");
            assert_eq!(stderr(&head).lines().count(), 1, "{}", stderr(&head));
            assert!(lines_of(&stdout(&head), "sample").is_empty());
            assert!(!lines_of(&stdout(&head), "other").is_empty());
        }
    }
}
