//! Metrics of a run, in CloudWatch's embedded metric format.

use std::fmt;
use std::io::Write;

use latchkey::time::Timestamp;
use latchkey::warnings::Report;
use latchkey_http::metrics::{KEYS_EXPIRING, KEYS_UNUSED, WARNINGS_FAILED, line};

/// Writes what a run did.
pub struct Metrics {
    namespace: String,
    write: Box<dyn Fn(&str) + Send + Sync>,
}

impl Metrics {
    /// Creates metrics in `namespace` on standard output; none without a namespace.
    pub fn to_stdout(namespace: Option<String>) -> Self {
        match namespace {
            None => Self::to(String::new(), |_| {}),
            Some(namespace) => Self::to(namespace, |line| {
                // If the log's reader is gone, the run counts nothing, but goes on.
                let _ = writeln!(std::io::stdout(), "{line}");
            }),
        }
    }

    /// Creates metrics in `namespace` that pass each line to `write`.
    pub fn to(namespace: String, write: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self { namespace, write: Box::new(write) }
    }

    /// Writes the counts of a run that are not zero: one line for all, and one for each number of days.
    pub(crate) fn count(&self, report: &Report, now: Timestamp) {
        let mut counts = vec![
            (KEYS_EXPIRING, report.expiring.values().sum()),
            (KEYS_UNUSED, report.unused),
            (WARNINGS_FAILED, report.failed),
        ];
        counts.retain(|(_, count)| *count > 0);
        let write = |dimension: Option<(&str, &str)>, counts: &[(&str, u64)]| {
            (self.write)(&line("warnings", &self.namespace, dimension, counts, now));
        };
        if !counts.is_empty() {
            write(None, &counts);
        }
        for (days, count) in &report.expiring {
            write(Some(("Days", &days.to_string())), &[(KEYS_EXPIRING, *count)]);
        }
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}
