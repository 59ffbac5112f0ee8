//! No response, log line, or item contains a secret.

mod cases;

use latchkey::leak::LeakAction;
use latchkey::policy::KeyPolicy;
use latchkey_http::serve;
use latchkey_testkit::logs::Logs;
use latchkey_testkit::secrets::Secrets;
use latchkey_testkit::{Answer, TestTable, event};
use oauth::handle;
use serde_json::Value;

use cases::github;

#[tokio::test]
async fn no_answer_log_line_or_item_holds_a_secret() {
    let logs = Logs::capture("oauth");
    let table = TestTable::start().await;
    let secrets = Secrets::of_samples();
    let app = github::app(table.latchkey(KeyPolicy::default()), github::on(LeakAction::Revoke));
    for case in cases::all() {
        let request = event::parse(case.event("oauth"));
        let answer = serve::answer(case.name(), Box::pin(handle(&app, request))).await;
        let answer = Answer::from(answer);
        let text = format!("{:?} {}", answer.headers, answer.text);
        // GitHub names the tokens of its own report by their digests.
        match case.name() {
            name if name.starts_with("report-leak") => secrets.check_but_digests(&text, name),
            name => secrets.check(&text, name),
        }
    }
    secrets.check_items(&table).await;
    // Whoever presents a key revokes it, so that line names no other caller. A report presents none.
    let lines = logs.lines();
    let of = |action| lines.iter().filter(move |line| line["action"] == action);
    let leaked: Vec<&Value> = of("api_key.leak").map(|line| &line["key.id"]).collect();
    let revoked = of("api_key.revoke").filter(|line| !leaked.contains(&&line["key.id"]));
    for line in revoked.clone() {
        assert_eq!(line["span"]["presented.key.id"], line["key.id"], "{line:#}");
        assert_eq!(line["span"]["presented.account.id"], line["account.id"], "{line:#}");
    }
    assert_eq!(revoked.count(), 1);
    // `Minter` is revoked before it is reported.
    assert_eq!(leaked.len(), 3);
    secrets.check(&logs.text(), "a log line");
}
