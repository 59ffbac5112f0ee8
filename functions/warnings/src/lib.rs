//! Announces keys that end soon, and keys that nobody uses.
//!
//! `EventBridge` Scheduler invokes the function every hour. Which keys are due, and that none is announced twice, is
//! the work of [`latchkey::warnings`]. The function ends each run in time, counts what it announced, and fails if
//! something went wrong, which sets off an alarm.

mod metrics;

use std::time::{Duration, SystemTime};

use lambda_runtime::Diagnostic;
use latchkey::error::causes;
use latchkey::policy::KeyPolicy;
use latchkey::service::Clock;
use latchkey::store::environment::{Environment, InvalidSetting};
use latchkey::store::{KeyStore, client};
use latchkey::warnings::{self, Incomplete, Report};
use latchkey_http::Settings;
use serde::Serialize;
use tokio::time::Instant;

pub use self::metrics::Metrics;

/// How long before its timeout a run starts no further work. A page of the table, the longest work that cannot be
/// interrupted, takes a few seconds.
pub const MARGIN: Duration = Duration::from_secs(30);

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The state of an execution environment.
#[derive(Debug)]
pub struct App {
    store: KeyStore,
    policy: KeyPolicy,
    clock: Clock,
    metrics: Metrics,
}

impl App {
    /// Announces keys of `store` as `policy` says.
    pub fn new(store: KeyStore, policy: KeyPolicy, clock: Clock, metrics: Metrics) -> Self {
        Self { store, policy, clock, metrics }
    }

    /// Creates the state that the deployment's settings describe.
    ///
    /// # Errors
    ///
    /// Names the first variable that is missing or invalid.
    pub fn from_environment(environment: &Environment) -> Result<Self, InvalidSetting> {
        let settings = Settings::from_environment(environment)?;
        let interval = settings.last_used_interval;
        if let Some(days) = settings.policy.warnings.unused
            && (interval.is_zero() || interval >= DAY * days.into())
        {
            return Err(InvalidSetting {
                variable: "LATCHKEY_UNUSED_WARNING",
                problem: format!(
                    "must be longer than LATCHKEY_LAST_USED_INTERVAL, which is {interval:?} and must not be `0s`, or \
                     keys that are used would be announced"
                ),
            });
        }
        let client = client::from_environment(environment, |_| {})?;
        let store = KeyStore::new(client, settings.table).with_audit(settings.audit);
        let metrics = Metrics::to_stdout(settings.metrics_namespace);
        Ok(Self::new(store, settings.policy, Clock::system(), metrics))
    }
}

/// Returns when to stop a run that Lambda ends at `deadline`.
pub fn until(deadline: SystemTime) -> Instant {
    let left = deadline.duration_since(SystemTime::now()).unwrap_or_default();
    Instant::now() + left.saturating_sub(MARGIN)
}

/// What a run did: the function's response, for whoever invokes it by hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Response {
    /// The number of keys that were announced because they end soon.
    pub expiring: u64,
    /// The number of keys that were announced because nobody has used them.
    pub unused: u64,
    /// The number of keys that were put into the index or moved in it, after a change of the settings.
    pub indexed: u64,
    /// Whether everything was done. Otherwise the time was up, and the next run goes on.
    pub finished: bool,
}

/// Announces the keys that are due, and starts no further work after `until`.
///
/// # Errors
///
/// If the table has no index of keys to review or does not respond, or if a key could not be announced. The next run
/// does what this one did not.
pub async fn handle(app: &App, until: Instant) -> Result<Response, Diagnostic> {
    let now = app.clock.now();
    let (report, error) = match warnings::run(&app.store, &app.policy, now, until).await {
        Ok(report) => (report, None),
        Err(Incomplete { report, error }) => (report, Some(error)),
    };
    app.metrics.count(&report, now);
    let Report { expiring, unused, indexed, failed: left, finished } = report;
    let expiring = expiring.values().sum();
    tracing::info!(
        keys.expiring = expiring,
        keys.unused = unused,
        keys.indexed = indexed,
        keys.failed = left,
        finished,
        "announced the keys that are due"
    );
    if let Some(error) = error {
        return Err(failed("NotRun", &explained(&error)));
    }
    if left > 0 {
        return Err(failed("NotAnnounced", &format!("{left} keys could not be announced")));
    }
    Ok(Response { expiring, unused, indexed, finished })
}

fn failed(error_type: &str, message: &str) -> Diagnostic {
    tracing::error!("{message}; the next run tries again");
    Diagnostic { error_type: error_type.to_owned(), error_message: message.to_owned() }
}

/// What went wrong, with what to do about an index that the table lacks.
fn explained(error: &latchkey::Error) -> String {
    let causes = causes(error);
    let what = format!("{error}: {causes}");
    // "The table does not have the specified index: reviews", or "Cannot read from backfilling global secondary
    // index: reviews".
    if causes.contains("index: ") {
        format!(
            "the table has no index `reviews` that is ready; docs/warnings.md says how to create it for an \
             existing table ({what})"
        )
    } else {
        what
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_used_is_never_announced_as_unused() {
        for (interval, accepted) in [("5m", true), ("23h", true), ("1d", false), ("0s", false)] {
            let environment = Environment::from_iter([
                ("LATCHKEY_TABLE", "keys"),
                ("LATCHKEY_UNUSED_WARNING", "1"),
                ("LATCHKEY_LAST_USED_INTERVAL", interval),
                ("AWS_REGION", "eu-central-1"),
                ("AWS_ACCESS_KEY_ID", "id"),
                ("AWS_SECRET_ACCESS_KEY", "secret"),
            ]);
            let app = App::from_environment(&environment);
            assert_eq!(app.is_ok(), accepted, "{interval}: {:?}", app.err());
        }
    }
}
