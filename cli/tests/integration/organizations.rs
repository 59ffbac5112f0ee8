//! The end of an organization, through the operator's commands.

use crate::common::{column, latchkey, printed, refused, reported, stderr, stdout};
use latchkey::policy::KeyPolicy;
use latchkey::service::Freshness;
use latchkey_testkit::TestTable;
use latchkey_testkit::sample::{ACCOUNT, SampleKey};

async fn works(table: &TestTable, key: SampleKey) -> bool {
    let latchkey = table.latchkey(KeyPolicy::default());
    latchkey.verify(&key.token(), Freshness::Cached).await.is_ok()
}

#[tokio::test]
async fn a_disabled_organization_is_refused_until_it_is_enabled() {
    let table = TestTable::start().await;
    let disable = ["organization", "disable", "--organization", "sample"];
    let output = latchkey(&table, &disable).await;
    assert_eq!(
        stdout(&output),
        "organization     sample (Sample Organization)\n\
         status           disabled\n\
         created          2026-01-01T00:00:00.000Z\n"
    );
    assert!(stderr(&output).contains("reject its keys within"), "{}", stderr(&output));
    assert!(!works(&table, SampleKey::FullAccess).await);
    assert!(works(&table, SampleKey::Other).await);
    let listed = reported(&table, &["organization", "list"]).await;
    assert_eq!(column(&listed["organizations"], "status"), ["live", "disabled"]);

    let mint = refused(&table, &["key", "mint", "--account", ACCOUNT]).await;
    assert_eq!(
        mint,
        "error: organization `sample` is disabled\n  \
         to enable it, run `latchkey organization enable`\n"
    );
    let enable = ["organization", "enable", "--organization", "sample"];
    assert_eq!(reported(&table, &enable).await["organization"]["status"], "live");
    assert!(works(&table, SampleKey::FullAccess).await);
    let unknown = refused(&table, &["organization", "disable", "--organization", "nobody"]).await;
    assert!(unknown.starts_with("error: organization `nobody` does not exist\n"), "{unknown}");
}

#[tokio::test]
async fn a_deleted_organization_takes_its_accounts_and_keys_with_it() {
    let table = TestTable::start().await;
    let delete = ["organization", "delete", "--organization", "sample"];
    let asked = refused(&table, &delete).await;
    assert_eq!(asked, "error: this cannot be undone; pass `--yes` to confirm\n");
    assert!(works(&table, SampleKey::FullAccess).await);

    let text = printed(&table, &[&delete[..], &["--yes"]].concat()).await;
    assert_eq!(text, "deleted          sample\nwith accounts    3\n");
    assert!(!works(&table, SampleKey::FullAccess).await);
    assert!(works(&table, SampleKey::Other).await);
    let listed = reported(&table, &["organization", "list"]).await;
    assert_eq!(column(&listed["organizations"], "id"), ["other"]);
    let again = refused(&table, &[&delete[..], &["--yes"]].concat()).await;
    assert!(again.starts_with("error: organization `sample` does not exist\n"), "{again}");

    // Only a second organization causes a warning.
    let create = ["organization", "create", "--name", "New", "--output", "json"];
    let output = latchkey(&table, &[&create[..], &["--organization", "sample"]].concat()).await;
    assert!(stderr(&output).contains("now has 2 organizations"), "{}", stderr(&output));
    reported(&table, &["organization", "delete", "--organization", "sample", "--yes"]).await;
    reported(&table, &["organization", "delete", "--organization", "other", "--yes"]).await;
    let output = latchkey(&table, &[&create[..], &["--organization", "alone"]].concat()).await;
    assert_eq!(stderr(&output), "");
}
