//! `/v1/keys`: the keys of the caller's own service account.

use latchkey_testkit::sample::{ACCOUNT, FULL_ACCOUNT, SampleKey, full_access};
use latchkey_testkit::suite::Dialect;
use latchkey_testkit::suite::expectations::Refusal;
use latchkey_testkit::suite::refusals::{NO_CREDENTIALS, NOT_VALID, ROOT_KEY};
use latchkey_testkit::{TestTable, event, event_tests};

use crate::cases;
use crate::common::{Chaser, Function};

const PATH: &str = "/v1/keys";

event_tests!(Chaser, cases::own_keys::successes(), [] as [Refusal; 0]);

#[tokio::test]
async fn every_refusal_is_that_of_the_accounts_own_routes_and_writes_nothing() {
    let table = TestTable::start().await;
    let function = Function::over(&table);
    let before = table.items().await;
    let id = |key: SampleKey| key.mint().0.id.to_string();
    let own = |key: SampleKey| format!("{PATH}/{}", id(key));
    let rotate = |key: SampleKey| format!("{PATH}/{}/rotate", id(key));
    let (reader, minter) = (SampleKey::Reader, SampleKey::Minter);
    let (reads, writes) =
        ("this key lacks the scope `keys.read`", "this key lacks the scope `keys.write`");
    let not_held =
        "this key has scopes and cannot grant full access; request only scopes that it has";
    for (key, method, path, body, status, message) in [
        (minter, "GET", PATH.to_owned(), "", 403, reads),
        (reader, "POST", PATH.to_owned(), "{}", 403, writes),
        (reader, "DELETE", own(reader), "", 403, writes),
        (reader, "POST", rotate(reader), "{}", 403, writes),
        (minter, "POST", PATH.to_owned(), "{}", 403, not_held),
        (minter, "POST", rotate(SampleKey::FullAccess), "{}", 403, not_held),
        (SampleKey::Root, "GET", PATH.to_owned(), "", 403, ROOT_KEY),
        (SampleKey::Root, "POST", PATH.to_owned(), "{}", 403, ROOT_KEY),
        (SampleKey::Revoked, "GET", PATH.to_owned(), "", 401, NOT_VALID),
        (SampleKey::Disabled, "POST", PATH.to_owned(), "{}", 401, NOT_VALID),
        (
            SampleKey::FullAccess,
            "POST",
            PATH.to_owned(),
            r#"{"scope":[]}"#,
            400,
            "`scope` is not a field of this request; did you mean `scopes`?",
        ),
        (
            SampleKey::FullAccess,
            "POST",
            rotate(minter),
            r#"{"grace_days":31}"#,
            400,
            "`grace_days` must be a whole number from 0 to 30",
        ),
        (SampleKey::FullAccess, "DELETE", format!("{PATH}/!"), "", 404, "this key does not exist"),
        // A key of another account in the same organization, and a key of another organization.
        (
            SampleKey::FullAccess,
            "DELETE",
            own(SampleKey::Disabled),
            "",
            404,
            "key `018HULLP3I2BDRRK` does not exist",
        ),
        (
            SampleKey::FullAccess,
            "POST",
            rotate(SampleKey::Other),
            "{}",
            404,
            "key `018HULLP3GUC5MYZ` does not exist",
        ),
        (
            SampleKey::FullAccess,
            "POST",
            rotate(SampleKey::Revoked),
            "{}",
            409,
            "key `018HULLP3HWYG9HJ` is revoked",
        ),
    ] {
        let answer = function.answer(event::call_with(method, &path, &key.token(), body)).await;
        let found = (answer.status, &answer.body);
        assert_eq!(found, (status, &Chaser::refusal(status, message)), "{method} {path}");
        assert!(table.items().await == before, "{method} {path} wrote something");
    }
    let mut anonymous = event::json("chaser", "list-own-keys");
    anonymous["headers"]["authorization"].take();
    let answer = function.answer(anonymous).await;
    assert_eq!(answer.body, Chaser::refusal(401, NO_CREDENTIALS));
}

#[tokio::test]
async fn the_accounts_limit_holds() {
    let table = TestTable::start().await;
    let function = Function::over(&table);
    let minted = async || function.post(&full_access(), PATH, "{}").await;
    // Three of the account's five sample keys count as live, although one of them has expired.
    let mut made = 0;
    let refused = loop {
        let answer = minted().await;
        if answer.status != 200 {
            break answer;
        }
        made += 1;
    };
    assert_eq!((made, refused.status), (7, 409), "{}", refused.text);
    let keys = function.get(&full_access(), PATH).await;
    let live = keys.entries().iter().filter(|key| key["revoked"].is_null()).count();
    assert_eq!(live, 10);
}

#[tokio::test]
async fn a_machine_manages_its_own_keys_without_its_accounts_id() {
    let table = TestTable::start().await;
    let function = Function::over(&table);
    let scopes = r#"{"name":"first","scopes":["keys.read","keys.write"]}"#;
    let first = function.post(&full_access(), &Chaser::keys_path(ACCOUNT), scopes).await;
    let token = first.string("/key");
    let second = function.post(token, PATH, r#"{"scopes":["keys.read","keys.write"]}"#).await;
    assert_eq!(second.status, 200, "{}", second.text);
    let token = second.string("/key");
    let third = function.post(token, &format!("{PATH}/{}/rotate", first.string("/id")), "{}").await;
    assert_eq!((third.status, third.string("/name")), (200, "first"));
    let gone = function.delete(token, &format!("{PATH}/{}", first.string("/id"))).await;
    assert_eq!((gone.status, gone.text.as_str()), (204, ""));
    assert_eq!(function.identify(first.string("/key")).await, 401);

    // Both paths return the same list, with the same cursors.
    let own = function.get(token, PATH).await;
    assert_eq!(own.body, function.get(token, &Chaser::keys_path(ACCOUNT)).await.body);
    assert!(own.ids().contains(&third.string("/id").to_owned()));
    let page = function.get(token, &format!("{PATH}?limit=2")).await;
    let rest = format!("{}?cursor={}", Chaser::keys_path(ACCOUNT), page.string("/next_cursor"));
    let rest = function.get(token, &rest).await;
    assert_eq!([page.ids(), rest.ids()].concat(), own.ids());
    // Another account's keys are another list.
    let other = function.get(&full_access(), &Chaser::keys_path(FULL_ACCOUNT)).await;
    assert!(other.ids().iter().all(|id| !own.ids().contains(id)));
}
