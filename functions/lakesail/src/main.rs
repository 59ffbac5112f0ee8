//! The Lambda function of the LakeSail dialect.

use lakesail::{App, handle};
use latchkey::config::Config;
use latchkey::store::KeyStore;
use latchkey::time::Clock;
use latchkey::{Latchkey, client, gateway, log};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    log::init("lakesail")?;
    let config = Config::from_env()?;
    let client = client::from_env()?;
    client::prewarm(&client, &config.table, 1).await;
    let store = KeyStore::new(client, config.table);
    let app = App { latchkey: Latchkey::new(store, config.policy, &config.cache, Clock::system()) };
    gateway::run(|request| handle(&app, request)).await
}
