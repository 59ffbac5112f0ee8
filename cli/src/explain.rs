//! Failures, as an operator wants to read them: what happened, why, and what to do.

use latchkey::error::Error;
use latchkey::log::causes;
use latchkey::operator::OperatorError;

use crate::connect::Connection;

/// A failure in a few lines.
pub(crate) fn explain(error: &OperatorError, connection: &Connection) -> String {
    let causes = root_causes(error);
    let Connection { table, place, .. } = connection;
    let advice = if causes.contains("ResourceNotFoundException") {
        format!(
            "there is no table `{table}` at {place}; deploy the template, or pass another `--table`, \
             `--region` or `--endpoint-url`"
        )
    } else if causes.contains("AccessDenied") {
        format!(
            "your AWS identity may not do this to `{table}`; the whole command line needs GetItem, \
             BatchGetItem, Query, PutItem, UpdateItem, DeleteItem, BatchWriteItem and \
             ConditionCheckItem of DynamoDB on that table, and `organization list` needs Scan"
        )
    } else if causes.contains("credential") {
        "no AWS credentials: sign in, set `AWS_PROFILE`, or pass `--profile`".to_owned()
    } else if causes.contains("UnrecognizedClient") || causes.contains("InvalidSignature") {
        "AWS does not know these credentials; sign in again or choose another `--profile`"
            .to_owned()
    } else if causes.contains("dispatch failure") {
        format!(
            "DynamoDB at {place} cannot be reached; check the network, `--endpoint-url` and, for a \
             local one, whether `cargo dev` still runs"
        )
    } else if causes.contains("ValidationException") {
        format!("DynamoDB does not take this request; check the table's name `{table}`")
    } else {
        advice(error)
    };
    [error.to_string(), causes, advice]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("\n  ")
}

/// What to do about a refusal of ours.
fn advice(error: &OperatorError) -> String {
    let advice = match error {
        OperatorError::OrganizationExists(_) => {
            "use `latchkey account create` to add an account to it"
        }
        OperatorError::OrganizationNotFound(_) => "use `latchkey bootstrap` to make it",
        OperatorError::RootAccount => "use the commands of `latchkey root-key`",
        OperatorError::RootKey => {
            "make another one with `latchkey root-key create`, then revoke this one"
        }
        OperatorError::Failed(Error::AccountDisabled(_)) => {
            "use `latchkey account enable` to enable it"
        }
        OperatorError::Expiry(_) | OperatorError::Failed(_) => "",
    };
    advice.to_owned()
}

/// What lies below the message: what the SDK and DynamoDB said.
fn root_causes(error: &OperatorError) -> String {
    match error {
        OperatorError::Failed(Error::Store(store)) => causes(store),
        _ => String::new(),
    }
}
