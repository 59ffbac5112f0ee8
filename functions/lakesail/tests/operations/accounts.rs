//! Creating, listing, describing, updating, and deleting service accounts.

use latchkey_testkit::sample::{
    ACCOUNT, DISABLED_ACCOUNT, FULL_ACCOUNT, SampleKey, after_hours, full_access,
};
use latchkey_testkit::suite::Dialect;
use latchkey_testkit::suite::accounts::{check_new, items_of};
use latchkey_testkit::{Answer, TestTable, event_tests, scenario_tests};

use crate::cases;
use crate::common::{Function, LakeSail};

event_tests!(LakeSail, cases::accounts::successes(), cases::accounts::refusals());
scenario_tests!(LakeSail, accounts(): a_deleted_account_is_gone_with_all_of_its_keys);

#[tokio::test]
async fn a_new_account_is_listed_and_gets_keys_that_authenticate_as_it() {
    let account_of = async |function: &Function, minted: &Answer| {
        let me = function.get(minted.string("/key"), LakeSail::IDENTITY).await;
        me.body["serviceAccount"].clone()
    };
    check_new::<LakeSail>(["/createdAt", "/updatedAt"], account_of).await;
}

#[tokio::test]
async fn two_accounts_may_have_the_same_username() {
    let table = TestTable::start().await;
    let function = Function::over(&table);
    let first = function.answer_to("create-account").await;
    let second = function.answer_to("create-account").await;
    assert_eq!((first.status, second.status), (201, 201));
    assert_ne!(first.string("/id"), second.string("/id"));
}

#[tokio::test]
async fn an_update_changes_what_it_names_and_when() {
    let table = TestTable::start().await;
    let (token, path) = (full_access(), LakeSail::account_path(FULL_ACCOUNT));
    let before = Function::over(&table).get(&token, &path).await;
    let times = |answer: &Answer| {
        (answer.string("/createdAt").to_owned(), answer.string("/updatedAt").to_owned())
    };
    let (created_at, _) = times(&before);

    let first = Function::at(&table, after_hours(1));
    let renamed = first.patch(&token, &path, r#"{"username":"renamed"}"#).await;
    assert_eq!(renamed.string("/username"), "renamed");
    assert_eq!(renamed.string("/description"), before.string("/description"));
    assert_eq!(times(&renamed), (created_at.clone(), "2026-01-01T01:00:00.000Z".to_owned()));

    let second = Function::at(&table, after_hours(2));
    let described = second.patch(&token, &path, r#"{"description":"new"}"#).await;
    assert_eq!(described.string("/username"), "renamed");
    assert_eq!(described.string("/description"), "new");
    assert_eq!(times(&described), (created_at, "2026-01-01T02:00:00.000Z".to_owned()));
    assert_eq!(second.get(&token, &path).await.body, described.body);

    // Neither an empty update nor a new key changes the account.
    let third = Function::at(&table, after_hours(3));
    assert_eq!(third.patch(&token, &path, "{}").await.body, described.body);
    let keys = format!("{path}/keys");
    let listed = third.get(&token, &keys).await.ids();
    assert_eq!(third.delete(&token, &format!("{keys}/{}", listed[0])).await.status, 204);
    assert_eq!(third.post(&token, &keys, "{}").await.status, 201);
    assert_eq!(third.get(&token, &path).await.body, described.body);
    // The updates did not reset the count of keys: the account is full again.
    assert_eq!(third.post(&token, &keys, "{}").await.status, 409);
}

/// A delete stopped after its first write.
#[tokio::test]
async fn a_delete_that_was_interrupted_is_finished_by_the_same_call() {
    let table = TestTable::start().await;
    let function = Function::over(&table);
    let items = table.items().await;
    let keys = items.iter().filter(|item| {
        let texts = [&item["pk"], &item["sk"]].map(|value| value.as_s().expect("a text"));
        texts.iter().any(|text| *text == &format!("ACCOUNT#{FULL_ACCOUNT}"))
            && !texts[1].starts_with("KEY#")
    });
    for item in keys {
        let (pk, sk) = (item["pk"].clone(), item["sk"].clone());
        if item["sk"].as_s().is_ok_and(|sort_key| sort_key == "ACCOUNT") {
            let delete = table.client.delete_item().table_name(table.name());
            delete.key("pk", pk).key("sk", sk).send().await.expect("deleted");
        } else {
            let update = table.client.update_item().table_name(table.name());
            let update = update.update_expression("SET deleting = :it");
            let update = update.expression_attribute_values(":it", sk.clone());
            update.key("pk", pk).key("sk", sk).send().await.expect("marked");
        }
    }

    let (token, path) = (full_access(), LakeSail::account_path(FULL_ACCOUNT));
    assert_eq!(function.get(&token, LakeSail::ACCOUNTS).await.ids(), [ACCOUNT, DISABLED_ACCOUNT]);
    assert_eq!(function.get(&token, &path).await.status, 404);
    assert_eq!(function.delete(&SampleKey::Other.token(), &path).await.status, 404);
    assert_eq!(function.delete(&token, &path).await.status, 204);
    assert_eq!(function.delete(&token, &path).await.status, 404);
    assert_eq!(items_of(&table, FULL_ACCOUNT).await, 0);
}
