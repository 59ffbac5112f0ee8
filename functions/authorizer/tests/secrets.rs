//! No secret in a verdict or in a log line.

use authorizer::{App, Settings, handle};
use latchkey::policy::KeyPolicy;
use latchkey_testkit::logs::Logs;
use latchkey_testkit::secrets::Secrets;
use latchkey_testkit::{TestTable, event};

#[tokio::test]
async fn no_verdict_and_no_log_line_holds_a_secret() {
    let logs = Logs::capture("authorizer");
    let table = TestTable::start().await;
    let secrets = Secrets::of_samples();
    let settings = Settings::from_lookup(|_| None).expect("the defaults");
    let app = App { latchkey: table.latchkey(KeyPolicy::default()), settings };
    for case in event::cases("authorizer") {
        let event = serde_json::from_value(event::json("authorizer", &case)).expect("an event");
        let verdict = handle(&app, event).await.expect("a verdict");
        secrets.check(&serde_json::to_string(&verdict).expect("JSON"), &case);
    }
    let text = logs.text();
    assert!(text.contains("the key presented is not valid"), "{text}");
    secrets.check(&text, "a log line");
}
