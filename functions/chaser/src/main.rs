//! The Lambda function of the Chaser dialect.

use chaser::{AllowedScopes, App, handle};
use latchkey::store::environment::Environment;
use latchkey_http::{serve, start};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let environment = Environment::of_process();
    // Two, because creating a key describes the account while its transaction runs.
    let latchkey = start("chaser", &environment, 2).await?;
    let app = App { latchkey, scopes: AllowedScopes::from_environment(&environment)? };
    serve::run(&app.latchkey, |request| handle(&app, request)).await
}
