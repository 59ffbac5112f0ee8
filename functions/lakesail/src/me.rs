//! `DescribeCurrentIdentity`: GET `/api/org/v1/me`.

use latchkey::Error as Refused;
use latchkey::error::Refusal;
use latchkey::principal::Principal;
use latchkey_http::{Error, Response, StatusCode};
use serde::Serialize;

use crate::App;
use crate::wire::Account;

/// The caller. The vendor's third form, `user`, is absent because Latchkey serves only machines.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Identity<'a> {
    Root {},
    ServiceAccount(Account<'a>),
}

pub(crate) async fn describe(app: &App, principal: &Principal) -> Result<Response, Error> {
    match principal {
        Principal::Root { .. } => Ok(Response::json(StatusCode::OK, &Identity::Root {})),
        Principal::ServiceAccount(caller) => {
            let account = app.latchkey.account(caller, &caller.account).await;
            let account = account.map_err(|error| match error {
                // Deleted in another environment while this one still caches its key's verdict.
                Refused::AccountNotFound(_) => Refused::Unauthenticated(Refusal::Unknown),
                other => other,
            })?;
            Ok(Response::json(StatusCode::OK, &Identity::ServiceAccount(Account::from(&account))))
        }
    }
}
