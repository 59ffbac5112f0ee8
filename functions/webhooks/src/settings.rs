//! The function's clients and settings: read from the environment once, at startup.

use aws_sdk_scheduler::Client;
use latchkey::audit::AuditPolicy;
use latchkey::service::{Clock, Courier};
use latchkey::store::KeyStore;
use latchkey::store::client;
use latchkey::store::environment::{Environment, InvalidSetting};
use latchkey_http::aws;
use latchkey_http::webhook_secret::{Unreadable, WebhookSecret};

use crate::schedule::Scheduler;

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
    let config = aws::config(environment, "AWS_ENDPOINT_URL_SCHEDULER")?;
    Ok(Scheduler::new(Client::new(&config), group, role))
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
