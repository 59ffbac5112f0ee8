//! Limits on a key with scopes: it cannot grant more scopes or time than it has, and it cannot change or end
//! a key with more scopes. Changes are verified with a consistent read, and another organization's account
//! costs the same as one that does not exist.

use std::time::Duration;

use latchkey::Latchkey;
use latchkey::account::{AccountChange, ServiceAccount};
use latchkey::error::Error;
use latchkey::id::{KeyId, ServiceAccountId};
use latchkey::key::{Key, KeyChange, KeySpec, Minted};
use latchkey::policy::KeyPolicy;
use latchkey::principal::{AccountPrincipal, Denial};
use latchkey::scope::{Scope, Scopes};
use latchkey::service::{Clock, Freshness, MintRequest, RotateRequest};
use latchkey::store::{KeyStore, Listed};
use latchkey::time::Timestamp;
use latchkey::token::Prefix;
use latchkey_testkit::sample::{self, SampleKey};
use latchkey_testkit::{NO_CACHE, Response, TestTable, faulty, text_response};
use rand::rngs::SysRng;

const HOUR: Duration = Duration::from_secs(60 * 60);

fn policy() -> KeyPolicy {
    KeyPolicy { key_limit: None, ..KeyPolicy::default() }
}

fn account(id: &str) -> ServiceAccountId {
    id.parse().expect("an id")
}

fn scopes(texts: &[&str]) -> Scopes {
    texts.iter().map(|text| text.parse::<Scope>().expect("a scope")).collect()
}

fn in_hours(hours: u32) -> Timestamp {
    sample::now().saturating_add(HOUR * hours)
}

/// A caller of the sample account. Its key need not be in the table.
fn caller(held: &[&str], expires_at: Option<Timestamp>) -> AccountPrincipal {
    AccountPrincipal {
        organization: sample::ORGANIZATION.parse().expect("an id"),
        account: account(sample::ACCOUNT),
        key: SampleKey::Minter.mint().0.id,
        scopes: scopes(held),
        expires_at,
    }
}

/// Inserts a key of the sample account with these scopes and this expiry.
async fn insert(table: &TestTable, held: &[&str], expires_at: Option<Timestamp>) -> KeyId {
    let spec = KeySpec {
        account: account(sample::ACCOUNT),
        name: None,
        scopes: scopes(held),
        expires_at,
        created_by: None,
    };
    let minted = Key::mint(&mut SysRng, sample::now(), &Prefix::default(), spec);
    let key = minted.expect("random numbers").0;
    let organization = sample::ORGANIZATION.parse().expect("an id");
    let (store, policy) = (table.store(), policy());
    let written = store.insert_key(&key, &organization, &policy, sample::now(), None).await;
    written.expect("a key");
    key.id
}

async fn read(table: &TestTable, key: &KeyId) -> Key {
    let found = table.store().lookup(&account(sample::ACCOUNT), key, true).await;
    found.expect("a table").key.expect("a key")
}

fn id_of(minted: &Minted) -> Response {
    text_response(minted.key.id.to_string())
}

async fn mint(
    table: &TestTable,
    policy: KeyPolicy,
    caller: &AccountPrincipal,
    expires_at: Option<Timestamp>,
) -> Result<Key, Error> {
    let request = MintRequest {
        account: account(sample::ACCOUNT),
        name: None,
        scopes: Some(scopes(&["sessions.read"])),
        expires_at,
    };
    let answer = table.latchkey(policy).mint(caller, request, None, id_of).await?;
    let id = answer.body.parse().expect("an id");
    Ok(read(table, &id).await)
}

async fn rotate(table: &TestTable, caller: &AccountPrincipal, key: &KeyId) -> Result<Key, Error> {
    let request = RotateRequest {
        account: account(sample::ACCOUNT),
        key: key.clone(),
        grace: Duration::ZERO,
    };
    let respond = |minted: &Minted, _: &ServiceAccount| id_of(minted);
    let answer = table.latchkey(policy()).rotate(caller, &request, None, respond).await?;
    let id = answer.body.parse().expect("an id");
    Ok(read(table, &id).await)
}

