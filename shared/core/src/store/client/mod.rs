//! The DynamoDB client of a function: small and fast to start.
//!
//! It uses rustls with *ring* rather than aws-lc, whose jitter entropy costs 30 ms of CPU in the first TLS
//! handshake. It reads region and credentials directly from the environment that Lambda sets, without a
//! provider chain. It sends one request before the first event, so that the connection is open.

mod overhead;
mod tls;

use std::fmt;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::interceptors::{
    BeforeSerializationInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_sdk_dynamodb::config::retry::{ClassifyRetry, RetryAction, RetryConfig};
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{
    BehaviorVersion, Builder, ConfigBag, Credentials, IdentityCache, Intercept, Region,
    RuntimeComponents, SharedHttpClient, StalledStreamProtectionConfig,
};
use aws_sdk_dynamodb::error::BoxError;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_types::config_bag::{Storable, StoreReplace};
use aws_smithy_types::retry::RetrySpec;

use self::overhead::{PlainHeaders, ResolvedOnce};
use super::environment::{Environment, InvalidSetting};
use super::{Deployment, KeyStore};

pub use self::tls::CaBundle;

/// The time limit of one attempt, including the connection. DynamoDB responds within single-digit
/// milliseconds, and almost never later than this, so a longer wait is one for a lost response.
const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(500);

/// The time limit of one request with all of its attempts. API Gateway gives up after 30 s, the function
/// after 10 s.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(3);

/// The first attempt and three more, as AWS recommends for DynamoDB (AWS SDKs and Tools Reference Guide,
/// "Retry behavior", 2026).
const ATTEMPTS_MAX: u32 = 4;

/// The longest wait before the first retry after a transient error, by the same source. It doubles with each
/// retry.
const BACKOFF: Duration = Duration::from_millis(25);

/// The same after throttling. The SDK's default is 1 s, but an on-demand table makes room within moments, and the
/// SDK's budget limits the retries of a table that does not.
const THROTTLING_BACKOFF: Duration = Duration::from_millis(75);

/// Creates the client of a Lambda function from the variables that Lambda sets. Calls `observe` with the
/// duration of each request, including all of its attempts.
///
/// `AWS_ENDPOINT_URL_DYNAMODB` sets a different endpoint, such as a local one, and `AWS_CA_BUNDLE` other root
/// certificates.
///
/// # Errors
///
/// Names the first variable that is missing or invalid.
pub fn from_environment(
    environment: &Environment,
    observe: impl Fn(Duration) + Send + Sync + 'static,
) -> Result<Client, InvalidSetting> {
    let (region, credentials) = identity(environment)?;
    let endpoint = environment.text("AWS_ENDPOINT_URL_DYNAMODB");
    let roots = CaBundle::from_environment(environment)?;
    let mut config = config(http_client(endpoint.as_deref(), roots.as_ref()))
        .region(region)
        .credentials_provider(credentials)
        .interceptor(Latency(Box::new(observe)));
    config.set_endpoint_url(endpoint);
    Ok(Client::from_conf(config.build()))
}

/// Returns the region and the credentials that Lambda gives a function, for every client of the function.
///
/// # Errors
///
/// Names the first variable that is missing.
pub fn identity(environment: &Environment) -> Result<(Region, Credentials), InvalidSetting> {
    let read = |variable| environment.required(variable, "Lambda normally sets it");
    let credentials = Credentials::new(
        read("AWS_ACCESS_KEY_ID")?,
        read("AWS_SECRET_ACCESS_KEY")?,
        environment.text("AWS_SESSION_TOKEN"),
        None,
        "environment",
    );
    Ok((Region::new(read("AWS_REGION")?), credentials))
}

/// Reports the duration of each request.
struct Latency(Box<dyn Fn(Duration) + Send + Sync>);

impl fmt::Debug for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Latency")
    }
}

/// The start time of a request.
#[derive(Debug)]
struct Began(Instant);

impl Storable for Began {
    type Storer = StoreReplace<Self>;
}

impl Intercept for Latency {
    fn name(&self) -> &'static str {
        "Latency"
    }

    fn read_before_execution(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        bag.interceptor_state().store_put(Began(Instant::now()));
        Ok(())
    }

    fn read_after_execution(
        &self,
        _: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(Began(began)) = bag.load::<Began>() {
            (self.0)(began.elapsed());
        }
        Ok(())
    }
}

/// The configuration that all of Latchkey's clients share: timeouts, retries, and nothing that they do not
/// need.
pub fn config(http_client: SharedHttpClient) -> Builder {
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build();
    aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .endpoint_resolver(ResolvedOnce::default())
        .http_client(http_client)
        .identity_cache(IdentityCache::no_cache())
        .interceptor(PlainHeaders)
        .retry_classifier(UnreadableResponses)
        .retry_config(retries())
        .sleep_impl(TokioSleep::new())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .timeout_config(timeouts)
}

/// The SDK has these retries for DynamoDB, but only `aws-config` enables them, by a variable.
fn retries() -> RetryConfig {
    let spec = RetrySpec::v2_1().with_non_throttling_initial_backoff(BACKOFF);
    RetryConfig::standard()
        .with_max_attempts(ATTEMPTS_MAX)
        .with_initial_backoff(THROTTLING_BACKOFF)
        .with_retry_spec(spec)
}

/// Makes the SDK retry a response that it cannot read, such as a garbled one. Each request can be repeated:
/// writes have conditions or a client request token.
#[derive(Debug)]
struct UnreadableResponses;

impl ClassifyRetry for UnreadableResponses {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let failed = context.output_or_error().is_some_and(|result| result.is_err());
        let success = context.response().is_some_and(|response| response.status().is_success());
        if failed && success {
            RetryAction::transient_error()
        } else {
            RetryAction::NoActionIndicated
        }
    }

    fn name(&self) -> &'static str {
        "UnreadableResponses"
    }
}

/// Uses HTTP for an `http://` endpoint, otherwise HTTPS with `roots`. Without them, it trusts Amazon's roots,
/// and the system's if those are not enough.
pub fn http_client(endpoint: Option<&str>, roots: Option<&CaBundle>) -> SharedHttpClient {
    if endpoint.is_some_and(|url| url.starts_with("http://")) {
        return aws_smithy_http_client::Builder::new().build_http();
    }
    roots.map_or_else(tls::client, CaBundle::client)
}

/// Reads the deployment's item, which opens the connection before the first event. One is enough, because the
/// requests of an event follow each other.
///
/// Initialization has a whole core; the first event at 128 MB has one fourteenth. Best effort: an error that
/// occurs here will occur again where it can be reported.
pub async fn prewarm(client: &Client, table: &str) -> Option<Deployment> {
    let store = KeyStore::new(client.clone(), table);
    let read = tokio::time::timeout(Duration::from_secs(1), store.deployment_soon()).await;
    read.ok()?.ok()
}
