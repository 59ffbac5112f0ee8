//! The commands, one module for each subject.

mod account;
mod audit;
mod bootstrap;
mod key;
mod organization;
mod revoke;
mod root_key;
mod webhook;

use aws_config::SdkConfig;
use latchkey::audit::AuditPolicy;
use latchkey::policy::KeyPolicy;
use latchkey::service::Clock;
use latchkey::service::operator::OperatorError;
use latchkey::store::KeyStore;

use crate::args::{Format, Operation};

/// What every command needs.
pub(crate) struct Context<'a> {
    pub(crate) store: &'a KeyStore,
    /// For clients of other AWS services.
    pub(crate) aws: &'a SdkConfig,
    pub(crate) policy: KeyPolicy,
    pub(crate) audit: AuditPolicy,
    /// Tells the time of a change. A command that asks for confirmation uses the time that
    /// [`confirm`](crate::confirm::confirm) returns.
    pub(crate) clock: Clock,
    pub(crate) format: Format,
}

/// Why a command failed.
pub(crate) enum Failure {
    /// A message that the operator reads unchanged.
    Message(String),
    /// An error that still needs an explanation.
    Operator(OperatorError),
    /// The same, followed by what else the operator must know.
    Noted(OperatorError, String),
    /// Trails have a contradiction: a message for each.
    Broken(Vec<String>),
}

impl From<String> for Failure {
    fn from(message: String) -> Self {
        Self::Message(message)
    }
}

impl From<OperatorError> for Failure {
    fn from(error: OperatorError) -> Self {
        Self::Operator(error)
    }
}

/// Runs the operation and prints its result.
///
/// # Errors
///
/// [`Failure`].
pub(crate) async fn run(operation: Operation, context: &Context<'_>) -> Result<(), Failure> {
    match operation {
        Operation::Bootstrap(new) => bootstrap::run(new, context).await,
        Operation::Organization(command) => organization::run(command, context).await,
        Operation::Account(command) => account::run(command, context).await,
        Operation::Key(command) => key::run(command, context).await,
        Operation::RootKey(command) => root_key::run(command, context).await,
        Operation::Webhook(command) => webhook::run(command, context).await,
        Operation::Audit(command) => audit::run(command, context).await,
    }
}
