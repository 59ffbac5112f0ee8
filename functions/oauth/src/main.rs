//! The Lambda function for token introspection, revocation and forward authentication.

use latchkey::gateway;
use oauth::{App, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    let app = App { latchkey: latchkey::start("oauth", 1).await? };
    gateway::run(&app.latchkey, |request| handle(&app, request)).await
}
