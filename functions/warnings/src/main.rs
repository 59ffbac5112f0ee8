//! The Lambda function that announces keys that end soon, and keys that nobody uses.

use lambda_runtime::LambdaEvent;
use latchkey::store::environment::Environment;
use latchkey_http::{log, runtime, serve};
use serde::de::IgnoredAny;
use warnings::{App, handle, until};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let environment = Environment::of_process();
    log::init("warnings", &environment)?;
    tracing::info!(function = "warnings", version = env!("CARGO_PKG_VERSION"), "starting");
    let app = App::from_environment(&environment)?;
    // Whatever invokes the function, it does the same.
    let announce = |event: LambdaEvent<IgnoredAny>| {
        let work = Box::pin(handle(&app, until(event.context.deadline())));
        serve::with_request_id(&event.context.request_id, work)
    };
    runtime::run(announce, || async {}).await
}
