//! No verdict or log line contains a secret.

mod cases;

use authorizer::{App, Settings, handle};
use latchkey::policy::KeyPolicy;
use latchkey::store::environment::Environment;
use latchkey_testkit::TestTable;
use latchkey_testkit::logs::Logs;
use latchkey_testkit::secrets::Secrets;

#[tokio::test]
async fn no_verdict_and_no_log_line_holds_a_secret() {
    let logs = Logs::capture("authorizer");
    let table = TestTable::start().await;
    let secrets = Secrets::of_samples();
    let settings = Settings::from_environment(&Environment::new(|_| None)).expect("the defaults");
    let app = App { latchkey: table.latchkey(KeyPolicy::default()), settings };
    for case in cases::all() {
        let event = serde_json::from_value(case.event("authorizer")).expect("an event");
        let verdict = handle(&app, event).await.expect("a verdict");
        secrets.check(&serde_json::to_string(&verdict).expect("JSON"), case.name());
    }
    let text = logs.text();
    assert!(text.contains("the key is invalid, revoked, or expired"), "{text}");
    secrets.check(&text, "a log line");
}
