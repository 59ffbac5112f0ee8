//! Lists in pages: every entry exactly once, oldest first, whatever happens between two pages.

use std::collections::BTreeSet;

use latchkey_http::Request;
use latchkey_http::authenticate::authenticate_for_management;

use super::{Dialect, Function};
use crate::sample::{ACCOUNT, FULL_ACCOUNT, SampleKey, after_hours, full_access};
use crate::{Answer, Tenant, TestTable, event, sample};

/// Entries and limits: around one page, around a full batch of reads, and one entry per page.
const SIZES: &[(usize, usize)] =
    &[(1, 1), (1, 100), (2, 1), (2, 2), (3, 2), (99, 100), (100, 100), (101, 100), (101, 2)];

/// Creates a test of each page scenario.
#[macro_export]
macro_rules! page_tests {
    ($dialect:ty) => {
        $crate::scenario_tests!($dialect, pages():
            keys_come_exactly_once_and_oldest_first,
            accounts_come_exactly_once_and_oldest_first,
            keys_that_come_and_go_between_pages_neither_repeat_nor_hide_another,
            accounts_that_come_and_go_between_pages_neither_repeat_nor_hide_another,
            many_revoked_keys_in_a_row_hide_none_behind_them,
            a_marker_is_good_for_its_key_and_its_list_only,
            a_marker_that_was_tampered_with_is_refused,
            a_marker_is_good_for_a_day,
        );
    };
}

/// The IDs on every page of a list from `marker` on; the last page has no marker.
///
/// # Panics
///
/// If the pages do not end, or one is rejected.
pub async fn walk<D: Dialect>(
    function: &Function<D>,
    token: &str,
    path: &str,
    limit: usize,
    mut marker: Option<String>,
) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    loop {
        let query =
            marker.map(|marker| format!("&{}={marker}", D::MARKER.parameter)).unwrap_or_default();
        let page = function.get(token, &format!("{path}?limit={limit}{query}")).await;
        assert_eq!(page.status, 200, "{path}: {}", page.text);
        pages.push(page.ids());
        assert!(pages.len() < 300, "the pages of {path} do not end");
        marker = page.body[D::MARKER.field].as_str().map(str::to_owned);
        if marker.is_none() {
            return pages;
        }
    }
}

/// Divides `entries` into pages.
pub fn paged(entries: &[String], limit: usize) -> Vec<Vec<String>> {
    entries.chunks(limit).map(<[String]>::to_vec).collect()
}

/// The marker of the second page of a list, whose first page has `limit` entries.
///
/// # Panics
///
/// If the list has only one page.
pub async fn marker_of<D: Dialect>(
    function: &Function<D>,
    token: &str,
    path: &str,
    limit: usize,
) -> String {
    let page = function.get(token, &format!("{path}?limit={limit}")).await;
    next_marker::<D>(&page)
}

/// Checks that a list rejects a marker.
///
/// # Panics
///
/// If it accepts the marker, or the error message is wrong.
pub async fn check_refused<D: Dialect>(
    function: &Function<D>,
    token: &str,
    path: &str,
    marker: &str,
) {
    let parameter = D::MARKER.parameter;
    let refused = function.get(token, &format!("{path}?{parameter}={marker}")).await;
    assert_eq!(refused.status, 400, "{path}: {marker}: {}", refused.text);
    let message =
        format!("`{parameter}` is invalid or has expired; omit it to start from the first page");
    assert_eq!(refused.body, D::refusal(400, &message), "{path}: {marker}");
}

/// A tenant's keys, with each list and page size, and without a limit.
pub async fn keys_come_exactly_once_and_oldest_first<D: Dialect>() {
    let table = TestTable::start().await;
    let tenant = Tenant::create(&table, "tenant").await;
    let path = D::keys_path(tenant.account.as_ref());
    let add = async |millis| tenant.add_key(millis).await.0;
    check_order::<D>(&table, &tenant, &path, tenant.key.clone(), add).await;
}

/// A tenant's accounts, with each list and page size, and without a limit.
pub async fn accounts_come_exactly_once_and_oldest_first<D: Dialect>() {
    let table = TestTable::start().await;
    let tenant = Tenant::create(&table, "tenant").await;
    let add = async |millis| tenant.add_account(millis).await;
    check_order::<D>(&table, &tenant, D::ACCOUNTS, tenant.account.to_string(), add).await;
}

