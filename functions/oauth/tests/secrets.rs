//! No response, log line, or item contains a secret.

mod cases;

use latchkey::policy::KeyPolicy;
use latchkey_http::serve;
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
        let answer = serve::answer(case.name(), Box::pin(handle(&app, request))).await;
        let answer = Answer::from(answer);
        secrets.check(&format!("{:?} {}", answer.headers, answer.text), case.name());
    }
    secrets.check_items(&table).await;
    // Whoever presents a key revokes it, so that line names no other caller.
    let lines = logs.lines();
    let revoked = lines.iter().filter(|line| line["action"] == "api_key.revoke");
    for line in revoked.clone() {
        assert_eq!(line["span"]["presented.key.id"], line["key.id"], "{line:#}");
        assert_eq!(line["span"]["presented.account.id"], line["account.id"], "{line:#}");
    }
    assert_eq!(revoked.count(), 1);
    secrets.check(&logs.text(), "a log line");
}
