//! A health check for synthetic monitoring: GET `/health`.

use latchkey_http::{Error, Request, Response, StatusCode};
use serde::Serialize;

use crate::App;

#[derive(Serialize)]
struct Health {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    store: Option<&'static str>,
}

/// Responds without a request to the table; with the parameter `deep`, after one read from it.
///
/// Anyone may call it, so the template throttles it as a route of its own, and it says nothing about the
/// deployment.
pub(crate) async fn health(app: &App, request: &Request) -> Result<Response, Error> {
    let deep = request.query_parameters("deep").next().is_some();
    if deep {
        app.latchkey.check_store().await?;
    }
    let health = Health { status: "ok", store: deep.then_some("ok") };
    Ok(Response::json(StatusCode::OK, &health))
}
