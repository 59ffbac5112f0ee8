//! The shipped program with a Lambda runtime API of the test and the embedded DynamoDB.

use std::path::Path;
use std::time::Duration;

use latchkey::operator::{self, MintSpec};
use latchkey::service::Clock;
use latchkey_testkit::runtime_api::RuntimeApi;
use latchkey_testkit::sample::ACCOUNT;
use latchkey_testkit::{ACCESS_KEY, REGION, SECRET_KEY, TestTable, event};
use serde_json::{Value, json};

use crate::common::{announced, policy};

#[tokio::test]
async fn the_program_announces_a_key_when_the_schedule_invokes_it() {
    let table = TestTable::start().await;
    // Created before there was a day left, which is an hour ago.
    let (now, hour) = (Clock::system().now(), Duration::from_secs(3600));
    let spec = MintSpec { expires_at: Some(now.saturating_add(hour * 23)), ..MintSpec::default() };
    let account = ACCOUNT.parse().expect("an ID");
    let created = now.saturating_sub(hour * 2);
    let minted = operator::mint_key(&table.store(), &policy(None), created, &account, spec).await;
    minted.expect("a key");

    let mut api = RuntimeApi::start().await;
    let endpoint = table.endpoint();
    let environment = [
        ("LATCHKEY_TABLE", table.name()),
        ("LATCHKEY_EXPIRY_WARNINGS", "7,1"),
        ("LATCHKEY_METRICS_NAMESPACE", "Latchkey/test"),
        ("AWS_ENDPOINT_URL_DYNAMODB", &endpoint),
        ("AWS_REGION", REGION),
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
    ];
    let mut function = api.spawn(Path::new(env!("CARGO_BIN_EXE_warnings")), &environment);
    let next = api.call().await;
    assert!(next.is_next(), "{}", next.line);
    next.reply(&event::json("warnings", "schedule").to_string());
    let response = api.call().await;
    assert!(response.is_response(), "{}", response.line);
    let body: Value = serde_json::from_slice(&response.body).expect("JSON");
    assert_eq!(body["expiring"], 1, "{body}");
    response.reply("");
    assert!(api.call().await.is_next());
    assert_eq!(announced(&table, false).await.len(), 1);

    function.kill().await.expect("killed");
    let output = function.wait_with_output().await.expect("an output");
    let log = String::from_utf8(output.stdout).expect("UTF-8");
    let lines: Vec<Value> =
        log.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let messages: Vec<_> = lines.iter().filter_map(|line| line["message"].as_str()).collect();
    assert_eq!(messages, ["starting", "key ends soon", "announced the keys that are due"], "{log}");
    // docs/costs.md assumes 0.4 kB; Lambda's request IDs are longer than the one here.
    let last = log.lines().find(|line| line.contains("announced the keys")).expect("a line");
    let bytes = last.len() + 1 + "8d3f5a0e-0000-4000-8000-000000000000".len() - "request".len();
    assert!((200..=400).contains(&bytes), "{bytes}: {last}");
    let counted = lines.iter().find(|line| line["Days"] == "1").expect("a metric");
    assert_eq!(counted["KeysExpiring"], json!(1));
}
