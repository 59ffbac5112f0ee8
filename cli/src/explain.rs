//! Errors explained to an operator: what happened, why, and what to do.

use std::error::Error as StdError;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::batch_get_item::BatchGetItemError;
use aws_sdk_dynamodb::operation::batch_write_item::BatchWriteItemError;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::get_item::GetItemError;
use aws_sdk_dynamodb::operation::query::QueryError;
use aws_sdk_dynamodb::operation::scan::ScanError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use latchkey::error::{Error, causes};
use latchkey::service::operator::OperatorError;

use crate::connect::Place;

/// The actions that the whole command line needs on the table.
///
/// `organization list`, `restore-check`, and `audit` with `--all` also need `Scan`, and so does the first creation or deletion of an organization in
/// a table that does not count them yet.
const ACTIONS: [&str; 7] =
    ["GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem"];

/// Explains a failure in a few lines.
pub(crate) fn explain(error: &OperatorError, place: &Place) -> String {
    let (causes, advice) = match error {
        OperatorError::Failed(Error::Store(store)) => {
            (causes(store), store.source().map_or_else(String::new, |cause| help(cause, place)))
        }
        _ => (String::new(), advice(error).to_owned()),
    };
    [error.to_string(), causes, advice]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("\n  ")
}

/// What to do about an error from Latchkey itself.
fn advice(error: &OperatorError) -> &'static str {
    match error {
        OperatorError::OrganizationExists(_) => {
            "to add a service account to it, run `latchkey account create`"
        }
        OperatorError::OrganizationNotFound(_) => {
            "check the ID with `latchkey organization list`, or create it with `latchkey bootstrap`"
        }
        OperatorError::OrganizationDisabled(_) => {
            "to enable it, run `latchkey organization enable`"
        }
        OperatorError::OrganizationDeleting(_) => {
            "to finish the deletion, run `latchkey organization delete` again"
        }
        OperatorError::RootAccount => "for root keys, use `latchkey root-key`",
        OperatorError::RootKey => {
            "create another one with `latchkey root-key create`, then revoke this one"
        }
        OperatorError::Failed(Error::AccountDisabled(_)) => {
            "to enable it, run `latchkey account enable`"
        }
        OperatorError::Failed(Error::WebhookNotFound(_)) => {
            "check the ID with `latchkey webhook list`"
        }
        OperatorError::DescendantsLeft(_) => {
            "if this happens again, first disable the service accounts that hold the new keys"
        }
        OperatorError::Failed(Error::AccountLimitReached { .. }) => {
            "set `LATCHKEY_ACCOUNT_LIMIT` to the same value as for the functions; 0 means no limit"
        }
        OperatorError::Failed(_) => "",
    }
}

/// The outcome of a request to DynamoDB.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// Rejected with this code.
    Refused(String),
    /// Not sent, because there are no credentials to sign it with.
    Unsigned,
    /// No response.
    Unanswered,
    /// Something else, which its causes explain.
    Other,
}

