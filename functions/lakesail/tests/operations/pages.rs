//! Lists in pages, including those of root keys.

use latchkey_testkit::sample::{ACCOUNT, SampleKey, after_hours, full_access};
use latchkey_testkit::suite::Dialect;
use latchkey_testkit::suite::pages::{check_refused, marker_of, paged, walk};
use latchkey_testkit::{TestTable, page_tests};

use crate::common::{Function, LakeSail};

const ROOT_KEYS: &str = "/api/admin/v1/keys";

page_tests!(LakeSail);

#[tokio::test]
async fn root_keys_come_exactly_once_and_oldest_first() {
    let table = TestTable::start().await;
    let root = SampleKey::Root.token();
    let mut keys = vec![SampleKey::Root.mint().0.id.to_string()];
    for hour in 1..=4 {
        let minted = Function::at(&table, after_hours(hour)).post(&root, ROOT_KEYS, "{}").await;
        keys.push(minted.string("/id").to_owned());
    }
    let function = Function::over(&table);
    for limit in [1, 2, 4, 5, 100] {
        let pages = walk(&function, &root, ROOT_KEYS, limit, None).await;
        assert_eq!(pages, paged(&keys, limit), "{limit} a page");
    }
}

#[tokio::test]
async fn a_marker_of_an_accounts_keys_is_none_of_root_keys() {
    let table = TestTable::start().await;
    let function = Function::over(&table);
    let marker = marker_of(&function, &full_access(), &LakeSail::keys_path(ACCOUNT), 2).await;
    check_refused(&function, &SampleKey::Root.token(), ROOT_KEYS, &marker).await;
}
