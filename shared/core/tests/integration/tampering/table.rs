//! Verification of the table itself, also while it changes.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use latchkey::audit::{Break, WalkRules};
use latchkey::id::{OrganizationId, ServiceAccountId};
use latchkey::operator::{self, MintSpec, TrailCheck};
use latchkey::policy::KeyPolicy;
use latchkey::service::Clock;
use latchkey::time::Timestamp;
use latchkey_testkit::TestTable;
use latchkey_testkit::sample::{self, ACCOUNT, ORGANIZATION};

use super::world::put;

fn organization() -> OrganizationId {
    ORGANIZATION.parse().expect("an ID")
}

fn account() -> ServiceAccountId {
    ACCOUNT.parse().expect("an ID")
}

async fn broken(table: &TestTable) -> Option<Break> {
    let now = sample::after_hours(1);
    let checked = operator::verify_trail(&table.store(), Some(&organization()), &[], now).await;
    checked.expect("read").err()
}

/// Writers whose clocks differ, and one more event in each of many verifications.
#[tokio::test]
async fn changes_during_a_verification_are_not_reported() {
    let table = TestTable::start().await;
    let writer = async |clock: i64| {
        let (store, policy, account) = (table.store(), KeyPolicy::default(), account());
        for change in 0..40 {
            let millis = sample::now().as_millis() + clock + change;
            let now = Timestamp::from_millis(millis).expect("in range");
            let minted = operator::mint_key(&store, &policy, now, &account, MintSpec::default());
            let id = minted.await.expect("a key").key.id;
            operator::revoke_key(&store, &policy, now, &account, &id).await.expect("revoked");
            let (name, text) = ("Name".parse().expect("a name"), "".parse().expect("a text"));
            let made = operator::create_account(&store, &policy, now, organization(), name, text);
            made.await.expect("an account");
        }
    };
    let verifier = async {
        let store = table.store();
        let clock = Clock::new(|| sample::after_hours(1));
        let check = TrailCheck { stored: Vec::new(), rules: WalkRules::default() };
        let mut events = 0;
        for _ in 0..40 {
            let organization = organization();
            let checked = operator::check_trail(&store, Some(&organization), &check, &clock).await;
            let walked = checked.expect("read");
            events = events.max(walked.expect("no contradiction").events);
            tokio::task::yield_now().await;
        }
        events
    };
    let ((), (), events) = tokio::join!(writer(0), writer(-120_000), verifier);
    assert!(events > 0);
    assert_eq!(broken(&table).await, None);
}

#[tokio::test]
async fn what_the_table_has_is_verified() {
    let table = TestTable::start().await;
    let now = sample::now().saturating_add(Duration::from_secs(1));
    let store = table.store();
    operator::set_account_disabled(&store, now, &account(), true).await.expect("disabled");
    assert_eq!(broken(&table).await, None);
    let mut items = table.items().await;
    items.retain(|item| item["pk"].as_s().is_ok_and(|pk| pk == "AUDIT#sample"));
    items.sort_by_key(|item| item["sk"].as_s().cloned().ok());
    let last = items.last().expect("an event").clone();

    let mut malformed = last.clone();
    malformed.remove("digest");
    put(&table, malformed).await;
    assert_eq!(broken(&table).await, Some(Break::Malformed("digest")));

    let mut edited = last.clone();
    edited.insert("action".to_owned(), AttributeValue::S("service_account.enable".to_owned()));
    put(&table, edited).await;
    assert!(matches!(broken(&table).await, Some(Break::Edited(_))));

    put(&table, last).await;
    assert_eq!(broken(&table).await, None);

    // The head is gone, as if the account had never had one.
    let key = |name: &str| {
        let item = table.client.get_item().table_name(table.name());
        item.key("pk", AttributeValue::S(format!("ACCOUNT#{name}")))
            .key("sk", AttributeValue::S("ACCOUNT".to_owned()))
    };
    let mut item = key(ACCOUNT).send().await.expect("read").item.expect("an account");
    item.remove("audit_head");
    put(&table, item).await;
    assert_eq!(broken(&table).await, Some(Break::Gone(ACCOUNT.to_owned())));
}
