//! Handling a leaked key: show what it created, and revoke all of it.

use std::collections::BTreeSet;

use crate::common::{
    column, id, key_prefix, latchkey, partition, printed, put, refused, reported, stderr,
};
use aws_sdk_dynamodb::types::AttributeValue;
use latchkey::policy::KeyPolicy;
use latchkey::service::Freshness;
use latchkey_testkit::TestTable;
use latchkey_testkit::sample::{ACCOUNT, DISABLED_ACCOUNT, OTHER_ACCOUNT, SampleKey};
use latchkey_testkit::secrets::Secrets;

/// Records in a sample key which key it came from.
async fn link(table: &TestTable, key: SampleKey, attribute: &str, parent: SampleKey) {
    let key = key.mint().0;
    let items = partition(table, &format!("ACCOUNT#{}", key.spec.account)).await;
    let sort_key = format!("KEY#{}", key.id);
    let item = items.into_iter().find(|item| item["sk"].as_s() == Ok(&sort_key));
    let mut item = item.expect("a key");
    item.insert(attribute.to_owned(), AttributeValue::S(id(parent)));
    put(table, item).await;
}

/// The full-access key created the minter and a key of another account; the reader replaced the minter.
async fn leaked() -> TestTable {
    let table = TestTable::start().await;
    link(&table, SampleKey::Minter, "created_by", SampleKey::FullAccess).await;
    link(&table, SampleKey::Reader, "rotated_from", SampleKey::Minter).await;
    link(&table, SampleKey::Expired, "created_by", SampleKey::Reader).await;
    link(&table, SampleKey::Disabled, "created_by", SampleKey::FullAccess).await;
    // An ID in another organization's key is not a link.
    link(&table, SampleKey::Other, "created_by", SampleKey::FullAccess).await;
    table
}

async fn works(table: &TestTable, key: SampleKey) -> bool {
    let latchkey = table.latchkey(KeyPolicy::default());
    latchkey.verify(&key.token(), Freshness::Cached).await.is_ok()
}

#[tokio::test]
async fn the_keys_that_a_key_made_are_listed() {
    let table = leaked().await;
    let sorted = |keys: &[SampleKey]| {
        let mut ids: Vec<String> = keys.iter().copied().map(id).collect();
        ids.sort();
        ids
    };
    let made = async |arguments: &[&str]| {
        let listed =
            reported(&table, &[&["key", "list", "--created-by"], arguments].concat()).await;
        let mut ids = column(&listed["keys"], "id");
        ids.sort();
        ids
    };
    let leaked = key_prefix(SampleKey::FullAccess);
    let all = [SampleKey::Minter, SampleKey::Reader, SampleKey::Expired, SampleKey::Disabled];
    assert_eq!(made(&[&leaked]).await, sorted(&all));
    let by_id = id(SampleKey::FullAccess);
    assert_eq!(made(&[&by_id, "--organization", "sample"]).await, sorted(&all));
    assert_eq!(made(&[&by_id, "--account", ACCOUNT]).await, sorted(&all[..3]));
    assert_eq!(made(&[&leaked, "--expired"]).await, sorted(&[SampleKey::Expired]));
    assert_eq!(made(&[&key_prefix(SampleKey::Minter)]).await, sorted(&all[1..3]));
    assert_eq!(made(&[&key_prefix(SampleKey::Root)]).await, [] as [String; 0]);

    let whose = refused(&table, &["key", "list", "--created-by", &by_id]).await;
    assert!(whose.starts_with("error: no organization: pass `--organization` too"), "{whose}");
    let whole = refused(&table, &["key", "list", "--created-by", &SampleKey::Minter.token()]).await;
    Secrets::of_samples().check(&whole, "a refusal");
}

