//! The Lambda function of the Chaser dialect.

use chaser::{AllowedScopes, App, handle};
use latchkey::config::Config;
use latchkey::store::KeyStore;
use latchkey::time::Clock;
use latchkey::{Latchkey, client, gateway, log};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    log::init("chaser")?;
    let config = Config::from_env()?;
    let scopes = AllowedScopes::from_env()?;
    let client = client::from_env()?;
    // Two: a mint describes the account while its transaction runs.
    client::prewarm(&client, &config.table, 2).await;
    let store = KeyStore::new(client, config.table);
    let latchkey = Latchkey::new(store, config.policy, &config.cache, Clock::system());
    let app = App { latchkey, scopes };
    gateway::run(|request| handle(&app, request)).await
}
