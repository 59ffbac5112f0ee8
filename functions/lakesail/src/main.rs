//! The Lambda function of the LakeSail dialect.

use lakesail::{App, handle};
use latchkey::config::Config;
use latchkey::{Latchkey, client, gateway, log};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    log::init("lakesail")?;
    let config = Config::from_env()?;
    let client = client::from_env()?;
    client::prewarm(&client, &config.table, 1).await;
    let app = App { latchkey: Latchkey::from_config(config, client) };
    gateway::run(&app.latchkey, |request| handle(&app, request)).await
}
