//! `bootstrap --to-secret`: the first key goes into a secret, and a failure loses no working key.

use std::process::Output;

use crate::common::secrets_manager::{SecretsManager, Stored};
use crate::common::{latchkey_with, partition, refused, reported, stderr, stdout};
use latchkey::policy::KeyPolicy;
use latchkey::principal::Principal;
use latchkey::service::Freshness;
use latchkey_testkit::TestTable;
use latchkey_testkit::misbehaving::{Fault, FaultPlan, MisbehavingDynamoDb};
use latchkey_testkit::secrets::Secrets;
use serde_json::Value;

const BOOTSTRAP: [&str; 7] =
    ["bootstrap", "--organization", "acme", "--name", "Acme", "--to-secret", "latchkey/acme"];

async fn run(table: &TestTable, secrets: &SecretsManager, more: &[&str]) -> Output {
    let variables = [("AWS_ENDPOINT_URL_SECRETS_MANAGER", secrets.endpoint.as_str())];
    latchkey_with(table, &[&BOOTSTRAP[..], more].concat(), &variables, "").await
}

/// The error message of a run, which must change nothing in the table.
async fn failed(table: &TestTable, secrets: &SecretsManager, more: &[&str]) -> String {
    let output = run(table, secrets, more).await;
    assert!(!output.status.success(), "{}", stdout(&output));
    assert_eq!(stdout(&output), "");
    assert_eq!(partition(table, "ORG#acme").await, []);
    stderr(&output)
}

async fn authenticates(table: &TestTable, token: &str) -> bool {
    let latchkey = table.latchkey(KeyPolicy::default());
    let principal = latchkey.verify(token, Freshness::Cached).await;
    matches!(principal, Ok(Principal::ServiceAccount(found)) if found.organization.as_ref() == "acme")
}

/// Checks that `output` contains nothing of the key.
fn check_secrecy(output: &Output, token: &str) {
    let mut secrets = Secrets::default();
    secrets.add(token);
    secrets.check(&(stdout(output) + &stderr(output)), "an output");
}

#[tokio::test]
async fn the_key_is_in_the_secret_and_nowhere_else() {
    for output in ["text", "json"] {
        let (table, secrets) = (TestTable::start().await, SecretsManager::start());
        let made =
            run(&table, &secrets, &["--secret-kms-key", "alias/keys", "--output", output]).await;
        assert!(made.status.success(), "{}", stderr(&made));
        let stored = secrets.secret("latchkey/acme").expect("a secret");
        let token = stored.value.expect("a key");
        assert!(authenticates(&table, &token).await, "the value is the key and nothing else");
        assert_eq!(stored.kms_key.as_deref(), Some("alias/keys"));
        let described = stored.description.expect("a description");
        assert!(described.contains("of organization acme"), "{described}");
        check_secrecy(&made, &token);
        let mut kept = Secrets::default();
        kept.add(&token);
        kept.check(&described, "a description");
        kept.check_items(&table).await;
        assert_eq!(secrets.operations(), ["DescribeSecret", "CreateSecret"]);
        let text = stdout(&made);
        if output == "json" {
            let report: Value = serde_json::from_str(&text).expect("JSON");
            assert_eq!(report["secret"]["name"], "latchkey/acme");
            assert_eq!(report["secret"]["version_id"], "v1");
            assert!(report["key"]["key_prefix"].is_string());
            assert!(report["key"].get("key").is_none());
        } else {
            assert!(text.contains("\nsecret           latchkey/acme\n"), "{text}");
            assert!(stderr(&made).contains("The key is the secret's value"), "{}", stderr(&made));
        }
    }
}

#[tokio::test]
async fn a_secret_without_a_value_gets_one() {
    let (table, secrets) = (TestTable::start().await, SecretsManager::start());
    secrets.put("latchkey/acme", Stored::default());
    let refused = failed(&table, &secrets, &["--secret-kms-key", "alias/keys"]).await;
    assert!(refused.contains("omit `--secret-kms-key`"), "{refused}");
    let made = run(&table, &secrets, &[]).await;
    assert!(made.status.success(), "{}", stderr(&made));
    let token = secrets.secret("latchkey/acme").and_then(|secret| secret.value).expect("a key");
    assert!(authenticates(&table, &token).await);
    check_secrecy(&made, &token);
    assert_eq!(secrets.operations().last().map(String::as_str), Some("PutSecretValue"));
}

#[tokio::test]
async fn no_value_is_overwritten() {
    let (table, secrets) = (TestTable::start().await, SecretsManager::start());
    let value = Some("precious".to_owned());
    secrets.put("latchkey/acme", Stored { value: value.clone(), ..Stored::default() });
    let refused = failed(&table, &secrets, &[]).await;
    assert!(refused.contains("already has a value, which is never overwritten"), "{refused}");
    assert_eq!(secrets.secret("latchkey/acme").expect("a secret").value, value);
    let deleted = Stored { scheduled_for_deletion: true, ..Stored::default() };
    secrets.put("latchkey/acme", deleted);
    let refused = failed(&table, &secrets, &[]).await;
    assert!(refused.contains("scheduled for deletion"), "{refused}");
    assert_eq!(secrets.operations(), ["DescribeSecret", "DescribeSecret"]);
}