/// Keys are revoked and created between two pages.
pub async fn keys_that_come_and_go_between_pages_neither_repeat_nor_hide_another<D: Dialect>() {
    let table = TestTable::start().await;
    let tenant = Tenant::create(&table, "tenant").await;
    let path = D::keys_path(tenant.account.as_ref());
    let add = async |millis| tenant.add_key(millis).await.0;
    let first = tenant.key.clone();
    check_come_and_go::<D>(&table, &tenant, &path, first, add, D::LISTS_REVOKED).await;
}

/// Accounts are deleted and created between two pages.
pub async fn accounts_that_come_and_go_between_pages_neither_repeat_nor_hide_another<D: Dialect>() {
    let table = TestTable::start().await;
    let tenant = Tenant::create(&table, "tenant").await;
    let add = async |millis| tenant.add_account(millis).await;
    let first = tenant.account.to_string();
    check_come_and_go::<D>(&table, &tenant, D::ACCOUNTS, first, add, false).await;
}

/// Revoked keys never hide the keys after them.
///
/// If they are not listed, a page may be short or empty, but its marker still continues. If they are
/// listed, they fill pages like all other keys.
pub async fn many_revoked_keys_in_a_row_hide_none_behind_them<D: Dialect>() {
    let table = TestTable::start().await;
    let function = Function::<D>::over(&table);
    let tenant = Tenant::create(&table, "tenant").await;
    let (account, token) = (tenant.account.as_ref(), &tenant.token);
    let mut keys = vec![tenant.key.clone()];
    for millis in 1..=40 {
        let (key, _) = tenant.add_key(millis).await;
        assert_eq!(function.delete(token, &D::key_path(account, &key)).await.status, 204);
        if D::LISTS_REVOKED {
            keys.push(key);
        }
    }
    keys.push(tenant.add_key(50).await.0);
    for limit in [1, 2, 3, 100] {
        let pages = walk(&function, token, &D::keys_path(account), limit, None).await;
        assert_eq!(pages.concat(), keys, "{limit} a page");
        if D::LISTS_REVOKED {
            assert_eq!(pages, paged(&keys, limit), "{limit} a page");
        }
    }
}

/// A marker works only for its own key, list, and dialect.
///
/// The list must be the same account's and of the same kind.
pub async fn a_marker_is_good_for_its_key_and_its_list_only<D: Dialect>() {
    let table = TestTable::start().await;
    let function = Function::<D>::over(&table);
    let (token, path) = (full_access(), D::keys_path(ACCOUNT));
    let parameter = D::MARKER.parameter;
    let marker = marker_of(&function, &token, &path, 2).await;
    let accounts = marker_of(&function, &token, D::ACCOUNTS, 2).await;
    assert_eq!(function.get(&token, &format!("{path}?{parameter}={marker}")).await.status, 200);

    // Another key of the same account, which owns the list.
    check_refused(&function, &SampleKey::Reader.token(), &path, &marker).await;
    // Another account's keys, and another kind of list.
    check_refused(&function, &token, &D::keys_path(FULL_ACCOUNT), &marker).await;
    check_refused(&function, &token, D::ACCOUNTS, &marker).await;
    check_refused(&function, &token, &path, &accounts).await;
    // The same list in another dialect, which has another name for its marker.
    let request: Request = event::parse(event::call("GET", &path, &token));
    let latchkey = function.latchkey();
    let request = authenticate_for_management(latchkey, &request).await.expect("a caller");
    let marker_by = |parameter| {
        let page = request.page(parameter, &["keys", ACCOUNT], sample::now());
        let last = SampleKey::Minter.mint().0.id;
        let marker = page.expect("a page").next(latchkey, Some(last.as_ref()));
        marker.expect("random").expect("a marker")
    };
    let own = marker_by(parameter);
    assert_eq!(function.get(&token, &format!("{path}?{parameter}={own}")).await.status, 200);
    let other = if parameter == "marker" { "cursor" } else { "marker" };
    check_refused(&function, &token, &path, &marker_by(other)).await;
}

