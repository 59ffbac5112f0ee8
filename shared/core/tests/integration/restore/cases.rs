//! One difference of each kind, interruptions, and what is left alone.

use std::collections::HashSet;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use latchkey::id::ServiceAccountId;
use latchkey::key::Minted;
use latchkey::operator::restore::{self, Comparison, ComparisonScope, Difference, KeyEnd, Lost};
use latchkey::operator::{self, MintSpec};
use latchkey::service::RotateRequest;
use latchkey::store::KeyStore;
use latchkey_testkit::actions::Actions;
use latchkey_testkit::interruption::Interruption;
use latchkey_testkit::sample::{
    self, ACCOUNT, DISABLED_ACCOUNT, FULL_ACCOUNT, OTHER_ACCOUNT, SampleKey,
};
use latchkey_testkit::wire::{self, Fault, Plan};
use latchkey_testkit::{TestTable, project};

use super::{
    accepted, apply, backup, check_consistent, compared, compared_stores, compared_within, delete,
    items, overwrite, policy, records, store_of,
};

fn id(text: &str) -> ServiceAccountId {
    text.parse().expect("an id")
}

async fn mint(table: &TestTable, account: &str, scopes: &[&str]) -> Minted {
    let scopes = scopes.iter().map(|text| text.parse().expect("a scope"));
    let spec = MintSpec { scopes: scopes.collect(), ..MintSpec::default() };
    let (policy, now, id) = (policy(), sample::now(), id(account));
    operator::mint_key(&store_of(table), &policy, now, &id, spec).await.expect("a key")
}

async fn bootstrap(table: &TestTable, organization: &str) -> operator::Bootstrap {
    let (id, name) = (organization.parse().expect("an id"), || "Name".parse().expect("a name"));
    let made =
        operator::bootstrap(&store_of(table), &policy(), sample::now(), id, name(), name()).await;
    made.expect("an organization")
}

async fn account(table: &TestTable) -> ServiceAccountId {
    let (organization, name) = ("sample".parse().expect("an id"), "new".parse().expect("a name"));
    let (now, about) = (sample::now(), "".parse().expect("a description"));
    let made =
        operator::create_account(&store_of(table), &policy(), now, organization, name, about).await;
    made.expect("an account").id
}

async fn rotate(table: &TestTable, minted: &Minted, grace: u64) -> Minted {
    let (account, key) = (minted.key.spec.account.clone(), minted.key.id.clone());
    let request = RotateRequest { account, key, grace: Duration::from_secs(grace) };
    let rotated = operator::rotate_key(&store_of(table), &policy(), sample::now(), &request).await;
    rotated.expect("a rotation").minted
}

/// Deletes an item, as its time to live or a mistake would.
async fn forget(table: &TestTable, pk: &str, sk: &str) {
    let place = (pk.to_owned(), sk.to_owned());
    let item = items(table).await.remove(&place).expect("an item");
    delete(table, &table.client, &item).await;
}

/// A backup, and the table after one change of each kind since. The keys are those that must be rejected.
struct Changed {
    current: TestTable,
    restored: TestTable,
    ended: Vec<String>,
}

impl Changed {
    async fn new() -> Self {
        let current = TestTable::start().await;
        let store = store_of(&current);
        let (now, policy) = (sample::now(), policy());
        let mut ended = Vec::new();
        let gone = bootstrap(&current, "gone").await;
        let off = bootstrap(&current, "off").await;
        ended.extend([gone.minted.token, off.minted.token].map(|token| token.expose().to_owned()));
        let (deleted, disabled) = (account(&current).await, account(&current).await);
        for account in [&deleted, &disabled] {
            ended.push(mint(&current, account.as_ref(), &[]).await.token.expose().to_owned());
        }
        let revoked = mint(&current, OTHER_ACCOUNT, &["a"]).await;
        let at_once = mint(&current, OTHER_ACCOUNT, &["a"]).await;
        let slowly = mint(&current, OTHER_ACCOUNT, &["a"]).await;
        ended.extend([&revoked, &at_once].map(|minted| minted.token.expose().to_owned()));

        let restored = backup(&current).await;
        operator::delete_organization(&store, sample::now(), &gone.organization.id)
            .await
            .expect("deleted");
        let id = &off.organization.id;
        operator::set_organization_disabled(&store, sample::now(), id, true)
            .await
            .expect("disabled");
        let sample = "sample".parse().expect("an id");
        operator::delete_account(&store, sample::now(), &sample, &deleted).await.expect("deleted");
        operator::set_account_disabled(&store, now, &disabled, true).await.expect("disabled");
        let root = SampleKey::Root.mint().0;
        for key in [&revoked.key, &root] {
            let revoked =
                operator::revoke_key(&store, &policy, now, &key.spec.account, &key.id).await;
            revoked.expect("revoked");
        }
        ended.push(SampleKey::Root.token());
        rotate(&current, &at_once, 0).await;
        rotate(&current, &slowly, 3600).await;
        Self { current, restored, ended }
    }