#[tokio::test]
async fn a_key_with_scopes_mints_nothing_that_outlives_it() {
    let table = TestTable::start().await;
    let end = in_hours(1);
    let caller = caller(&["keys.write", "sessions.read"], Some(end));
    let before = table.items().await;
    for later in [in_hours(2), end.saturating_add(Duration::from_millis(1))] {
        let error = mint(&table, policy(), &caller, Some(later)).await.expect_err("later");
        assert!(matches!(error, Error::Denied(Denial::LaterExpiry(at)) if at == end), "{error}");
    }
    assert!(table.items().await == before, "a refusal wrote something");

    let expiry = async |policy: KeyPolicy, asked| {
        mint(&table, policy, &caller, asked).await.expect("minted").spec.expires_at
    };
    assert_eq!(expiry(policy(), None).await, Some(end), "capped");
    assert_eq!(expiry(policy(), Some(end)).await, Some(end));
    let sooner = sample::now().saturating_add(HOUR / 2);
    assert_eq!(expiry(policy(), Some(sooner)).await, Some(sooner));
    let short = KeyPolicy { max_lifetime: Some(HOUR / 2), ..policy() };
    assert_eq!(expiry(short, None).await, Some(sooner), "the deployment's maximum is less");
    let long = KeyPolicy { max_lifetime: Some(HOUR * 2), ..policy() };
    assert_eq!(expiry(long, None).await, Some(end), "the deployment's maximum is more");
}

#[tokio::test]
async fn a_key_with_scopes_rotates_nothing_into_a_longer_life_than_its_own() {
    let table = TestTable::start().await;
    let end = in_hours(1);
    let caller = caller(&["keys.write", "sessions.read"], Some(end));
    for (lifetime, expected) in [(None, end), (Some(in_hours(5)), end)] {
        let old = insert(&table, &["sessions.read"], lifetime).await;
        let new = rotate(&table, &caller, &old).await.expect("rotated");
        assert_eq!(new.spec.expires_at, Some(expected), "{lifetime:?}");
    }
    let sooner = sample::now().saturating_add(HOUR / 2);
    let old = insert(&table, &["sessions.read"], Some(sooner)).await;
    let new = rotate(&table, &caller, &old).await.expect("rotated");
    assert_eq!(new.spec.expires_at, Some(sooner), "as long as the old one was to live");
}

#[tokio::test]
async fn full_access_and_keys_without_an_end_may_grant_any_time() {
    let table = TestTable::start().await;
    for caller in [caller(&[], Some(in_hours(1))), caller(&["keys.write", "sessions.read"], None)] {
        let endless = mint(&table, policy(), &caller, None).await.expect("minted");
        assert_eq!(endless.spec.expires_at, None);
        let later = mint(&table, policy(), &caller, Some(in_hours(9))).await.expect("minted");
        assert_eq!(later.spec.expires_at, Some(in_hours(9)));
        assert_eq!(
            rotate(&table, &caller, &later.id).await.expect("ok").spec.expires_at,
            Some(in_hours(9))
        );
    }
}

#[tokio::test]
async fn a_key_with_scopes_changes_and_ends_no_key_that_holds_more() {
    let table = TestTable::start().await;
    let caller = caller(&["keys.write", "sessions.read"], None);
    let latchkey = table.latchkey(policy());
    let own = account(sample::ACCOUNT);
    let rename = KeyChange { name: Some(None), scopes: None };
    let more = [&[][..], &["files.read"], &["sessions.read", "files.read"], &["keys.read"]];
    for held in more {
        let target = insert(&table, held, None).await;
        let before = table.items().await;
        let refused = [
            latchkey.update_key(&caller, &own, &target, &rename).await.err(),
            latchkey.update_key(&caller, &own, &target, &KeyChange::default()).await.err(),
            latchkey.revoke_key(&caller, &own, &target).await.err(),
            rotate(&table, &caller, &target).await.err(),
        ];
        for error in refused {
            assert!(matches!(error, Some(Error::Denied(_))), "{held:?}: {error:?}");
        }
        assert!(table.items().await == before, "{held:?}: a refusal wrote something");
    }
    // A key with the same scopes or fewer can be changed, rotated, and revoked.
    for held in [&["sessions.read"][..], &["sessions.read", "keys.write"]] {
        let target = insert(&table, held, None).await;
        latchkey.update_key(&caller, &own, &target, &rename).await.expect("changed");
        let target = rotate(&table, &caller, &target).await.expect("rotated").id;
        latchkey.revoke_key(&caller, &own, &target).await.expect("revoked");
    }
}

