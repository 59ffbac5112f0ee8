//! The Lambda function that authorizes requests to other APIs.

use authorizer::{App, Settings, handle};
use latchkey::{gateway, runtime};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let latchkey = latchkey::start("authorizer", 1).await?;
    let app = App { latchkey, settings: Settings::from_env()? };
    if !app.settings.organizations.is_restricted() {
        app.latchkey.warn_if_several_organizations();
    }
    let serve = |event: lambda_runtime::LambdaEvent<_>| {
        let work = Box::pin(handle(&app, event.payload));
        gateway::with_request_id(&event.context.request_id, work)
    };
    runtime::run(serve, || app.latchkey.after_answer()).await
}
