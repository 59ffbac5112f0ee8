//! Requests and their expected responses.

use super::{Case, Dialect, Function};
use crate::TestTable;

/// A request that succeeds: its status and its body, in which `*` stands for values that are always new.
pub type Success = (Case, (u16, String));

/// A request that is rejected: its status, and the message that the client reads.
pub type Refusal = (Case, (u16, &'static str));

/// Creates a test of a resource's successes and one of its errors.
#[macro_export]
macro_rules! event_tests {
    ($dialect:ty, $successes:expr, $refusals:expr) => {
        $crate::scenario_tests!($dialect, expectations(&$successes):
            every_success_is_as_promised,
        );
        $crate::scenario_tests!($dialect, expectations(&$refusals):
            every_refusal_is_as_promised_and_writes_nothing,
        );
    };
}

/// Each request succeeds as expected; they run in order, each on the data left by those before it.
///
/// # Panics
///
/// If a request fails.
pub async fn every_success_is_as_promised<D: Dialect>(successes: &[Success]) {
    let table = TestTable::start().await;
    let function = Function::<D>::over(&table);
    for (case, (status, body)) in successes {
        let (answer, case) = (function.answer_to(case.clone()).await, case.name());
        assert_eq!(answer.status, *status, "{case}: {}", answer.text);
        assert!(matches(body, &answer.text), "{case}: {} is not {body}", answer.text);
    }
}

/// Each request is rejected as expected and changes nothing.
///
/// # Panics
///
/// If a request is not rejected, or changes something.
pub async fn every_refusal_is_as_promised_and_writes_nothing<D: Dialect>(refusals: &[Refusal]) {
    let table = TestTable::start().await;
    let function = Function::<D>::over(&table);
    let before = table.items().await;
    for (case, (status, message)) in refusals {
        let (answer, case) = (function.answer_to(case.clone()).await, case.name());
        assert_eq!(answer.body, D::refusal(*status, message), "{case}");
        assert_eq!(answer.status, *status, "{case}");
        assert!(table.items().await == before, "{case} wrote something");
    }
}

/// Returns the requests of a table, without the expected results.
pub fn cases<E>(table: Vec<(Case, E)>) -> Vec<Case> {
    table.into_iter().map(|(case, _)| case).collect()
}

/// Whether `text` matches `pattern`, in which `*` stands for the content of a string.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(text) = text.strip_prefix(start) else { return false };
    matches(rest, &text[text.find('"').unwrap_or(text.len())..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_asterisk_stands_for_the_rest_of_one_string() {
        assert!(matches(r#"{"id":"*","key":"sk_*"}"#, r#"{"id":"A","key":"sk_B"}"#));
        assert!(matches("", ""));
        for text in ["", r#"{"id":"A","key":"B"}"#, r#"{"id":"A","name":"B","key":"sk_C"}"#] {
            assert!(!matches(r#"{"id":"*","key":"sk_*"}"#, text), "{text}");
        }
    }
}