    async fn compared(&self) -> Comparison {
        compared(&self.restored, &self.current).await
    }
}

/// The names of the differences, without IDs.
fn kinds(found: &Comparison) -> Vec<String> {
    let kind = |difference: &Difference| match difference {
        Difference::DeletedOrganization(_) => "delete organization".to_owned(),
        Difference::DisabledOrganization(_) => "disable organization".to_owned(),
        Difference::DeletedAccount(..) => "delete account".to_owned(),
        Difference::DisabledAccount(..) => "disable account".to_owned(),
        Difference::EndedKey(_, end) => format!("revoke: {end:?}"),
        Difference::LimitedKey(..) => "limit".to_owned(),
    };
    found.differences.iter().map(kind).collect()
}

#[tokio::test]
async fn whatever_was_ended_since_the_backup_ends_again() {
    let changed = Changed::new().await;
    for token in &changed.ended {
        let revived = accepted(&store_of(&changed.restored), token, sample::now()).await;
        assert!(revived.is_some(), "the backup has every key");
    }
    let found = changed.compared().await;
    assert_eq!(
        kinds(&found),
        [
            "delete organization",
            "disable organization",
            "delete account",
            "disable account",
            "revoke: Revoked",
            "revoke: Revoked",
            "limit",
            "limit",
        ]
    );
    let lost = found.lost.iter().filter(|lost| matches!(lost, Lost::Key(_)));
    assert_eq!((lost.count(), found.lost.len()), (2, 2), "the successors of the rotations");

    apply(&store_of(&changed.restored), &found).await.expect("applied");
    for token in &changed.ended {
        assert_eq!(accepted(&store_of(&changed.restored), token, sample::now()).await, None);
    }
    for key in [SampleKey::FullAccess, SampleKey::Minter, SampleKey::Reader, SampleKey::Other] {
        assert!(
            accepted(&store_of(&changed.restored), &key.token(), sample::now()).await.is_some(),
            "{key:?}"
        );
    }
    check_consistent(&changed.restored).await;
    assert_eq!(changed.compared().await.differences, []);
}

#[tokio::test]
async fn an_interrupted_run_is_finished_by_the_next_one() {
    let changed = Changed::new().await;
    let found = changed.compared().await;
    let complete = backup(&changed.restored).await;
    apply(&store_of(&complete), &found).await.expect("applied");
    let complete = records(&complete).await;
    let backup = items(&changed.restored).await;
    let client = wire::client(&changed.restored);
    let (restored, current) = (store_of(&changed.restored), store_of(&changed.current));
    let scope = ComparisonScope::default();
    let mut interruptions = 0;
    for fault in [Fault::Down, Fault::LostThenDown] {
        for request in 0.. {
            overwrite(&changed.restored, &client, &backup).await;
            let plan = Plan::new(Some((request, fault)), Vec::new());
            // Retries wait, and nothing here needs real time.
            tokio::time::pause();
            let outcome = plan.run(apply(&restored, &found)).await;
            tokio::time::resume();
            if plan.struck().is_none() {
                break;
            }
            outcome.expect_err("the table is down");
            let rest = compared_stores(&restored, &current, &scope).await;
            apply(&restored, &rest).await.expect("applied");
            let left = records(&changed.restored).await;
            assert_eq!(left, complete, "request {request}, {fault:?}");
            interruptions += 1;
        }
    }
    assert!(interruptions > 40, "{interruptions}");
}

#[tokio::test]
async fn a_wider_table_is_left_as_it_is() {
    let current = TestTable::start().await;
    let restored = backup(&current).await;
    let store = store_of(&current);
    let (now, disabled) = (sample::now(), id(DISABLED_ACCOUNT));
    operator::set_account_disabled(&store, now, &disabled, false).await.expect("enabled");
    let minted = mint(&current, ACCOUNT, &[]).await;
    bootstrap(&current, "new").await;
    let found = compared(&restored, &current).await;
    assert_eq!(found.differences, []);
    let [organization, account, enabled, key, last] = found.lost.as_slice() else {
        panic!("{:?}", found.lost);
    };
    assert!(matches!(organization, Lost::Organization(made) if made.id.as_ref() == "new"));
    assert!(matches!(account, Lost::Account(made) if made.organization.as_ref() == "new"));
    assert!(matches!(enabled, Lost::EnabledAccount(_, id) if *id == disabled));
    let keys = [key, last].map(|lost| match lost {
        Lost::Key(key) => key.id.clone(),
        other => panic!("{other:?}"),
    });
    assert!(keys.contains(&minted.key.id));
    let token = minted.token.expose();
    assert_eq!(accepted(&store_of(&restored), token, now).await, None);
    let copied = restore::copy_key(&store_of(&restored), &policy(), now, &minted.key).await;
    assert!(copied.expect("copied"));
    assert!(accepted(&store_of(&restored), token, now).await.is_some());
    check_consistent(&restored).await;
}