#[tokio::test]
async fn a_dry_run_shows_the_tree_and_writes_nothing() {
    let table = leaked().await;
    let before = table.items().await;
    let leaked = key_prefix(SampleKey::FullAccess);
    let revoke = ["key", "revoke", "--key", &leaked, "--with-descendants"];
    let dry_run = [&revoke[..], &["--dry-run"]].concat();
    let output = latchkey(&table, &dry_run).await;
    assert_eq!(
        stderr(&output),
        "Nothing was changed. Without --dry-run, this revokes 4 keys in 2 accounts.\n"
    );
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let ids = [
        SampleKey::FullAccess,
        SampleKey::Minter,
        SampleKey::Reader,
        SampleKey::Expired,
        SampleKey::Disabled,
    ];
    let (full, minter, reader) = (id(ids[0]), id(ids[1]), id(ids[2]));
    let prefix = ids.map(key_prefix);
    let wanted = [
        format!("{} {ACCOUNT} live - sample", prefix[0]),
        format!("{} {ACCOUNT} live minted by {full} sample", prefix[1]),
        format!("{} {ACCOUNT} live rotated from {minter} sample", prefix[2]),
        format!("{} {ACCOUNT} expired minted by {reader} sample", prefix[3]),
        format!("{} {DISABLED_ACCOUNT} live minted by {full} sample", prefix[4]),
    ];
    let squeezed = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let shown: Vec<String> = text.lines().skip(1).map(squeezed).collect();
    assert_eq!(shown[0], wanted[0], "the key itself comes first");
    // Siblings are sorted by their IDs, which are random here.
    assert_eq!(BTreeSet::from_iter(&shown), BTreeSet::from_iter(&wanted));
    let child = shown.iter().position(|line| line.contains(&format!("rotated from {minter}")));
    assert!(shown[child.expect("the reader") - 1].contains(&prefix[1]), "{text}");

    let report = reported(&table, &dry_run).await;
    assert_eq!((&report["dry_run"], &report["keys"][0]["depth"]), (&true.into(), &0.into()));
    assert_eq!(report["keys"][0]["origin"], "itself");
    assert!(text.lines().any(|line| line.starts_with(&format!("    {}", prefix[2]))), "{text}");
    let unconfirmed = refused(&table, &revoke).await;
    assert_eq!(unconfirmed, "error: this cannot be undone; pass `--yes` to confirm\n");
    let alone = refused(&table, &["key", "revoke", "--key", &leaked, "--dry-run"]).await;
    assert!(alone.contains("--with-descendants"), "{alone}");
    assert_eq!(table.items().await, before);
}

#[tokio::test]
async fn one_command_revokes_a_key_and_what_it_made() {
    let table = leaked().await;
    let revoke = ["key", "revoke", "--account", ACCOUNT, "--with-descendants", "--yes", "--key"];
    let (minter, full) = (id(SampleKey::Minter), id(SampleKey::FullAccess));
    let done = reported(&table, &[&revoke[..], &[&full]].concat()).await;
    let revoked = column(&done["revoked_keys"], "id");
    assert_eq!((revoked.len(), &revoked[0]), (4, &full));
    assert!(column(&done["revoked_keys"], "status").iter().all(|status| status == "revoked"));
    assert_eq!(done["ended_before"], 1);
    for key in [SampleKey::FullAccess, SampleKey::Minter, SampleKey::Reader] {
        assert!(!works(&table, key).await, "{key:?}");
    }
    assert!(works(&table, SampleKey::Other).await);
    assert!(works(&table, SampleKey::Root).await);

    let again = printed(&table, &[&revoke[..], &[&minter]].concat()).await;
    assert_eq!(again, "REVOKED KEY  REVOKED  NAME\n");
    let unknown = refused(&table, &[&revoke[..], &["NONE"]].concat()).await;
    assert_eq!(unknown, "error: key `NONE` does not exist\n");
    let other =
        refused(&table, &["key", "show", "--account", OTHER_ACCOUNT, "--key", "NONE"]).await;
    assert_eq!(other, "error: key `NONE` does not exist\n");
}
