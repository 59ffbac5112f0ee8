//! The function's clients and settings: read from the environment once, at startup.

use std::time::Duration;

use aws_smithy_async::rt::sleep::TokioSleep;
use latchkey::audit::AuditPolicy;
use latchkey::service::{Clock, Courier};
use latchkey::store::KeyStore;
use latchkey::store::client::{self, CaBundle, http_client};
use latchkey::store::environment::{Environment, InvalidSetting};
use latchkey::webhook::DeploymentSecret;

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
    #[error("the secret of LATCHKEY_WEBHOOK_SECRET cannot be read: {0}")]
    Secret(String),
}

/// Builds the configuration of a client of an AWS service, like that of the table: with ring, and without a provider
/// chain.
macro_rules! client {
    ($sdk:ident, $endpoint:literal, $environment:expr) => {{
        use $sdk::config::retry::RetryConfig;
        use $sdk::config::timeout::TimeoutConfig;
        use $sdk::config::{
            BehaviorVersion, Credentials, IdentityCache, Region, StalledStreamProtectionConfig,
        };
        let environment: &Environment = $environment;
        let read = |variable| environment.required(variable, "Lambda normally sets it");
        let credentials = Credentials::new(
            read("AWS_ACCESS_KEY_ID")?,
            read("AWS_SECRET_ACCESS_KEY")?,
            environment.text("AWS_SESSION_TOKEN"),
            None,
            "environment",
        );
        let endpoint = environment.text($endpoint);
        let roots = CaBundle::from_environment(environment)?;
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .operation_timeout(OPERATION_TIMEOUT)
            .build();
        let mut config = $sdk::Config::builder()
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
        $sdk::Client::from_conf(config.build())
    }};
}

/// Creates the scheduler: `LATCHKEY_SCHEDULE_GROUP` names its group, and `LATCHKEY_SCHEDULE_ROLE` the ARN of its role.
pub(crate) fn scheduler(environment: &Environment) -> Result<Scheduler, InvalidSetting> {
    let group = environment.required("LATCHKEY_SCHEDULE_GROUP", "set it to a schedule group")?;
    let role = environment.required("LATCHKEY_SCHEDULE_ROLE", "set it to the ARN of a role")?;
    let client = client!(aws_sdk_scheduler, "AWS_ENDPOINT_URL_SCHEDULER", environment);
    Ok(Scheduler::new(client, group, role))
}

/// Creates the courier over the table, with the secret that `LATCHKEY_WEBHOOK_SECRET` names.
pub(crate) async fn courier(
    environment: &Environment,
    clock: Clock,
) -> Result<Courier, StartError> {
    let table =
        environment.required("LATCHKEY_TABLE", "set it to the name of the DynamoDB table")?;
    let audit = AuditPolicy::from_environment(environment)?;
    let table_client = client::from_environment(environment, |_| {})?;
    let store = KeyStore::new(table_client, table).with_audit(audit);
    Ok(Courier::new(&store, secret(environment).await?, clock))
}

async fn secret(environment: &Environment) -> Result<DeploymentSecret, StartError> {
    let id = environment.required("LATCHKEY_WEBHOOK_SECRET", "set it to the ARN of a secret")?;
    let client = client!(aws_sdk_secretsmanager, "AWS_ENDPOINT_URL_SECRETS_MANAGER", environment);
    let found = client.get_secret_value().secret_id(id).send().await.map_err(|error| {
        let error = aws_sdk_secretsmanager::error::DisplayErrorContext(error);
        StartError::Secret(error.to_string())
    })?;
    let text =
        found.secret_string().ok_or_else(|| StartError::Secret("it is not a text".to_owned()))?;
    text.parse().map_err(|invalid| StartError::Secret(format!("it {invalid}")))
}
