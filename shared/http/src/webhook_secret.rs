//! The secret of a deployment from which the signing secrets of webhooks derive, in AWS Secrets Manager.

use std::fmt;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::DisplayErrorContext;
use latchkey::store::environment::{Environment, InvalidSetting};
use latchkey::webhook::DeploymentSecret;
use tokio::sync::OnceCell;

use crate::aws;
use crate::error::Error;

const VARIABLE: &str = "LATCHKEY_WEBHOOK_SECRET";

/// The deployment's secret, which is read when it is first needed and then kept.
pub struct WebhookSecret {
    source: Option<(Client, String)>,
    found: OnceCell<DeploymentSecret>,
}

/// The secret cannot be read; the reason is for the operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the secret of {VARIABLE} cannot be read: {0}")]
pub struct Unreadable(String);

impl WebhookSecret {
    /// Returns the secret that `LATCHKEY_WEBHOOK_SECRET` names by its ARN; `None` if the deployment has no webhooks.
    ///
    /// # Errors
    ///
    /// Names the variable of AWS that is missing or invalid.
    pub fn from_environment(environment: &Environment) -> Result<Option<Self>, InvalidSetting> {
        let Some(id) = environment.text(VARIABLE) else { return Ok(None) };
        let config = aws::config(environment, "AWS_ENDPOINT_URL_SECRETS_MANAGER")?;
        let source = Some((Client::new(&config), id));
        Ok(Some(Self { source, found: OnceCell::new() }))
    }

    /// Does the same for a function that has no use without webhooks.
    ///
    /// # Errors
    ///
    /// Names the variable that is missing or invalid.
    pub fn required(environment: &Environment) -> Result<Self, InvalidSetting> {
        environment.required(VARIABLE, "set it to the ARN of a secret")?;
        let secret = Self::from_environment(environment)?;
        secret.ok_or_else(|| InvalidSetting { variable: VARIABLE, problem: "is missing".into() })
    }

    /// A secret that is known already.
    pub fn known(secret: DeploymentSecret) -> Self {
        Self { source: None, found: OnceCell::from(secret) }
    }

    /// Reads the secret, at most once.
    ///
    /// # Errors
    ///
    /// [`Unreadable`]. The next call tries again.
    pub async fn read(&self) -> Result<&DeploymentSecret, Unreadable> {
        self.found.get_or_try_init(|| self.fetch()).await
    }

    /// Reads the secret for a caller, who does not get to know why it cannot be read. The log does.
    ///
    /// # Errors
    ///
    /// [`Error::Dependency`].
    pub async fn read_for_caller(&self) -> Result<&DeploymentSecret, Error> {
        self.read().await.map_err(|error| {
            tracing::error!("{error}");
            Error::Dependency("the signing secrets of webhooks cannot be read".to_owned())
        })
    }

    /// Reads the secret and takes it out.
    ///
    /// # Errors
    ///
    /// [`Unreadable`].
    pub async fn into_inner(self) -> Result<DeploymentSecret, Unreadable> {
        self.read().await?;
        self.found.into_inner().ok_or_else(|| Unreadable("it was not read".to_owned()))
    }

    async fn fetch(&self) -> Result<DeploymentSecret, Unreadable> {
        let (client, id) = self.source.as_ref().ok_or_else(|| Unreadable("no source".into()))?;
        let found = client.get_secret_value().secret_id(id).send().await;
        let found = found.map_err(|error| Unreadable(DisplayErrorContext(&error).to_string()))?;
        let text =
            found.secret_string().ok_or_else(|| Unreadable("it is not a text".to_owned()))?;
        text.parse().map_err(|invalid| Unreadable(format!("it {invalid}")))
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(..)")
    }
}

#[cfg(test)]
mod tests {
    use latchkey_testkit::aws::Aws;
    use latchkey_testkit::{ACCESS_KEY, REGION, SECRET_KEY};

    use super::*;

    const SECRET: &str = "0123456789abcdefghijABCDEFGHIJ0123456789";

    fn environment(url: &str) -> Environment {
        Environment::from_iter([
            (VARIABLE, "secret"),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", url),
            ("AWS_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
        ])
    }

    fn derived(secret: &DeploymentSecret) -> String {
        let (organization, id) = ("acme".parse().expect("an id"), "A".parse().expect("an id"));
        secret.signing_secret(&organization, &id).expose().to_string()
    }

    #[tokio::test]
    async fn the_secret_is_read_once() {
        let aws = Aws::start(SECRET).await;
        let secret = WebhookSecret::required(&environment(&aws.url)).expect("set");
        let expected = derived(&SECRET.parse().expect("a secret"));
        assert_eq!(derived(secret.read().await.expect("read")), expected);
        drop(aws);
        assert_eq!(derived(secret.read_for_caller().await.expect("kept")), expected);
        assert_eq!(derived(&secret.into_inner().await.expect("kept")), expected);
    }

    #[tokio::test]
    async fn a_secret_that_cannot_be_used_is_not_shown() {
        let aws = Aws::start("short").await;
        let secret = WebhookSecret::required(&environment(&aws.url)).expect("set");
        let error = secret.read().await.expect_err("short").to_string();
        assert!(error.starts_with("the secret of LATCHKEY_WEBHOOK_SECRET cannot be read: it must"));
        assert!(!error.contains("short"), "{error}");
        let error = secret.read_for_caller().await.expect_err("short");
        let message = "the signing secrets of webhooks cannot be read; try again later";
        assert_eq!((error.to_string().as_str(), error.status().as_u16()), (message, 503));
        assert_eq!(format!("{secret:?}"), "WebhookSecret(..)");
    }

    #[test]
    fn without_the_variable_there_are_no_webhooks() {
        let unset = Environment::from_iter([("AWS_REGION", REGION)]);
        assert!(WebhookSecret::from_environment(&unset).expect("valid").is_none());
        let error = WebhookSecret::required(&unset).expect_err("missing");
        assert_eq!(error.variable, VARIABLE);
        let half = Environment::from_iter([(VARIABLE, "secret")]);
        let error = WebhookSecret::from_environment(&half).expect_err("no credentials");
        assert_eq!(error.variable, "AWS_ACCESS_KEY_ID");
    }
}
