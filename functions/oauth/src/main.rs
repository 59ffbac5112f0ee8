//! The Lambda function for token introspection, revocation and forward authentication.

use latchkey::config::Config;
use latchkey::{Latchkey, client, gateway, log};
use oauth::{App, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    log::init("oauth")?;
    let config = Config::from_env()?;
    let client = client::from_env()?;
    client::prewarm(&client, &config.table, 1).await;
    let app = App { latchkey: Latchkey::from_config(config, client) };
    gateway::run(&app.latchkey, |request| handle(&app, request)).await
}