/// What to do about a store failure with the cause `cause`.
fn help(cause: &(dyn StdError + 'static), place: &Place) -> String {
    let Place { table, endpoint, .. } = place;
    let code = match outcome(cause) {
        Outcome::Refused(code) => code,
        Outcome::Unsigned => {
            return "no AWS credentials: sign in, set `AWS_PROFILE`, or pass `--profile`"
                .to_owned();
        }
        Outcome::Unanswered => {
            return format!(
                "cannot reach DynamoDB at {endpoint}; check the network and `--endpoint-url`; for a \
                 local table, check that `cargo dev` is running"
            );
        }
        Outcome::Other => return String::new(),
    };
    match code.as_str() {
        "ResourceNotFoundException" => format!(
            "there is no table `{table}` at {endpoint}; check `--table`, `--region`, and \
             `--endpoint-url`, or deploy the template"
        ),
        "AccessDeniedException" => format!(
            "your AWS identity lacks a permission on the table `{table}`; allow the DynamoDB actions \
             {}, and for `bootstrap`, `organization`, `restore-check`, and `audit` with `--all` also Scan",
            ACTIONS.join(", ")
        ),
        "ExpiredTokenException"
        | "IncompleteSignatureException"
        | "InvalidSignatureException"
        | "MissingAuthenticationTokenException"
        | "UnrecognizedClientException" => {
            "AWS rejected the credentials; sign in again or pass another `--profile`".to_owned()
        }
        "ValidationException" => {
            format!("DynamoDB rejected the request as invalid; check the table name `{table}`")
        }
        _ => String::new(),
    }
}

/// The outcome of the request that failed with `cause`.
fn outcome(cause: &(dyn StdError + 'static)) -> Outcome {
    macro_rules! outcome_of {
        ($($operation:ty),* $(,)?) => {
            $(if let Some(error) = cause.downcast_ref::<SdkError<$operation>>() {
                return outcome_in(error);
            })*
        };
    }
    outcome_of!(
        BatchGetItemError,
        BatchWriteItemError,
        DeleteItemError,
        GetItemError,
        QueryError,
        ScanError,
        TransactWriteItemsError,
        UpdateItemError,
    );
    Outcome::Other
}

fn outcome_in<E>(error: &SdkError<E>) -> Outcome
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    match error {
        SdkError::ServiceError(refusal) => {
            refusal.err().code().map_or(Outcome::Other, |code| Outcome::Refused(code.to_owned()))
        }
        SdkError::DispatchFailure(_) if is_for_credentials(error) => Outcome::Unsigned,
        SdkError::DispatchFailure(_) | SdkError::TimeoutError(_) => Outcome::Unanswered,
        _ => Outcome::Other,
    }
}

fn is_for_credentials(error: &dyn StdError) -> bool {
    let mut cause = error.source();
    while let Some(found) = cause {
        if found.is::<CredentialsError>() {
            return true;
        }
        cause = found.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use latchkey::id::{OrganizationId, ServiceAccountId};
    use latchkey::policy::KeyPolicy;
    use latchkey::service::RotateRequest;
    use latchkey::service::operator::{self, MintSpec};
    use latchkey::store::KeyStore;
    use latchkey_testkit::actions::Actions;
    use latchkey_testkit::faulty::{self, Reply};
    use latchkey_testkit::sample::{self, ACCOUNT, FULL_ACCOUNT, ORGANIZATION, SampleKey};
    use latchkey_testkit::{TestTable, project};

    use super::*;

    fn account(id: &str) -> ServiceAccountId {
        id.parse().expect("an id")
    }

    fn organization() -> OrganizationId {
        ORGANIZATION.parse().expect("an id")
    }

    /// A store that gives `reply` to `operation` and an empty result to other operations.
    ///
    /// A query returns a key to delete, unless `reply` is for a request that follows the deletion of all keys.
    fn faulty_store(operation: &'static str, reply: Reply) -> KeyStore {
        let client = faulty::client(move |asked, _| match asked {
            _ if asked == operation => reply.clone(),
            // Only an organization without a count needs a plain update: its count begins.
            "TransactWriteItems" if operation == "UpdateItem" => {
                let unmet = r#"{"Code":"None"},{"Code":"None"},{"Code":"ConditionalCheckFailed"}"#;
                let kind = "TransactionCanceledException";
                let body = format!(r#"{{"__type":"{kind}","CancellationReasons":[{unmet}]}}"#);
                Reply::Answer(400, body)
            }
            "Query" if operation != "UpdateItem" => {
                let items = r#"{"Items":[{"pk":{"S":"ACCOUNT#A"},"sk":{"S":"KEY#B"}}],"Count":1}"#;
                Reply::Answer(200, items.to_owned())
            }
            _ => Reply::Answer(200, "{}".to_owned()),
        });
        KeyStore::new(client, "keys")
    }

    fn explained(error: &OperatorError) -> String {
        let (table, endpoint) = ("keys".to_owned(), "us-east-1".to_owned());
        explain(error, &Place { table, endpoint, is_aws: true })
    }

    #[tokio::test]
    async fn what_dynamodb_refuses_comes_with_what_to_do() {
        for (code, advice) in [
            ("AccessDeniedException", "your AWS identity lacks a permission on the table `keys`"),
            ("ExpiredTokenException", "sign in again"),
            ("IncompleteSignatureException", "sign in again"),
            ("InvalidSignatureException", "sign in again"),
            ("MissingAuthenticationTokenException", "sign in again"),
            ("ResourceNotFoundException", "there is no table `keys` at us-east-1"),
            ("UnrecognizedClientException", "sign in again"),
            ("ValidationException", "check the table name `keys`"),
        ] {
            let store = faulty_store("GetItem", faulty::error(400, code).into());
            let error = operator::account(&store, &account("A")).await.expect_err(code);
            let text = explained(&error);
            let lines: Vec<&str> = text.lines().collect();
            let [_, cause, last] = lines.as_slice() else { panic!("{text}") };
            assert!(cause.contains("as asked for"), "{code}: {text}");
            assert!(last.contains(advice), "{code}: {text}");
        }
        let store = faulty_store("GetItem", faulty::error(400, "OtherException").into());
        let error = operator::account(&store, &account("A")).await.expect_err("refused");
        assert_eq!(explained(&error).lines().count(), 2, "no advice is better than a wrong one");
    }

    #[tokio::test]
    async fn whichever_request_is_refused_is_explained() {
        let (organization, id) = (organization(), account("A"));
        let key = SampleKey::FullAccess.mint().0.id;
        for operation in [
            "BatchGetItem",
            "BatchWriteItem",
            "GetItem",
            "Query",
            "Scan",
            "TransactWriteItems",
            "UpdateItem",
        ] {
            let refusal = faulty::error(400, "AccessDeniedException");
            let store = faulty_store(operation, refusal.into());
            let refused: Result<(), OperatorError> = match operation {
                "BatchGetItem" => operator::key(&store, &id, &key).await.map(drop),
                "GetItem" => operator::account(&store, &id).await.map(drop),
                "Query" => operator::keys(&store, &id).await.map(drop),
                "Scan" => operator::organizations(&store).await.map(drop),
                _ => operator::delete_account(&store, sample::now(), &organization, &id).await,
            };
            let error = refused.expect_err(operation);
            let text = explained(&error);
            assert!(text.contains("your AWS identity lacks a permission"), "{operation}: {text}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_does_not_answer_is_not_reached() {
        for reply in [Reply::Closed, Reply::Silence] {
            let store = faulty_store("GetItem", reply.clone());
            let error = operator::account(&store, &account("A")).await.expect_err("no answer");
            let text = explained(&error);
            assert!(text.contains("cannot reach DynamoDB at us-east-1"), "{reply:?}: {text}");
        }
    }

    #[tokio::test]
    async fn the_actions_named_are_those_that_commands_take() {
        let actions = Actions::default();
        let table = TestTable::start().await;
        let store = KeyStore::new(table.client_with(actions.clone()), table.name());
        let now = sample::now();
        let policy = KeyPolicy::default();
        let name = || "Acme".parse().expect("a name");
        let (id, full) = (account(ACCOUNT), account(FULL_ACCOUNT));

        let acme = "acme".parse().expect("an id");
        let made = operator::bootstrap(&store, &policy, now, acme, name(), name()).await;
        made.expect("an organization");
        let made = operator::create_account(
            &store,
            &policy,
            now,
            organization(),
            name(),
            "".parse().expect("a description"),
        );
        made.await.expect("an account");
        operator::accounts(&store, &organization()).await.expect("accounts");
        for disabled in [true, false] {
            let set = operator::set_account_disabled(&store, now, &id, disabled).await;
            set.expect("an account");
        }
        let minted = operator::mint_key(&store, &policy, now, &id, MintSpec::default())
            .await
            .expect("a key");
        operator::create_root_key(&store, &policy, now, None).await.expect("a key");
        let refused = operator::mint_key(&store, &policy, now, &full, MintSpec::default());
        refused.await.expect_err("a full account, whose keys are counted");
        operator::keys(&store, &id).await.expect("keys");
        operator::key(&store, &id, &minted.key.id).await.expect("a key");
        let (account, key) = (id.clone(), minted.key.id.clone());
        let request = RotateRequest { account, key, grace: Duration::ZERO };
        let rotated = operator::rotate_key(&store, &policy, now, &request).await;
        let new = rotated.expect("a key").minted.key.id;
        operator::revoke_key(&store, &policy, now, &id, &new).await.expect("a key");
        operator::delete_account(&store, sample::now(), &organization(), &id)
            .await
            .expect("deleted");
        let webhook =
            operator::webhooks(&store, &organization()).await.expect("webhooks").remove(0).id;
        operator::webhook(&store, &organization(), &webhook).await.expect("a webhook");
        operator::delete_webhook(&store, now, &organization(), &webhook).await.expect("deleted");

        let mut named = BTreeSet::from(ACTIONS.map(|action| format!("dynamodb:{action}")));
        assert_eq!(actions.recorded(), named);
        operator::organizations(&store).await.expect("organizations");
        named.insert("dynamodb:Scan".to_owned());
        assert_eq!(actions.recorded(), named);

        let listed = ACTIONS.map(|action| format!("`{action}`")).join(", ");
        let page = project::text("docs/operate.md");
        assert!(page.contains(&listed), "docs/operate.md does not list {listed}");
    }
}
