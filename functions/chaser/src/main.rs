//! The Lambda function of the Chaser dialect.

use chaser::{AllowedScopes, App, handle};
use latchkey::config::Config;
use latchkey::{Latchkey, client, gateway, log};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    log::init("chaser")?;
    let config = Config::from_env()?;
    let scopes = AllowedScopes::from_env()?;
    let client = client::from_env()?;
    // Two: a mint describes the account while its transaction runs.
    client::prewarm(&client, &config.table, 2).await;
    let app = App { latchkey: Latchkey::from_config(config, client), scopes };
    gateway::run(&app.latchkey, |request| handle(&app, request)).await
}
