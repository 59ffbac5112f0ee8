//! Captured logs.

use std::cell::RefCell;
use std::io::Write;
use std::sync::{Arc, Mutex, Once, PoisonError};

use tracing::level_filters::LevelFilter;

thread_local! {
    static CURRENT: RefCell<Option<Logs>> = const { RefCell::new(None) };
}

/// What a test's own thread logs, at the most verbose level.
///
/// Every test in a file that captures logs must capture its own, before anything else. The first one
/// installs the process's subscriber, and `tracing` permanently disables a place that logged before that.
#[derive(Clone, Debug, Default)]
pub struct Logs(Arc<Mutex<Vec<u8>>>);

impl Logs {
    /// Captures what this thread logs from now on, as `function` would log it.
    ///
    /// # Panics
    ///
    /// If the process already has another subscriber.
    pub fn capture(function: &'static str) -> Self {
        Self::capture_at(function, LevelFilter::TRACE)
    }

    /// Captures what this thread logs from now on at `level`, which every test of the file must name.
    ///
    /// # Panics
    ///
    /// If the process already has another subscriber.
    pub fn capture_at(function: &'static str, level: LevelFilter) -> Self {
        static INSTALL: Once = Once::new();
        INSTALL.call_once(|| {
            let subscriber = latchkey_http::log::subscriber(function, level, || ThisThread);
            tracing::subscriber::set_global_default(subscriber).expect("the first subscriber");
        });
        let logs = Self::default();
        CURRENT.with_borrow_mut(|current| *current = Some(logs.clone()));
        logs
    }

    /// Everything logged so far.
    pub fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The lines logged so far, each of which is a JSON object.
    ///
    /// # Panics
    ///
    /// If a line is not a JSON object.
    pub fn lines(&self) -> Vec<serde_json::Value> {
        let parse = |line| serde_json::from_str(line).expect("a line of JSON");
        self.text().lines().map(parse).collect()
    }
}

/// Writes to the log of the writing thread.
struct ThisThread;

impl Write for ThisThread {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        CURRENT.with_borrow(|current| {
            if let Some(Logs(logs)) = current {
                logs.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
            }
        });
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
