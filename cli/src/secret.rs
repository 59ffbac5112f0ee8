//! A secret in AWS Secrets Manager that takes a new key, so that the key is never printed.

use std::error::Error as StdError;

use aws_config::SdkConfig;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};

use crate::args::SecretTarget;

/// The label of the version that readers of a secret get.
const CURRENT: &str = "AWSCURRENT";

/// A secret to store a key in.
pub(crate) struct Secret {
    client: Client,
    target: SecretTarget,
}

/// How a secret can take a value without losing another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vacancy {
    /// The secret does not exist yet.
    Absent,
    /// It has no value, such as one that a template created.
    Empty,
}

/// A stored key.
pub(crate) struct StoredSecret {
    pub(crate) name: String,
    pub(crate) arn: String,
    pub(crate) version: String,
}

impl Secret {
    pub(crate) fn new(aws: &SdkConfig, target: SecretTarget) -> Self {
        Self { client: Client::new(aws), target }
    }

    /// Checks that the secret can take a value.
    ///
    /// # Errors
    ///
    /// If it has a value, if it is being deleted, or if Secrets Manager fails.
    pub(crate) async fn check_vacant(&self) -> Result<Vacancy, String> {
        let SecretTarget { name, kms_key } = &self.target;
        let found = match self.client.describe_secret().secret_id(name).send().await {
            Ok(found) => found,
            Err(error) if error.code() == Some("ResourceNotFoundException") => {
                return Ok(Vacancy::Absent);
            }
            Err(error) => return Err(self.failed("read", &error)),
        };
        if found.deleted_date().is_some() {
            return Err(format!(
                "the secret `{name}` is scheduled for deletion; restore it, or choose another name"
            ));
        }
        let mut labels = found.version_ids_to_stages().into_iter().flatten().flat_map(|(_, of)| of);
        if labels.any(|label| label == CURRENT) {
            return Err(format!(
                "the secret `{name}` already has a value, which is never overwritten; choose another name, or \
                 delete the secret\n  \
                 if an earlier run was interrupted, pass the value to `latchkey verify`: if it is valid, you are done"
            ));
        }
        if kms_key.is_some() {
            return Err(format!(
                "the secret `{name}` exists, so it has a KMS key already; omit `--secret-kms-key`"
            ));
        }
        Ok(Vacancy::Empty)
    }

    /// Stores `key` as the secret's value.
    ///
    /// # Errors
    ///
    /// If Secrets Manager fails. The secret may have the value then, if its response was lost.
    pub(crate) async fn store(
        &self,
        vacancy: Vacancy,
        key: &str,
        description: &str,
    ) -> Result<StoredSecret, String> {
        let SecretTarget { name, kms_key } = &self.target;
        let (arn, version) = match vacancy {
            Vacancy::Absent => {
                let create = self.client.create_secret().name(name).secret_string(key);
                let create = create.description(description).set_kms_key_id(kms_key.clone());
                let made = create.send().await.map_err(|error| self.failed("create", &error))?;
                (made.arn, made.version_id)
            }
            Vacancy::Empty => {
                let put = self.client.put_secret_value().secret_id(name).secret_string(key);
                let made = put.send().await.map_err(|error| self.failed("write", &error))?;
                (made.arn, made.version_id)
            }
        };
        let name = name.clone();
        Ok(StoredSecret {
            name,
            arn: arn.unwrap_or_default(),
            version: version.unwrap_or_default(),
        })
    }

    /// Deletes the secret that [`Secret::store`] created, whose key was not written to the table.
    ///
    /// # Errors
    ///
    /// If Secrets Manager fails.
    pub(crate) async fn remove(&self) -> Result<(), String> {
        let delete = self.client.delete_secret().secret_id(&self.target.name);
        let deleted = delete.force_delete_without_recovery(true).send().await;
        deleted.map(drop).map_err(|error| {
            format!("{}\n  {}", self.left_behind(false), self.failed("delete", &error))
        })
    }

    /// What to do about a secret whose key may work or, if not `perhaps`, does not.
    pub(crate) fn left_behind(&self, perhaps: bool) -> String {
        let name = &self.target.name;
        if perhaps {
            format!(
                "the key may work all the same, and is in the secret `{name}`: pass its value to `latchkey verify`; \
                 if it is valid, you are done; otherwise delete the secret and run this again"
            )
        } else {
            format!(
                "the secret `{name}` has a key that was not created and never works; delete the secret before you \
                 run this again"
            )
        }
    }

    /// Explains a failure of Secrets Manager.
    fn failed<E>(&self, what: &str, error: &SdkError<E>) -> String
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        let name = &self.target.name;
        let advice = match error.code() {
            Some("AccessDeniedException") => {
                "allow secretsmanager:DescribeSecret, CreateSecret, PutSecretValue, and DeleteSecret on it"
            }
            Some("DecryptionFailure" | "EncryptionFailure") => {
                "allow kms:GenerateDataKey and kms:Decrypt on its KMS key"
            }
            Some(_) => "",
            None => "check the network, the region, and `AWS_ENDPOINT_URL_SECRETS_MANAGER`",
        };
        let cause = match error.message() {
            Some(message) => message.to_owned(),
            None => {
                error.code().map_or_else(|| DisplayErrorContext(error).to_string(), str::to_owned)
            }
        };
        let lines = [format!("cannot {what} the secret `{name}`"), cause, advice.to_owned()];
        let lines = lines.into_iter().filter(|line| !line.is_empty());
        lines.collect::<Vec<_>>().join("\n  ")
    }
}