/// A key that the current table lacks was revoked, and its time to live has passed.
#[tokio::test]
async fn a_key_that_the_current_table_forgot_is_revoked_unless_it_expired_long_ago() {
    let current = TestTable::start().await;
    let restored = backup(&current).await;
    for key in [SampleKey::Minter, SampleKey::Root] {
        let key = key.mint().0;
        forget(&current, &format!("ACCOUNT#{}", key.spec.account), &format!("KEY#{}", key.id))
            .await;
    }
    let found = compared(&restored, &current).await;
    assert_eq!(kinds(&found), ["revoke: Deleted", "revoke: Deleted"]);

    // In two days, this key has been expired for a day and more, so it may just have been cleaned up.
    let expired = SampleKey::Expired.mint().0;
    forget(&current, &format!("ACCOUNT#{ACCOUNT}"), &format!("KEY#{}", expired.id)).await;
    assert_eq!(compared(&restored, &current).await.differences.len(), 3, "it expired just now");
    let (stores, scope) = ([store_of(&restored), store_of(&current)], ComparisonScope::default());
    let later = restore::compare(&stores[0], &stores[1], &scope, sample::after_hours(48)).await;
    assert_eq!(later.expect("a comparison").differences.len(), 2);
}

#[tokio::test]
async fn what_was_created_in_the_restored_table_itself_is_left_alone() {
    let current = TestTable::start().await;
    let restored = backup(&current).await;
    mint(&restored, ACCOUNT, &[]).await;
    bootstrap(&restored, "new").await;
    account(&restored).await;
    let in_use = |hours: u64| {
        let created = sample::now().as_millis() - i64::try_from(hours * 3_600_000).expect("hours");
        let backup_time = latchkey::time::Timestamp::from_millis(created);
        ComparisonScope { backup_time, ..ComparisonScope::default() }
    };
    let found = compared_within(&restored, &current, &in_use(1)).await;
    assert_eq!(found.differences, []);
    // A backup that is not older may have had them.
    let found = compared_within(&restored, &current, &in_use(0)).await;
    assert_eq!(kinds(&found), ["delete organization", "delete account", "revoke: Deleted"]);
}

#[tokio::test]
async fn what_was_deleted_by_mistake_can_be_kept() {
    let current = TestTable::start().await;
    let made = bootstrap(&current, "gone").await;
    let other = account(&current).await;
    let minted = mint(&current, other.as_ref(), &[]).await;
    let restored = backup(&current).await;
    let store = store_of(&current);
    operator::delete_organization(&store, sample::now(), &made.organization.id)
        .await
        .expect("deleted");
    let sample = "sample".parse().expect("an id");
    operator::delete_account(&store, sample::now(), &sample, &other).await.expect("deleted");
    let scope = ComparisonScope {
        kept_organizations: HashSet::from([made.organization.id]),
        kept_accounts: HashSet::from([other]),
        backup_time: None,
    };
    assert_eq!(compared_within(&restored, &current, &scope).await.differences, []);
    for token in [made.minted.token, minted.token] {
        assert!(accepted(&store_of(&restored), token.expose(), sample::now()).await.is_some());
    }
    let found = compared(&restored, &current).await;
    assert_eq!(kinds(&found), ["delete organization", "delete account"]);
}

#[tokio::test]
async fn keys_that_the_current_table_lost_can_be_kept() {
    let current = TestTable::start().await;
    let restored = backup(&current).await;
    for key in [SampleKey::Minter, SampleKey::Other, SampleKey::Root] {
        let key = key.mint().0;
        forget(&current, &format!("ACCOUNT#{}", key.spec.account), &format!("KEY#{}", key.id))
            .await;
    }
    let found = async |organizations: &[&str], accounts: &[&str]| {
        let scope = ComparisonScope {
            kept_organizations: organizations.iter().map(|id| id.parse().expect("an id")).collect(),
            kept_accounts: accounts.iter().map(|text| id(text)).collect(),
            backup_time: None,
        };
        compared_within(&restored, &current, &scope).await.differences.len()
    };
    assert_eq!(found(&[], &[]).await, 3);
    assert_eq!(found(&["sample"], &[]).await, 2);
    assert_eq!(found(&["sample"], &[OTHER_ACCOUNT]).await, 1);
    assert_eq!(found(&[], &["ROOT"]).await, 2);
}

