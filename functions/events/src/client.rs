//! The `EventBridge` client, built like the client of the table: with ring, and without a provider chain.

use std::time::Duration;

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::config::retry::RetryConfig;
use aws_sdk_eventbridge::config::timeout::TimeoutConfig;
use aws_sdk_eventbridge::config::{
    BehaviorVersion, Builder, Credentials, IdentityCache, Region, SharedHttpClient,
    StalledStreamProtectionConfig,
};
use aws_smithy_async::rt::sleep::TokioSleep;
use latchkey::store::client::{CaBundle, http_client};
use latchkey::store::environment::{Environment, InvalidSetting};

/// The time limit of one attempt, including the connection.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(2);

/// The time limit of one request with all of its attempts.
pub const OPERATION_TIMEOUT: Duration = Duration::from_secs(10);

/// Creates the client from the variables that Lambda sets.
///
/// `AWS_ENDPOINT_URL_EVENTBRIDGE` sets a different endpoint, such as a local one, and `AWS_CA_BUNDLE` other
/// root certificates.
///
/// # Errors
///
/// Names the first variable that is missing or invalid.
pub fn from_environment(environment: &Environment) -> Result<Client, InvalidSetting> {
    let read = |variable| environment.required(variable, "Lambda normally sets it");
    let credentials = Credentials::new(
        read("AWS_ACCESS_KEY_ID")?,
        read("AWS_SECRET_ACCESS_KEY")?,
        environment.text("AWS_SESSION_TOKEN"),
        None,
        "environment",
    );
    let endpoint = environment.text("AWS_ENDPOINT_URL_EVENTBRIDGE");
    let roots = CaBundle::from_environment(environment)?;
    let mut config = config(http_client(endpoint.as_deref(), roots.as_ref()))
        .region(Region::new(read("AWS_REGION")?))
        .credentials_provider(credentials);
    config.set_endpoint_url(endpoint);
    Ok(Client::from_conf(config.build()))
}

/// The configuration without region, credentials, and endpoint.
///
/// A few attempts get over a short disturbance. For a longer one, [`crate::Patience`] says when to try again.
pub fn config(http_client: SharedHttpClient) -> Builder {
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build();
    aws_sdk_eventbridge::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .http_client(http_client)
        .identity_cache(IdentityCache::no_cache())
        .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(100)))
        .sleep_impl(TokioSleep::new())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .timeout_config(timeouts)
}
