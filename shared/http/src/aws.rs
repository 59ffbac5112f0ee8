//! The configuration of clients for AWS services besides the table's: with ring, and without a provider chain.

use std::time::Duration;

use aws_sdk_secretsmanager::config::retry::RetryConfig;
use aws_sdk_secretsmanager::config::timeout::TimeoutConfig;
use aws_sdk_secretsmanager::config::{
    BehaviorVersion, IdentityCache, SharedCredentialsProvider, StalledStreamProtectionConfig,
};
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_types::SdkConfig;
use latchkey::store::client::{CaBundle, http_client, identity};
use latchkey::store::environment::{Environment, InvalidSetting};

/// The time limit of one attempt of a request, including the connection.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(2);

/// The time limit of a request with all of its attempts.
pub const OPERATION_TIMEOUT: Duration = Duration::from_secs(8);

/// Half of the longest wait before the second attempt. A few attempts get over a short disturbance.
const BACKOFF: Duration = Duration::from_millis(100);

/// Creates the configuration from the variables that Lambda sets. The variable `endpoint`, such as
/// `AWS_ENDPOINT_URL_EVENTBRIDGE`, sets a different endpoint, and `AWS_CA_BUNDLE` other root certificates.
///
/// # Errors
///
/// Names the first variable that is missing or invalid.
pub fn config(
    environment: &Environment,
    endpoint: &'static str,
) -> Result<SdkConfig, InvalidSetting> {
    let (region, credentials) = identity(environment)?;
    let endpoint = environment.text(endpoint);
    let roots = CaBundle::from_environment(environment)?;
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build();
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .http_client(http_client(endpoint.as_deref(), roots.as_ref()))
        .identity_cache(IdentityCache::no_cache())
        .region(region)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .retry_config(RetryConfig::standard().with_initial_backoff(BACKOFF))
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .timeout_config(timeouts);
    config.set_endpoint_url(endpoint);
    Ok(config.build())
}
