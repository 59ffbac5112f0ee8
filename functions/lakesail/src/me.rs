//! `DescribeCurrentIdentity`: GET `/api/org/v1/me`.

use lambda_http::Body;
use lambda_http::http::{Response, StatusCode};
use latchkey::error::{Error, Refusal, Unauthenticated};
use latchkey::http::reply;
use latchkey::principal::Principal;
use serde::Serialize;

use crate::App;
use crate::wire::Account;

/// Who is asking. The vendor's third form, `user`, has no part in a service for machines.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Identity<'a> {
    Root {},
    ServiceAccount(Account<'a>),
}

pub(crate) async fn describe(app: &App, principal: &Principal) -> Result<Response<Body>, Error> {
    match principal {
        Principal::Root { .. } => Ok(reply(StatusCode::OK, &Identity::Root {})),
        Principal::ServiceAccount(caller) => {
            let account = app.latchkey.account(caller, &caller.account).await;
            let account = account.map_err(|error| match error {
                // Deleted elsewhere, while the verdict on its key is still kept here.
                Error::AccountNotFound(_) => {
                    Error::Unauthenticated(Unauthenticated::Refused(Refusal::Unknown))
                }
                other => other,
            })?;
            Ok(reply(StatusCode::OK, &Identity::ServiceAccount(Account::from(&account))))
        }
    }
}
