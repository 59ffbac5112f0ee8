//! The Lambda function of the Chaser dialect.

use chaser::{AllowedScopes, App, handle};
use latchkey::gateway;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    // Two: a mint describes the account while its transaction runs.
    let latchkey = latchkey::start("chaser", 2).await?;
    let app = App { latchkey, scopes: AllowedScopes::from_env()? };
    gateway::run(&app.latchkey, |request| handle(&app, request)).await
}
