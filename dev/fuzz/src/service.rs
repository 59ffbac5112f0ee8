//! The service of each function, built once per process.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, PoisonError};

use latchkey::Latchkey;
use latchkey::policy::{CachePolicy, KeyPolicy};
use latchkey::service::Clock;
use latchkey::store::KeyStore;
use tokio::runtime::{Builder, Runtime};

use crate::client;
use crate::sample::{self, SampleKey};
use crate::table::{NAME, Table};

thread_local! {
    // A paused clock: a wait before a retry takes no time.
    static RUNTIME: RefCell<Runtime> = RefCell::new(
        Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime")
    );
}

/// Runs `work` to its end.
pub fn block_on<T>(work: impl Future<Output = T>) -> T {
    RUNTIME.with_borrow(|runtime| runtime.block_on(work))
}

/// The service of the sample table at the samples' time, without a cache.
pub fn latchkey() -> Latchkey {
    let table = Table::default();
    over(move |operation, body| table.answer(operation, body))
}

/// The same service, and its table, which a target can change.
pub fn latchkey_with_table() -> (Latchkey, Arc<Mutex<Table>>) {
    let table = Arc::new(Mutex::new(Table::default()));
    let shared = Arc::clone(&table);
    let service = over(move |operation, body| {
        shared.lock().unwrap_or_else(PoisonError::into_inner).answer(operation, body)
    });
    (service, table)
}

fn over(answer: impl Fn(&str, &[u8]) -> (u16, String) + Send + Sync + 'static) -> Latchkey {
    let store = KeyStore::new(client::client(answer), NAME);
    Latchkey::new(store, KeyPolicy::default(), &CachePolicy::off(), Clock::new(sample::now))
}

/// The tokens of the samples that authenticate: neither expired, revoked, disabled, nor unknown.
pub fn live_tokens() -> Vec<String> {
    use SampleKey::{FullAccess, Minter, Other, Reader, Root};
    [FullAccess, Minter, Reader, Other, Root].map(SampleKey::token).to_vec()
}
