//! The way to the table: the AWS SDK's whole chain of credentials and regions.

use aws_config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::Client;
use latchkey::store::KeyStore;

use crate::args::Target;

/// Where commands go, and how to say so.
pub(crate) struct Connection {
    pub(crate) store: KeyStore,
    pub(crate) table: String,
    pub(crate) region: String,
}

/// Finds table, region and credentials.
///
/// # Errors
///
/// A sentence that says what is missing and how to give it.
pub(crate) async fn connect(target: Target) -> Result<Connection, String> {
    let table = target.table.filter(|table| !table.is_empty()).ok_or(
        "no table: pass `--table` or set `LATCHKEY_TABLE`; the stack's output `TableName` tells it",
    )?;
    // The functions' TLS and not the SDK's own, so that one stack is to be trusted.
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(latchkey::client::http_client(None));
    if let Some(profile) = target.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(region) = target.region {
        loader = loader.region(Region::new(region));
    }
    let shared = loader.load().await;
    let region = shared.region().map(ToString::to_string).ok_or(
        "no AWS region: pass `--region`, set `AWS_REGION`, or choose a profile that has one",
    )?;
    let mut config = aws_sdk_dynamodb::config::Builder::from(&shared);
    if let Some(endpoint) = target.endpoint_url {
        config = config.endpoint_url(endpoint);
    }
    let store = KeyStore::new(Client::from_conf(config.build()), table.clone());
    Ok(Connection { store, table, region })
}
