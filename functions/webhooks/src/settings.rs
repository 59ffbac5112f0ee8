//! The function's clients and settings: read from the environment once, at startup.

use std::time::Duration;

use aws_sdk_scheduler::Client;
use aws_sdk_scheduler::config::retry::RetryConfig;
use aws_sdk_scheduler::config::timeout::TimeoutConfig;
use aws_sdk_scheduler::config::{
    BehaviorVersion, Config, Credentials, IdentityCache, Region, StalledStreamProtectionConfig,
};
use aws_smithy_async::rt::sleep::TokioSleep;
use latchkey::audit::AuditPolicy;
use latchkey::service::{Clock, Courier};
use latchkey::store::KeyStore;
use latchkey::store::client::{self, CaBundle, http_client};
use latchkey::store::environment::{Environment, InvalidSetting};
use latchkey_http::webhook_secret::{Unreadable, WebhookSecret};

use crate::schedule::Scheduler;

/// The time limit of one attempt of a request to AWS, and of all attempts.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(2);
const OPERATION_TIMEOUT: Duration = Duration::from_secs(8);

/// The function cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting is missing or invalid.
    #[error(transparent)]
    Setting(#[from] InvalidSetting),
    /// Secrets Manager did not return the secret.
    #[error(transparent)]
    Secret(#[from] Unreadable),
}

/// Creates the scheduler: `LATCHKEY_SCHEDULE_GROUP` names its group, and `LATCHKEY_SCHEDULE_ROLE` the ARN of its role.
pub(crate) fn scheduler(environment: &Environment) -> Result<Scheduler, InvalidSetting> {
    let group = environment.required("LATCHKEY_SCHEDULE_GROUP", "set it to a schedule group")?;
    let role = environment.required("LATCHKEY_SCHEDULE_ROLE", "set it to the ARN of a role")?;
    Ok(Scheduler::new(client(environment)?, group, role))
}

/// Creates a client like that of the table: with ring, and without a provider chain.
fn client(environment: &Environment) -> Result<Client, InvalidSetting> {
    let read = |variable| environment.required(variable, "Lambda normally sets it");
    let credentials = Credentials::new(
        read("AWS_ACCESS_KEY_ID")?,
        read("AWS_SECRET_ACCESS_KEY")?,
        environment.text("AWS_SESSION_TOKEN"),
        None,
        "environment",
    );
    let endpoint = environment.text("AWS_ENDPOINT_URL_SCHEDULER");
    let roots = CaBundle::from_environment(environment)?;
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build();
    let mut config = Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .http_client(http_client(endpoint.as_deref(), roots.as_ref()))
        .identity_cache(IdentityCache::no_cache())
        .region(Region::new(read("AWS_REGION")?))
        .credentials_provider(credentials)
        .retry_config(RetryConfig::standard())
        .sleep_impl(TokioSleep::new())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .timeout_config(timeouts);
    config.set_endpoint_url(endpoint);
    Ok(Client::from_conf(config.build()))
}

/// Creates the courier over the table, with the secret that `LATCHKEY_WEBHOOK_SECRET` names.
pub(crate) async fn courier(
    environment: &Environment,
    clock: Clock,
) -> Result<Courier, StartError> {
    let table =
        environment.required("LATCHKEY_TABLE", "set it to the name of the DynamoDB table")?;
    let audit = AuditPolicy::from_environment(environment)?;
    let secret = WebhookSecret::required(environment)?;
    let table_client = client::from_environment(environment, |_| {})?;
    let store = KeyStore::new(table_client, table).with_audit(audit);
    Ok(Courier::new(&store, secret.into_inner().await?, clock))
}
