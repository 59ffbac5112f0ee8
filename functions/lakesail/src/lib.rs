//! The LakeSail dialect: service-account keys as LakeSail's organization API has them.

mod create_key;
mod error;

use lambda_http::http::Response;
use lambda_http::{Body, Request, RequestExt};
use latchkey::Latchkey;
use latchkey::error::Error;
use latchkey::gateway;
use latchkey::route::{self, Route};

/// What the function serves with, built once per cold start.
#[derive(Clone, Debug)]
pub struct App {
    /// The service.
    pub latchkey: Latchkey,
}

/// What this dialect does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// `CreateServiceAccountKey`
    CreateKey,
}

/// Where this dialect does it; the template lists the same routes.
pub const ROUTES: &[Route<Operation>] = &[Route {
    method: "POST",
    path: "/api/org/v1/service-accounts/{sa}/keys",
    operation: Operation::CreateKey,
}];

/// Answers a request; every refusal is a response that the client can read.
pub async fn handle(app: &App, request: Request) -> Response<Body> {
    match serve(app, &request).await {
        Ok(response) => response,
        Err(error) => {
            latchkey::log::failure(&error);
            error::render(&error)
        }
    }
}

async fn serve(app: &App, request: &Request) -> Result<Response<Body>, Error> {
    let path = request.raw_http_path();
    let matched = route::find(ROUTES, request.method(), path, gateway::stage(request))?;
    let principal = app.latchkey.authenticate(request.headers()).await?;
    match (matched.operation, matched.parameters.as_slice()) {
        (Operation::CreateKey, [account]) => {
            create_key::create_key(app, &principal, account, request).await
        }
        (Operation::CreateKey, _) => Err(Error::RouteNotFound),
    }
}
