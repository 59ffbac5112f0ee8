//! Tests that all dialects share: each dialect describes only its differences.
//!
//! A scenario is a function named after its guarantee. A macro creates a test of each scenario, so that no
//! dialect leaves one out.

pub mod accounts;
mod case;
pub mod change;
pub mod contract;
mod dialect;
pub mod expectations;
mod function;
pub mod idempotency;
pub mod pages;
pub mod refusals;
pub mod secrets;

pub use case::{Case, check_tables};
pub use dialect::{Dialect, Marker};
pub use function::Function;

/// Creates a test of each of a module's scenarios, with the same name.
///
/// Scenarios that wait for a failing store are `paused`: their time passes at once.
#[macro_export]
macro_rules! scenario_tests {
    ($dialect:ty, paused $module:ident $arguments:tt: $($scenario:ident),+ $(,)?) => {$(
        #[tokio::test(start_paused = true)]
        async fn $scenario() {
            $crate::suite::$module::$scenario::<$dialect> $arguments.await;
        }
    )+};
    ($dialect:ty, $module:ident $arguments:tt: $($scenario:ident),+ $(,)?) => {$(
        #[tokio::test]
        async fn $scenario() {
            $crate::suite::$module::$scenario::<$dialect> $arguments.await;
        }
    )+};
}
