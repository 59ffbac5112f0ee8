//! The connection to the table, through the AWS SDK's full chain of credentials and regions.

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::Client;
use latchkey::store::KeyStore;
use latchkey::store::client::{self, CaBundle};
use latchkey::store::environment::Environment;

use crate::args::Target;

/// The connection of the commands.
pub(crate) struct Connection {
    pub(crate) store: KeyStore,
    /// For requests about tables themselves.
    pub(crate) client: Client,
    /// For clients of other AWS services.
    pub(crate) aws: SdkConfig,
    pub(crate) place: Place,
}

/// Where the table is, for messages.
pub(crate) struct Place {
    pub(crate) table: String,
    /// The endpoint, if it is not AWS's own; otherwise the region.
    pub(crate) endpoint: String,
    /// Whether the endpoint is one of AWS.
    pub(crate) is_aws: bool,
}

/// Determines the table, the region, and the credentials.
///
/// # Errors
///
/// A sentence that says what is missing and how to provide it.
pub(crate) async fn connect(target: Target) -> Result<Connection, String> {
    let table = target.table.filter(|table| !table.is_empty()).ok_or(
        "no table: pass `--table` or set `LATCHKEY_TABLE` to the stack's output `TableName`",
    )?;
    // The same TLS as the functions, not the SDK's own, so that there is only one stack to trust.
    let environment = Environment::of_process();
    let roots = CaBundle::from_environment(&environment).map_err(|invalid| invalid.to_string())?;
    let http_client = client::http_client(None, roots.as_ref());
    let mut loader =
        aws_config::defaults(BehaviorVersion::v2026_01_12()).http_client(http_client.clone());
    if let Some(profile) = &target.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(region) = target.region {
        loader = loader.region(Region::new(region));
    }
    let mut shared = loader.load().await;
    let region = shared.region().map(ToString::to_string).filter(|region| !region.is_empty());
    let region = region.ok_or(
        "no AWS region: pass `--region`, set `AWS_REGION`, or choose a profile that has one",
    )?;
    if let Some(profile) = &target.profile {
        // An explicit profile has precedence over credentials in the environment, as in the AWS CLI.
        let provider_config = ProviderConfig::without_region()
            .with_http_client(http_client)
            .with_region(shared.region().cloned());
        let provider = ProfileFileCredentialsProvider::builder().configure(&provider_config);
        let provider = SharedCredentialsProvider::new(provider.profile_name(profile).build());
        shared = shared.into_builder().credentials_provider(provider).build();
    }
    let mut config = aws_sdk_dynamodb::config::Builder::from(&shared);
    let variable = environment.text("AWS_ENDPOINT_URL_DYNAMODB");
    let endpoint = target.endpoint_url.or(variable).filter(|endpoint| !endpoint.is_empty());
    if let Some(endpoint) = &endpoint {
        if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") {
            return Err(format!("the endpoint must be an http or https URL, not `{endpoint}`"));
        }
        config = config.endpoint_url(endpoint);
    }
    let client = Client::from_conf(config.build());
    let store = KeyStore::new(client.clone(), table.clone());
    let is_aws = endpoint.as_deref().is_none_or(is_of_aws);
    let endpoint = endpoint.unwrap_or(region);
    Ok(Connection { store, client, aws: shared, place: Place { table, endpoint, is_aws } })
}

/// Returns whether an endpoint is one of AWS, such as `https://dynamodb.us-east-1.api.aws`, and not a local one.
fn is_of_aws(endpoint: &str) -> bool {
    let rest = endpoint.split_once("://").map_or(endpoint, |(_, rest)| rest);
    let host = rest.split(['/', ':']).next().unwrap_or_default();
    [".amazonaws.com", ".amazonaws.com.cn", ".api.aws"].iter().any(|domain| host.ends_with(domain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_of_aws_is_told_from_a_local_one() {
        for (endpoint, expected) in [
            ("https://dynamodb.us-east-1.amazonaws.com", true),
            ("https://vpce-1.dynamodb.us-east-1.vpce.amazonaws.com:443/", true),
            ("https://dynamodb.us-east-1.api.aws", true),
            ("https://dynamodb.cn-north-1.amazonaws.com.cn", true),
            ("http://127.0.0.1:8000", false),
            ("http://localhost:8000/x.amazonaws.com", false),
            ("https://amazonaws.com.example", false),
        ] {
            assert_eq!(is_of_aws(endpoint), expected, "{endpoint}");
        }
    }
}
