//! The Lambda function for token introspection, revocation and forward authentication.

use latchkey::config::Config;
use latchkey::store::KeyStore;
use latchkey::time::Clock;
use latchkey::{Latchkey, client, gateway, log};
use oauth::{App, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    log::init("oauth")?;
    let config = Config::from_env()?;
    let client = client::from_env()?;
    client::prewarm(&client, &config.table, 1).await;
    let store = KeyStore::new(client, config.table);
    let latchkey = Latchkey::new(store, config.policy, &config.cache, Clock::system());
    let app = App { latchkey };
    gateway::run(|request| handle(&app, request)).await
}