/// Another request may change the key's scopes between the read that authorizes a change and the change itself.
#[tokio::test]
async fn a_change_that_was_allowed_for_other_scopes_is_authorized_anew() {
    let table = TestTable::start().await;
    let caller = caller(&["keys.write", "sessions.read"], None);
    let renamed = Some("renamed".parse().expect("a name"));
    let rename = KeyChange { name: Some(renamed), scopes: None };
    for (held, allowed) in [(&["sessions.read"][..], true), (&["files.read"], false), (&[], false)]
    {
        let target = insert(&table, held, None).await;
        let mut seen = read(&table, &target).await;
        seen.spec.scopes = scopes(&["keys.write"]);
        let before = table.items().await;
        let changed = table.store().update_key(&caller, seen, &rename, sample::now()).await;
        if allowed {
            assert_eq!(changed.expect("changed").spec.scopes, scopes(held));
        } else {
            assert!(matches!(changed, Err(Error::Denied(_))), "{changed:?}");
            assert!(table.items().await == before, "a refusal wrote something");
        }
    }
}

/// No emulator has replicas that lag, so this test checks the request to the table.
#[tokio::test]
async fn every_change_is_authorized_by_a_consistent_read() {
    for (freshness, consistent) in
        [(Freshness::Cached, false), (Freshness::ForChange, true), (Freshness::Now, true)]
    {
        let (client, asked) = faulty::denied();
        let store = KeyStore::new(client, "table");
        let clock = Clock::new(sample::now);
        let latchkey = Latchkey::new(store, KeyPolicy::default(), &NO_CACHE, clock);
        let token = SampleKey::FullAccess.token();
        latchkey.authenticate(&token, freshness).await.expect_err("refused by the table");
        let asked = asked.lock().expect("one thread");
        let [read] = asked.as_slice() else { panic!("{asked:?}") };
        assert!(read.starts_with("BatchGetItem "), "{read}");
        assert_eq!(read.contains("\"ConsistentRead\":true"), consistent, "{freshness:?} {read}");
    }
}

/// No item of the account is written or queried, and the response time does not reveal that it exists,
/// because the requests are the same.
#[tokio::test]
async fn another_organizations_account_costs_what_one_that_does_not_exist_costs() {
    let table = TestTable::start().await;
    let latchkey = table.latchkey(policy());
    let caller = caller(&[], None);
    let before = table.items().await;
    let mut used = Vec::new();
    for id in [sample::OTHER_ACCOUNT, "SAMPLEACCOUNT999"] {
        let (id, key) = (account(id), SampleKey::Other.mint().0.id);
        let request =
            || MintRequest { account: id.clone(), name: None, scopes: None, expires_at: None };
        let rotation =
            RotateRequest { account: id.clone(), key: key.clone(), grace: Duration::ZERO };
        let disable = AccountChange { disabled: Some(true), ..AccountChange::default() };
        let change = KeyChange { name: Some(None), scopes: None };
        let describe = |minted: &Minted, _: &ServiceAccount| id_of(minted);
        let mut each = Vec::new();
        macro_rules! refused {
            ($($work:expr),+ $(,)?) => {$(
                table.meter.take();
                let error = $work.await.map(drop).expect_err("not there");
                assert!(matches!(&error, Error::AccountNotFound(found) if *found == id), "{error}");
                each.push(table.meter.take());
            )+};
        }
        refused!(
            latchkey.keys(&caller, &id, Listed::All, 100, None),
            latchkey.key(&caller, &id, &key),
            latchkey.mint(&caller, request(), None, id_of),
            latchkey.mint_and_describe(&caller, None, request(), None, describe),
            latchkey.update_key(&caller, &id, &key, &change),
            latchkey.revoke_key(&caller, &id, &key),
            latchkey.rotate(&caller, &rotation, None, describe),
            latchkey.account(&caller, &id),
            latchkey.update_account(&caller, &id, &disable),
            latchkey.delete_account(&caller, &id),
        );
        for usage in &each {
            assert_eq!(usage.requests.values().sum::<u32>(), 1, "{usage:?}");
            assert!(usage.units.values().sum::<f64>() <= 2.0, "{usage:?}");
            let reads = usage.requests.keys().all(|operation| operation.ends_with("GetItem"));
            assert!(reads, "{usage:?}");
        }
        used.push(each);
    }
    assert_eq!(used[0], used[1]);
    assert!(table.items().await == before, "a refusal wrote something");
}
