//! The Lambda function of the Chaser dialect.

use chaser::{AllowedScopes, App, handle};
use latchkey::store::environment::Environment;
use latchkey_http::webhook_secret::WebhookSecret;
use latchkey_http::{serve, start};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let environment = Environment::of_process();
    let latchkey = start("chaser", &environment).await?;
    let app = App::new(latchkey, AllowedScopes::from_environment(&environment)?)
        .with_webhooks(WebhookSecret::from_environment(&environment)?);
    #[cfg(feature = "dev")]
    let app = app.with_local_endpoints(&environment);
    serve::run(&app.latchkey, |request| handle(&app, request)).await
}
