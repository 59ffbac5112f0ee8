//! The Lambda function that authorizes requests to other APIs.

use authorizer::{App, Settings, handle};
use latchkey::store::environment::Environment;
use latchkey_http::{runtime, serve, start};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let environment = Environment::of_process();
    let latchkey = start("authorizer", &environment).await?;
    let app = App { latchkey, settings: Settings::from_environment(&environment)? };
    if !app.settings.organizations.is_restricted() {
        app.latchkey.warn_if_several_organizations();
    }
    let answer = |event: lambda_runtime::LambdaEvent<_>| {
        let work = Box::pin(handle(&app, event.payload));
        serve::with_request_id(&event.context.request_id, work)
    };
    runtime::run(answer, || app.latchkey.after_answer()).await
}
