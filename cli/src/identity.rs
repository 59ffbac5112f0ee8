//! Who runs a command: the identity that the audit trail records for its changes.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_sdk_sts::Client;
use aws_sdk_sts::error::DisplayErrorContext;
use latchkey::audit::{Actor, Author, Origin};
use latchkey::store::environment::Environment;

use crate::connect::Place;

/// How long the command waits for the identity. A change must not depend on a second AWS service.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What the command calls itself in the trail, as the functions do in their requests to DynamoDB.
const USER_AGENT: &str = concat!("latchkey/", env!("CARGO_PKG_VERSION"));

/// Returns the author of the command's changes. Asks AWS STS for the caller's ARN, which needs no permission. If STS
/// does not answer, warns on standard error and returns an author without an identity.
///
/// A table at another endpoint, such as a local one, has no AWS identity: the command asks only an STS that the
/// environment names.
pub(crate) async fn author(aws: &SdkConfig, place: &Place, environment: &Environment) -> Author {
    let named = ["AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"];
    let is_named = named.iter().any(|variable| environment.text(variable).is_some());
    let identity = match place.is_aws || is_named {
        true => caller(aws).await.unwrap_or_else(|problem| {
            eprintln!(
                "warning: the audit trail will not name you: AWS STS did not return your identity: {problem}"
            );
            None
        }),
        false => None,
    };
    let origin = Origin::new(None, None, Some(USER_AGENT));
    Author { actor: Actor::operator(identity.as_deref()), origin }
}

async fn caller(aws: &SdkConfig) -> Result<Option<String>, String> {
    let config = aws_sdk_sts::config::Builder::from(aws).retry_config(RetryConfig::disabled());
    let asked = Client::from_conf(config.build()).get_caller_identity().send();
    match tokio::time::timeout(TIMEOUT, asked).await {
        Ok(Ok(found)) => Ok(found.arn),
        Ok(Err(error)) => Err(DisplayErrorContext(&error).to_string()),
        Err(_) => Err(format!("no answer within {} seconds", TIMEOUT.as_secs())),
    }
}
