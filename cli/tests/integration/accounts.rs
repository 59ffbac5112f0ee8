//! The life cycle of a service account, through the operator's commands.

use crate::common::{column, latchkey, partition, printed, put, refused, reported, stderr, stdout};
use aws_sdk_dynamodb::types::AttributeValue;
use latchkey::policy::KeyPolicy;
use latchkey::service::Freshness;
use latchkey_testkit::TestTable;
use latchkey_testkit::sample::{ACCOUNT, DISABLED_ACCOUNT, FULL_ACCOUNT, OTHER_ACCOUNT, SampleKey};

const SOON: &str = "Functions may still accept a cached key for up to LATCHKEY_CACHE_TTL (10 seconds by \
                    default).\n";

async fn works(table: &TestTable, key: SampleKey) -> bool {
    let latchkey = table.latchkey(KeyPolicy::default());
    latchkey.verify(&key.token(), Freshness::Cached).await.is_ok()
}

#[tokio::test]
async fn an_account_belongs_to_an_organization_that_exists() {
    let table = TestTable::start().await;
    let create = ["account", "create", "--name", "ci", "--description", "Builds"];
    let made = reported(&table, &[&create[..], &["--organization", "sample"]].concat()).await;
    let account = &made["service_account"];
    assert_eq!(account["organization"], "sample");
    assert_eq!(account["name"], "ci");
    assert_eq!(account["description"], "Builds");
    assert_eq!(account["disabled"], false);
    assert_eq!(account["created_by"], "ROOT");
    assert!(account["created_at"].is_string());
    assert!(made.get("key").is_none());

    let missing = refused(&table, &[&create[..], &["--organization", "nobody"]].concat()).await;
    assert_eq!(
        missing,
        "error: organization `nobody` does not exist\n  \
         check the ID with `latchkey organization list`, or create it with `latchkey bootstrap`\n"
    );
}

#[tokio::test]
async fn accounts_are_listed_oldest_first() {
    let table = TestTable::start().await;
    let list = ["account", "list", "--organization", "sample"];
    let listed = reported(&table, &list).await;
    let ids = column(&listed["service_accounts"], "id");
    assert_eq!(ids, [ACCOUNT, FULL_ACCOUNT, DISABLED_ACCOUNT]);
    assert_eq!(listed["service_accounts"][2]["disabled"], true);

    assert_eq!(
        printed(&table, &list).await,
        "SERVICE ACCOUNT   STATUS    CREATED               CREATED BY  NAME\n\
         SAMPLEACCOUNT001  enabled   2026-01-01T00:00:00Z  ROOT        sample account SAMPLEACCOUNT001\n\
         SAMPLEACCOUNT002  enabled   2026-01-01T00:00:00Z  ROOT        sample account SAMPLEACCOUNT002\n\
         SAMPLEACCOUNT003  disabled  2026-01-01T00:00:00Z  ROOT        sample account SAMPLEACCOUNT003\n"
    );
    let nobody = refused(&table, &["account", "list", "--organization", "nobody"]).await;
    assert!(nobody.starts_with("error: organization `nobody` does not exist\n"), "{nobody}");
}

#[tokio::test]
async fn a_list_of_accounts_has_no_last_page_but_the_last() {
    let table = TestTable::start().await;
    let entry =
        |item: &&crate::common::Item| item["sk"].as_s() == Ok(&format!("ACCOUNT#{OTHER_ACCOUNT}"));
    let entry = partition(&table, "ORG#other").await.iter().find(entry).expect("one").clone();
    let is_account = |item: &&crate::common::Item| item["sk"].as_s() == Ok(&"ACCOUNT".to_owned());
    let account = format!("ACCOUNT#{OTHER_ACCOUNT}");
    let account = partition(&table, &account).await.iter().find(is_account).expect("one").clone();
    let text = |value: String| AttributeValue::S(value);
    for number in 0..120 {
        let id = format!("SAMPLEACCOUNT{number:04}");
        let (mut entry, mut account) = (entry.clone(), account.clone());
        entry.insert("sk".to_owned(), text(format!("ACCOUNT#{id}")));
        account.insert("pk".to_owned(), text(format!("ACCOUNT#{id}")));
        account.insert("id".to_owned(), text(id));
        put(&table, entry).await;
        put(&table, account).await;
    }
    let listed = reported(&table, &["account", "list", "--organization", "other"]).await;
    assert_eq!(listed["service_accounts"].as_array().map(Vec::len), Some(121));
}

#[tokio::test]
async fn an_account_is_shown() {
    let table = TestTable::start().await;
    let show = ["account", "show", "--account", DISABLED_ACCOUNT];
    let shown = reported(&table, &show).await;
    assert_eq!(
        shown,
        serde_json::json!({"service_account": {
            "id": DISABLED_ACCOUNT,
            "name": "sample account SAMPLEACCOUNT003",
            "description": "Made by the samples.",
            "organization": "sample",
            "disabled": true,
            "created_by": "ROOT",
            "created_at": "2026-01-01T00:00:00.000Z",
            "updated_at": "2026-01-01T00:00:00.000Z",
        }})
    );
    assert_eq!(
        printed(&table, &show).await,
        "service account  SAMPLEACCOUNT003 (sample account SAMPLEACCOUNT003)\n\
         organization     sample\n\
         status           disabled\n\
         description      Made by the samples.\n\
         created          2026-01-01T00:00:00.000Z\n\
         created by       ROOT\n\
         changed          2026-01-01T00:00:00.000Z\n"
    );
    for command in ["show", "disable", "enable"] {
        let unknown = refused(&table, &["account", command, "--account", "NONE"]).await;
        assert_eq!(unknown, "error: service account `NONE` does not exist\n");
        let root = refused(&table, &["account", command, "--account", "ROOT"]).await;
        assert!(root.starts_with("error: `ROOT` is not a service account"), "{root}");
        assert!(root.contains("latchkey root-key"), "{root}");
    }
}