/// With large items, so that a page has only a few of them.
#[tokio::test]
async fn tables_of_many_pages_are_compared_as_a_whole() {
    let changed = Changed::new().await;
    // Some of these keys are not on the page of their account.
    let account = format!("ACCOUNT#{FULL_ACCOUNT}");
    for (pk, sk) in items(&changed.current).await.keys().filter(|(pk, _)| *pk == account) {
        if sk.starts_with("KEY#") {
            forget(&changed.current, pk, sk).await;
        }
    }
    let found = changed.compared().await;
    assert!(found.differences.len() > 15, "{}", found.differences.len());
    for table in [&changed.current, &changed.restored] {
        for mut item in items(table).await.into_values() {
            item.insert("padding".to_owned(), AttributeValue::S("x".repeat(300_000)));
            let put = wire::client(table).put_item().table_name(table.name());
            put.set_item(Some(item)).send().await.expect("an item");
        }
        let page = store_of(table).records(None).await.expect("a page");
        assert!(page.next.is_some() && page.records.len() < 5, "{}", page.records.len());
    }
    let paged = changed.compared().await;
    assert_eq!(paged.differences, found.differences);
    assert_eq!(paged.lost, found.lost);
}

/// A backup may have half of a transaction, because it is not consistent between items.
#[tokio::test]
async fn an_account_without_a_directory_entry_is_disabled_instead_of_deleted() {
    let current = TestTable::start().await;
    let lost = account(&current).await;
    let minted = mint(&current, lost.as_ref(), &[]).await;
    let restored = backup(&current).await;
    let sample = "sample".parse().expect("an id");
    operator::delete_account(&store_of(&current), sample::now(), &sample, &lost)
        .await
        .expect("deleted");
    forget(&restored, "ORG#sample", &format!("ACCOUNT#{lost}")).await;
    let found = compared(&restored, &current).await;
    assert_eq!(kinds(&found), ["delete account"]);
    apply(&store_of(&restored), &found).await.expect("applied");
    assert_eq!(accepted(&store_of(&restored), minted.token.expose(), sample::now()).await, None);
}

#[tokio::test]
async fn a_half_deleted_account_of_a_backup_is_deleted() {
    let current = TestTable::start().await;
    let restored = backup(&current).await;
    let sample = "sample".parse().expect("an id");
    // The deletion stops after its first write.
    let store = restored.interrupted_store(Interruption::after(1, false));
    operator::delete_account(&store, sample::now(), &sample, &id(ACCOUNT))
        .await
        .expect_err("interrupted");
    operator::delete_account(&store_of(&current), sample::now(), &sample, &id(ACCOUNT))
        .await
        .expect("deleted");
    let found = compared(&restored, &current).await;
    assert_eq!(kinds(&found), ["delete account"]);
    apply(&store_of(&restored), &found).await.expect("applied");
    check_consistent(&restored).await;
    let left = items(&restored).await;
    assert!(left.keys().all(|(pk, _)| *pk != format!("ACCOUNT#{ACCOUNT}")));
}

#[tokio::test]
async fn a_key_with_another_secret_is_revoked() {
    let current = TestTable::start().await;
    let restored = backup(&current).await;
    let key = SampleKey::Minter.mint().0;
    let place = (format!("ACCOUNT#{}", key.spec.account), format!("KEY#{}", key.id));
    let mut item = items(&current).await.remove(&place).expect("a key");
    item.insert("digest".to_owned(), AttributeValue::B(vec![0; 32].into()));
    let put = current.client.put_item().table_name(current.name()).set_item(Some(item));
    put.send().await.expect("an item");
    let found = compared(&restored, &current).await;
    let [Difference::EndedKey(_, KeyEnd::Replaced)] = found.differences.as_slice() else {
        panic!("{:?}", found.differences);
    };
}

#[tokio::test]
async fn the_page_names_the_actions_that_a_restore_takes() {
    let changed = Changed::new().await;
    let (read, written) = (Actions::default(), Actions::default());
    let name = changed.current.name();
    let current = KeyStore::new(changed.current.client_with(read.clone()), name);
    let restored = KeyStore::new(changed.restored.client_with(written.clone()), name);
    let (scope, now) = (ComparisonScope::default(), sample::now());
    let found = restore::compare(&restored, &current, &scope, now).await.expect("a comparison");
    let page = project::text("docs/restore.md");
    let listed = |actions: &Actions| {
        let actions = actions.recorded().into_iter();
        let names = actions.map(|action| action.replace("dynamodb:", ""));
        names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    };
    assert!(page.contains(&listed(&read)), "{}", listed(&read));
    assert_eq!(read.recorded(), written.recorded(), "a comparison reads both tables alike");
    apply(&restored, &found).await.expect("applied");
    for lost in &found.lost {
        if let Lost::Key(key) = lost {
            restore::copy_key(&restored, &policy(), now, key).await.expect("copied");
        }
    }
    assert!(page.contains(&listed(&written)), "{}", listed(&written));
}
