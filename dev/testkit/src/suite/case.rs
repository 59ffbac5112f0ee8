//! The requests of the tests. Each starts from a sample event and lists its differences.

use std::collections::BTreeSet;

use serde_json::Value;

use super::change::Change;
use crate::event;

/// A request: a sample event and the differences from it.
#[derive(Clone, Debug)]
pub struct Case {
    name: String,
    sample: &'static str,
    changes: Vec<Change>,
}

impl Case {
    /// Returns the sample with this name, without differences.
    pub fn of(sample: &'static str) -> Self {
        Self { name: sample.to_owned(), sample, changes: Vec::new() }
    }

    /// Adds a difference.
    #[must_use]
    pub fn with(mut self, change: Change) -> Self {
        self.changes.push(change);
        self
    }

    /// Returns a row of a table that starts from this request.
    ///
    /// The row's name consists of this request's name and `name`; an empty `name` stands for the request
    /// itself.
    #[must_use]
    pub fn row(&self, name: &str, changes: impl IntoIterator<Item = Change>) -> Self {
        let mut row = self.clone();
        row.changes.extend(changes);
        if !name.is_empty() {
            row.name = format!("{}-{name}", self.name);
        }
        row
    }

    /// Returns its name, which is unique within the function.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Builds the event from the sample in `events/<function>/`.
    ///
    /// # Panics
    ///
    /// If there is no such sample, or the sample lacks what a difference changes.
    pub fn event(&self, function: &str) -> Value {
        let mut event = event::json(function, self.sample);
        for change in &self.changes {
            change.apply(&mut event);
        }
        event
    }
}

impl From<&'static str> for Case {
    fn from(sample: &'static str) -> Self {
        Self::of(sample)
    }
}

impl From<&Self> for Case {
    fn from(case: &Self) -> Self {
        case.clone()
    }
}

/// Creates a table of requests that start from the same request.
///
/// Each row has a name, the differences, and the expected result. The row `_` is the request itself.
///
/// ```
/// use latchkey_testkit::rows;
/// use latchkey_testkit::sample::SampleKey::Reader;
/// use latchkey_testkit::suite::change::{by, query};
/// use latchkey_testkit::suite::Case;
///
/// let rows = rows! { Case::of("list-keys");
///     _ => 200, "";
///     "scoped-caller" [by(Reader)] => 200, "";
///     "two-limits" [query("limit=1&limit=2")] => 400, "the parameter `limit` must be sent exactly once";
/// };
/// let (case, (status, _)) = &rows[2];
/// assert_eq!((case.name(), *status), ("list-keys-two-limits", 400));
/// ```
#[macro_export]
macro_rules! rows {
    (@name _) => { "" };
    (@name $name:literal) => { $name };
    ($base:expr; $($name:tt $([$($change:expr),+])? => $($expected:expr),+;)+) => {{
        let base = $crate::suite::Case::from($base);
        vec![$((
            base.row($crate::rows!(@name $name), [$($($change),+)?]),
            ($($expected),+),
        )),+]
    }};
}

/// Checks that `cases` have a row for every sample of `function`, unique names, and no duplicate requests.
///
/// # Panics
///
/// If any of this fails.
pub fn check_tables(function: &str, cases: &[Case]) {
    let samples = cases.iter().filter(|case| case.changes.is_empty());
    let samples: BTreeSet<String> = samples.map(|case| case.name.clone()).collect();
    assert_eq!(event::samples(function), samples);
    let mut known: Vec<(&str, Value)> = Vec::new();
    for case in cases {
        let event = case.event(function);
        for (name, other) in &known {
            assert_ne!(*name, case.name, "a name is there twice");
            assert!(*other != event, "{name} and {} are the same request", case.name);
        }
        known.push((&case.name, event));
    }
}
