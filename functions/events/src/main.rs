//! The Lambda function that publishes audit events to an `EventBridge` bus.

use events::{App, handle};
use lambda_runtime::LambdaEvent;
use latchkey::store::environment::Environment;
use latchkey_http::{log, runtime, serve};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let environment = Environment::of_process();
    log::init("events", &environment)?;
    tracing::info!(function = "events", version = env!("CARGO_PKG_VERSION"), "starting");
    let app = App::from_environment(&environment)?;
    let publish = |event: LambdaEvent<_>| {
        let work = Box::pin(handle(&app, event.payload));
        serve::with_request_id(&event.context.request_id, work)
    };
    runtime::run(publish, || async {}).await
}
