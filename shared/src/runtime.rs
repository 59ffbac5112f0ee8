//! The Lambda runtime, with work after the answer.
//!
//! An environment is frozen when its runtime asks for the next event, not when it has answered. So
//! what is done in between, after the answer went to the caller, runs to its end: the way of "Running
//! code after returning a response" in the AWS Compute Blog that needs a custom runtime, which a Rust
//! function is. An internal extension would hold the freeze off as well, for one more request to the
//! runtime API with each event, whether there is anything to do or not.

use lambda_runtime::tower::ServiceExt;
use lambda_runtime::tower::layer::layer_fn;
use lambda_runtime::{Diagnostic, LambdaEvent, LambdaInvocation, Runtime, service_fn};
use serde::{Deserialize, Serialize};

/// Serves events with `handler` until the environment ends. After each answer, once that is on its
/// way to the caller, `after` runs; the next event waits for it.
///
/// # Errors
///
/// When the Lambda runtime API itself fails.
pub async fn run<Event, Handler, Work, Answer, Failure, After, AfterWork>(
    handler: Handler,
    after: After,
) -> Result<(), lambda_runtime::Error>
where
    Event: for<'de> Deserialize<'de>,
    Handler: FnMut(LambdaEvent<Event>) -> Work,
    Work: Future<Output = Result<Answer, Failure>>,
    Answer: Serialize,
    Failure: Into<Diagnostic> + std::fmt::Debug,
    After: Fn() -> AfterWork + Clone,
    AfterWork: Future<Output = ()>,
{
    let then = layer_fn(|service| {
        let after = after.clone();
        ServiceExt::<LambdaInvocation>::then(service, async move |answered| {
            after().await;
            answered
        })
    });
    Runtime::new(service_fn(handler)).layer(then).run().await
}
