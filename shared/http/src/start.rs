//! Starting a function: all work before its first event.

use std::time::Duration;

use latchkey::Latchkey;
use latchkey::audit::AuditPolicy;
use latchkey::policy::{CachePolicy, KeyPolicy};
use latchkey::service::{Clock, settings};
use latchkey::store::environment::{Environment, InvalidSetting};
use latchkey::store::{KeyStore, client};

use crate::{log, metrics};

const DEFAULT_LAST_USED_INTERVAL: Duration = Duration::from_secs(5 * 60);

/// The settings that every function shares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `LATCHKEY_TABLE`: the DynamoDB table.
    pub table: String,
    /// The rules for keys and accounts.
    pub policy: KeyPolicy,
    /// The cache lifetime of verdicts on keys.
    pub cache: CachePolicy,
    /// The rules for the audit trail.
    pub audit: AuditPolicy,
    /// `LATCHKEY_LAST_USED_INTERVAL`: the minimum interval between last-used updates of a key. Default 5
    /// minutes; `0s` disables them.
    pub last_used_interval: Duration,
    /// `LATCHKEY_METRICS_NAMESPACE`: the CloudWatch namespace of the metrics. Without it, metrics are
    /// disabled.
    pub metrics_namespace: Option<String>,
}

impl Settings {
    /// Reads the settings from `environment`.
    ///
    /// # Errors
    ///
    /// Names the first variable that is missing or invalid.
    pub fn from_environment(environment: &Environment) -> Result<Self, InvalidSetting> {
        let last_used_interval = environment.parse(
            "LATCHKEY_LAST_USED_INTERVAL",
            "a duration such as `5m` (`0s` disables last-used updates)",
            settings::duration,
        )?;
        Ok(Self {
            table: environment
                .required("LATCHKEY_TABLE", "set it to the name of the DynamoDB table")?,
            policy: KeyPolicy::from_environment(environment)?,
            cache: CachePolicy::from_environment(environment)?,
            audit: AuditPolicy::from_environment(environment)?,
            last_used_interval: last_used_interval.unwrap_or(DEFAULT_LAST_USED_INTERVAL),
            metrics_namespace: environment.text("LATCHKEY_METRICS_NAMESPACE"),
        })
    }
}

/// Starts the service of `function` with the settings of `environment`, and logs its version first.
///
/// # Errors
///
/// Names the first variable that is missing or invalid.
pub async fn start(
    function: &'static str,
    environment: &Environment,
) -> Result<Latchkey, InvalidSetting> {
    log::init(function, environment)?;
    tracing::info!(function, version = env!("CARGO_PKG_VERSION"), "starting");
    let settings = Settings::from_environment(environment)?;
    let metrics = metrics::to_stdout(function, settings.metrics_namespace);
    let measured = metrics.clone();
    let client = client::from_environment(environment, move |took| measured.latency(took))?;
    let clock = Clock::system();
    let asked_at = clock.now();
    let deployment = client::prewarm(&client, &settings.table).await;
    let store = KeyStore::new(client, settings.table).with_audit(settings.audit);
    let latchkey = Latchkey::new(store, settings.policy, &settings.cache, clock)
        .with_last_used(settings.last_used_interval)
        .with_metrics(metrics);
    if let Some(deployment) = deployment {
        latchkey.observe_deployment(deployment, asked_at);
    }
    Ok(latchkey)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(given: &'static [(&str, &str)]) -> Result<Settings, InvalidSetting> {
        let environment = Environment::new(|variable| {
            let found = given.iter().find(|(name, _)| *name == variable);
            found.map(|(_, value)| (*value).to_owned())
        });
        Settings::from_environment(&environment)
    }

    #[test]
    fn only_the_table_has_no_default() {
        let settings = settings(&[("LATCHKEY_TABLE", "keys")]).expect("valid");
        assert_eq!(settings.policy, KeyPolicy::default());
        assert_eq!(settings.audit, AuditPolicy::default());
        assert_eq!(settings.last_used_interval.as_secs(), 300);
        assert_eq!(settings.metrics_namespace, None);
        assert_eq!(self::settings(&[]).expect_err("no table").variable, "LATCHKEY_TABLE");
    }

    #[test]
    fn a_bad_interval_is_named() {
        let error =
            settings(&[("LATCHKEY_TABLE", "keys"), ("LATCHKEY_LAST_USED_INTERVAL", "soon")])
                .expect_err("bad");
        assert_eq!(error.variable, "LATCHKEY_LAST_USED_INTERVAL");
        assert!(error.to_string().contains("soon"), "{error}");
    }
}
