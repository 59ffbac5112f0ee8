//! Starting a function: everything before its first event.

use crate::config::{Config, InvalidConfig};
use crate::metrics::Metrics;
use crate::time::Clock;
use crate::{Latchkey, client, log};

/// Starts the service of `function` from its environment, with `connections` to the store, as many as
/// one event uses at the same time.
///
/// # Errors
///
/// Names the first variable that is missing or has a bad value.
pub async fn start(function: &'static str, connections: usize) -> Result<Latchkey, InvalidConfig> {
    log::init(function)?;
    let config = Config::from_env()?;
    let metrics = Metrics::to_stdout(function, config.metrics_namespace.clone());
    let client = client::from_env(metrics.clone())?;
    let asked_at = Clock::system().now();
    let deployment = client::prewarm(&client, &config.table, connections).await;
    let latchkey = Latchkey::from_config(config, client, metrics);
    if let Some(deployment) = deployment {
        latchkey.learn_deployment(deployment, asked_at);
    }
    Ok(latchkey)
}
