//! The Lambda function that authorizes requests to other APIs.

use authorizer::{App, Settings, handle};
use latchkey::config::Config;
use latchkey::store::KeyStore;
use latchkey::time::Clock;
use latchkey::{Latchkey, client, gateway, log};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    log::init("authorizer")?;
    let config = Config::from_env()?;
    let settings = Settings::from_env()?;
    let client = client::from_env()?;
    client::prewarm(&client, &config.table, 1).await;
    let store = KeyStore::new(client, config.table);
    let latchkey = Latchkey::new(store, config.policy, &config.cache, Clock::system());
    let app = App { latchkey, settings };
    let serve = |event: lambda_runtime::LambdaEvent<_>| {
        let work =
            Box::pin(async { Ok::<_, lambda_runtime::Error>(handle(&app, event.payload).await?) });
        gateway::with_request_id(&event.context.request_id, work)
    };
    lambda_runtime::run(lambda_runtime::service_fn(serve)).await
}
