//! No response, log line, or item contains a secret.

mod cases;

use latchkey::policy::KeyPolicy;
use latchkey_testkit::logs::Logs;
use latchkey_testkit::secrets::Secrets;
use latchkey_testkit::{Answer, TestTable, event};
use oauth::{App, Settings, handle};

#[tokio::test]
async fn no_answer_log_line_or_item_holds_a_secret() {
    let logs = Logs::capture("oauth");
    let table = TestTable::start().await;
    let secrets = Secrets::of_samples();
    let app = App { latchkey: table.latchkey(KeyPolicy::default()), settings: Settings::default() };
    for case in cases::all() {
        let request = event::parse(case.event("oauth"));
        let answer = Answer::from(handle(&app, request).await);
        secrets.check(&format!("{:?} {}", answer.headers, answer.text), case.name());
    }
    secrets.check_items(&table).await;
    assert!(logs.text().contains("key revoked"));
    secrets.check(&logs.text(), "a log line");
}
