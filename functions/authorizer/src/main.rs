//! The Lambda function that authorizes requests to other APIs.

use authorizer::{App, Settings, handle};
use latchkey::config::Config;
use latchkey::{Latchkey, client, gateway, log, runtime};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    log::init("authorizer")?;
    let config = Config::from_env()?;
    let settings = Settings::from_env()?;
    let client = client::from_env()?;
    client::prewarm(&client, &config.table, 1).await;
    let app = App { latchkey: Latchkey::from_config(config, client), settings };
    let serve = |event: lambda_runtime::LambdaEvent<_>| {
        let work =
            Box::pin(async { Ok::<_, lambda_runtime::Error>(handle(&app, event.payload).await?) });
        gateway::with_request_id(&event.context.request_id, work)
    };
    runtime::run(serve, || app.latchkey.after_answer()).await
}