/// A changed, added, or removed character, a key's ID, and two markers are all rejected.
pub async fn a_marker_that_was_tampered_with_is_refused<D: Dialect>() {
    let table = TestTable::start().await;
    let function = Function::<D>::over(&table);
    let (token, path) = (full_access(), D::keys_path(ACCOUNT));
    let marker = marker_of(&function, &token, &path, 1).await;
    let mut tampered = BTreeSet::from([
        String::new(),
        SampleKey::Minter.mint().0.id.to_string(),
        marker[1..].to_owned(),
        marker[..marker.len() - 4].to_owned(),
        format!("{marker}AAAA"),
        format!("{marker}="),
    ]);
    for at in (0..marker.len()).step_by(7) {
        let other = if &marker[at..=at] == "A" { "B" } else { "A" };
        tampered.insert(format!("{}{other}{}", &marker[..at], &marker[at + 1..]));
    }
    for marker in tampered {
        check_refused(&function, &token, &path, &marker).await;
    }
    let parameter = D::MARKER.parameter;
    let twice = format!("{path}?{parameter}={marker}&{parameter}={marker}");
    let twice = function.get(&token, &twice).await;
    let message = format!("the parameter `{parameter}` must be sent exactly once");
    assert_eq!((twice.status, twice.body), (400, D::refusal(400, &message)));
}

/// It is not valid for longer.
pub async fn a_marker_is_good_for_a_day<D: Dialect>() {
    let table = TestTable::start().await;
    let (token, path) = (full_access(), D::keys_path(ACCOUNT));
    let marker = marker_of(&Function::<D>::over(&table), &token, &path, 1).await;
    let path_on = format!("{path}?{}={marker}", D::MARKER.parameter);
    let day = Function::<D>::at(&table, after_hours(24));
    assert_eq!(day.get(&token, &path_on).await.status, 200);
    let late = Function::<D>::at(&table, after_hours(25));
    check_refused(&late, &token, &path, &marker).await;
}

/// Checks a tenant's list while it grows: `first` is its first entry, and `add` creates one more at a time.
async fn check_order<D: Dialect>(
    table: &TestTable,
    tenant: &Tenant,
    path: &str,
    first: String,
    add: impl AsyncFn(u64) -> String,
) {
    let function = Function::<D>::over(table);
    let mut entries = vec![first];
    for (count, limit) in SIZES {
        while entries.len() < *count {
            entries.push(add(entries.len() as u64).await);
        }
        let pages = walk(&function, &tenant.token, path, *limit, None).await;
        assert_eq!(pages, paged(&entries, *limit), "{path}: {count} entries, {limit} a page");
    }
    let page = function.get(&tenant.token, path).await;
    let whole = D::WHOLE_LISTS;
    let expected = if whole { &entries } else { &entries[..100] };
    assert_eq!(
        (&*page.ids(), page.body[D::MARKER.field].is_string()),
        (expected, !whole),
        "{path}"
    );
}

/// Checks a tenant's list while entries are deleted and one is added after its first page.
///
/// `lists_deleted` says whether deleted entries are still listed.
async fn check_come_and_go<D: Dialect>(
    table: &TestTable,
    tenant: &Tenant,
    path: &str,
    first: String,
    add: impl AsyncFn(u64) -> String,
    lists_deleted: bool,
) {
    let function = Function::<D>::over(table);
    let mut entries = vec![first];
    for millis in 1..=6 {
        entries.push(add(millis).await);
    }
    let page = function.get(&tenant.token, &format!("{path}?limit=2")).await;
    assert_eq!(page.ids(), entries[..2], "{path}");

    // Deleted: the entry that the marker points to, and a later one. Added: the last one.
    for gone in [1, 3] {
        let deleted = function.delete(&tenant.token, &format!("{path}/{}", entries[gone])).await;
        assert_eq!(deleted.status, 204, "{path}: {}", deleted.text);
    }
    entries.push(add(7).await);
    let marker = next_marker::<D>(&page);
    let rest = walk(&function, &tenant.token, path, 2, Some(marker)).await;
    let left: &[usize] = if lists_deleted { &[2, 3, 4, 5, 6, 7] } else { &[2, 4, 5, 6, 7] };
    let left: Vec<String> = left.iter().map(|index| entries[*index].clone()).collect();
    assert_eq!(rest.concat(), left, "{path}");
}

fn next_marker<D: Dialect>(page: &Answer) -> String {
    page.string(&format!("/{}", D::MARKER.field)).to_owned()
}