#[tokio::test]
async fn an_organization_that_exists_gets_no_secret() {
    let (table, secrets) = (TestTable::start().await, SecretsManager::start());
    reported(&table, &BOOTSTRAP[..5]).await;
    let output = run(&table, &secrets, &[]).await;
    assert!(!output.status.success());
    let message = "error: organization `acme` already exists\n  \
                   to add a service account to it, run `latchkey account create`\n";
    assert_eq!(stderr(&output), message);
    assert_eq!(secrets.operations(), ["DescribeSecret"]);
}

/// The organization appears between the check and the write, as if two operators ran the command.
#[tokio::test]
async fn a_key_that_the_table_refuses_leaves_no_secret() {
    for empty in [false, true] {
        let (table, secrets) = (TestTable::start().await, SecretsManager::start());
        if empty {
            secrets.put("latchkey/acme", Stored::default());
        }
        let taken = partition(&table, "ORG#sample").await;
        let mut taken = taken.into_iter().find(|item| item.contains_key("name")).expect("one");
        let id = aws_sdk_dynamodb::types::AttributeValue::S("ORG#acme".to_owned());
        taken.insert("pk".to_owned(), id);
        let (client, name) = (table.client.clone(), table.name());
        let runtime = tokio::runtime::Handle::current();
        secrets.before(move |operation| {
            if operation != "DescribeSecret" {
                let put = client.put_item().table_name(name).set_item(Some(taken.clone()));
                runtime.block_on(put.send()).expect("written");
            }
        });
        let output = run(&table, &secrets, &[]).await;
        assert!(!output.status.success());
        let message = stderr(&output);
        assert!(message.contains("organization `acme` already exists"), "{message}");
        let left = secrets.secret("latchkey/acme");
        if empty {
            // A value cannot be taken back, and the secret belongs to somebody else.
            let token = left.and_then(|secret| secret.value).expect("a value");
            assert!(!authenticates(&table, &token).await);
            assert!(message.contains("has a key that was not created"), "{message}");
            check_secrecy(&output, &token);
        } else {
            assert!(left.is_none(), "{left:?}");
        }
    }
}

/// Runs the command against a table whose transactions all have `fault`.
async fn run_with_fault(table: &TestTable, secrets: &SecretsManager, fault: Fault) -> Output {
    let dynamodb = MisbehavingDynamoDb::start(table, FaultPlan::calm()).await;
    let endpoint = dynamodb.endpoint(0).await;
    endpoint.fail_next("TransactWriteItems", [fault; 20]);
    run(table, secrets, &["--endpoint-url", &endpoint.url]).await
}

#[tokio::test]
async fn a_key_that_may_still_be_written_stays_in_the_secret() {
    let (table, secrets) = (TestTable::start().await, SecretsManager::start());
    let output = run_with_fault(&table, &secrets, Fault::InternalError).await;
    assert!(!output.status.success());
    let token = secrets.secret("latchkey/acme").and_then(|secret| secret.value).expect("a key");
    let message = stderr(&output);
    assert!(message.contains("the key may work all the same"), "{message}");
    check_secrecy(&output, &token);
    assert_eq!(secrets.operations(), ["DescribeSecret", "CreateSecret"]);
}

#[tokio::test]
async fn a_key_that_was_written_although_no_response_came_is_no_failure() {
    let (table, secrets) = (TestTable::start().await, SecretsManager::start());
    let output = run_with_fault(&table, &secrets, Fault::ClosedAfterEffect).await;
    assert!(output.status.success(), "{}", stderr(&output));
    let token = secrets.secret("latchkey/acme").and_then(|secret| secret.value).expect("a key");
    assert!(authenticates(&table, &token).await);
    check_secrecy(&output, &token);
}

#[tokio::test]
async fn a_failure_of_secrets_manager_says_what_to_do_and_changes_nothing() {
    let table = TestTable::start().await;
    for (operation, code, advice) in [
        ("DescribeSecret", "AccessDeniedException", "allow secretsmanager:DescribeSecret"),
        ("CreateSecret", "AccessDeniedException", "allow secretsmanager:DescribeSecret"),
        ("CreateSecret", "EncryptionFailure", "allow kms:GenerateDataKey"),
        ("CreateSecret", "LimitExceededException", "as asked for"),
    ] {
        let secrets = SecretsManager::start();
        secrets.fail(operation, code);
        let message = failed(&table, &secrets, &[]).await;
        assert!(message.contains(advice), "{operation} {code}: {message}");
        assert!(secrets.secret("latchkey/acme").is_none());
    }
    let closed = [("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://127.0.0.1:1")];
    let output = latchkey_with(&table, &BOOTSTRAP, &closed, "").await;
    assert!(stderr(&output).contains("check the network"), "{}", stderr(&output));
    assert_eq!(partition(&table, "ORG#acme").await, []);
}

#[tokio::test]
async fn a_kms_key_needs_a_secret() {
    let table = TestTable::start().await;
    let alone = [&BOOTSTRAP[..5], &["--secret-kms-key", "alias/keys"]].concat();
    let message = refused(&table, &alone).await;
    assert!(message.contains("--to-secret"), "{message}");
}
