//! The Lambda function that delivers audit events to webhooks.

use lambda_runtime::LambdaEvent;
use latchkey::store::environment::Environment;
use latchkey_http::{log, runtime, serve};
use webhooks::{App, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let environment = Environment::of_process();
    log::init("webhooks", &environment)?;
    tracing::info!(function = "webhooks", version = env!("CARGO_PKG_VERSION"), "starting");
    let app = App::start(&environment).await?;
    let deliver = |event: LambdaEvent<_>| {
        let request = event.context.request_id.clone();
        let work = Box::pin(handle(&app, event.payload, event.context.invoked_function_arn));
        async move { serve::with_request_id(&request, work).await }
    };
    runtime::run(deliver, || async {}).await
}