#[tokio::test]
async fn a_disabled_account_is_refused_until_it_is_enabled() {
    let table = TestTable::start().await;
    assert!(works(&table, SampleKey::FullAccess).await);
    let disable = ["account", "disable", "--account", ACCOUNT];
    let output = latchkey(&table, &disable).await;
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stdout(&output).contains("\nstatus           disabled\n"), "{}", stdout(&output));
    assert_eq!(stderr(&output), SOON);
    assert!(!works(&table, SampleKey::FullAccess).await);
    // A second call changes nothing.
    let again = reported(&table, &disable).await;
    assert_eq!(again["service_account"]["disabled"], true);
    assert_eq!(reported(&table, &disable).await, again);

    let mint = refused(&table, &["key", "mint", "--account", ACCOUNT]).await;
    assert!(mint.contains("is disabled") && mint.contains("latchkey account enable"), "{mint}");

    let output = latchkey(&table, &["account", "enable", "--account", ACCOUNT]).await;
    assert!(stdout(&output).contains("\nstatus           enabled\n"), "{}", stdout(&output));
    assert_eq!(stderr(&output), "");
    assert!(works(&table, SampleKey::FullAccess).await);
}

#[tokio::test]
async fn a_deleted_account_takes_its_keys_with_it() {
    let table = TestTable::start().await;
    let delete = ["account", "delete", "--account", ACCOUNT];
    let asked = refused(&table, &delete).await;
    assert_eq!(asked, "error: this cannot be undone; pass `--yes` to confirm\n");
    assert!(works(&table, SampleKey::FullAccess).await);

    let output = latchkey(&table, &[&delete[..], &["--yes"]].concat()).await;
    assert_eq!(
        stdout(&output),
        "deleted account  SAMPLEACCOUNT001\norganization     sample\n",
        "{}",
        stderr(&output)
    );
    assert_eq!(stderr(&output), SOON);
    assert!(!works(&table, SampleKey::FullAccess).await);
    assert_eq!(partition(&table, &format!("ACCOUNT#{ACCOUNT}")).await, []);

    let again = refused(&table, &[&delete[..], &["--yes"]].concat()).await;
    assert_eq!(again, format!("error: service account `{ACCOUNT}` does not exist\n"));
    let other = ["account", "delete", "--account", OTHER_ACCOUNT, "--yes"];
    let deleted = reported(&table, &other).await;
    let expected = serde_json::json!({"id": OTHER_ACCOUNT, "organization": "other"});
    assert_eq!(deleted["deleted_service_account"], expected);
}

#[tokio::test]
async fn an_interrupted_deletion_is_finished() {
    let table = TestTable::start().await;
    let mut account = partition(&table, &format!("ACCOUNT#{ACCOUNT}")).await;
    account.retain(|item| item["sk"].as_s() == Ok(&"ACCOUNT".to_owned()));
    let key = |item: &crate::common::Item| {
        ["pk", "sk"].map(|name| (name.to_owned(), item[name].clone())).into_iter().collect()
    };
    let delete = table.client.delete_item().table_name(table.name());
    delete.set_key(Some(key(&account[0]))).send().await.expect("deleted");
    let entry = format!("ACCOUNT#{ACCOUNT}");
    let mut directory = partition(&table, "ORG#sample").await;
    directory.retain(|item| item["sk"].as_s() == Ok(&entry));
    let mut entry = directory.remove(0);
    entry.insert("deleting".to_owned(), AttributeValue::Bool(true));
    put(&table, entry).await;

    let delete = ["account", "delete", "--yes", "--account", ACCOUNT];
    let unknown = refused(&table, &delete).await;
    assert_eq!(
        unknown, "error: service account `SAMPLEACCOUNT001` does not exist\n",
        "its organization is not known any more"
    );
    // Its organization's list shows it and says what to do.
    let list = ["account", "list", "--organization", "sample"];
    let output = latchkey(&table, &list).await;
    assert!(stdout(&output).contains("\nSAMPLEACCOUNT001  deleting  "), "{}", stdout(&output));
    assert!(stderr(&output).contains("finish it with `latchkey account delete"));
    assert_eq!(reported(&table, &list).await["deleting"], serde_json::json!([ACCOUNT]));
    reported(&table, &[&delete[..], &["--organization", "sample"]].concat()).await;
    assert_eq!(reported(&table, &list).await["deleting"], serde_json::json!([]));
    assert_eq!(partition(&table, &format!("ACCOUNT#{ACCOUNT}")).await, []);
}
