//! The Lambda runtime, with work after the response.
//!
//! Lambda freezes an environment when its runtime requests the next event, not when it responds. So work
//! between the response and that request always completes. This is the technique in the AWS Compute Blog's
//! "Running code after returning a response" that requires a custom runtime, which a Rust function has. An
//! internal extension would also delay the freeze, but it would send one more request to the runtime API with
//! each event, whether or not there is work to do.

use lambda_runtime::tower::ServiceExt;
use lambda_runtime::tower::layer::layer_fn;
use lambda_runtime::{Diagnostic, LambdaEvent, LambdaInvocation, Runtime, service_fn};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

/// Serves events with `handler` until the environment ends. `after` runs once each response is on its way to
/// the caller, and the next event waits for it.
///
/// # Errors
///
/// Returns an error if the Lambda runtime API itself fails.
pub async fn run<Event, Handler, Work, Answer, Failure, After, AfterWork>(
    mut handler: Handler,
    after: After,
) -> Result<(), lambda_runtime::Error>
where
    Event: DeserializeOwned,
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
    let serve = move |event: LambdaEvent<Parsed<Event>>| {
        let work = event.payload.0.map(|payload| handler(LambdaEvent::new(payload, event.context)));
        async move {
            match work {
                Some(work) => work.await.map_err(Into::into),
                None => Err(invalid_event()),
            }
        }
    };
    Runtime::new(service_fn(serve)).layer(then).run().await
}

/// An event, or `None` if the invocation contained something else.
///
/// The runtime's own error would quote the event, which may hold a key, and would use a Rust type as its
/// `errorType`.
struct Parsed<Event>(Option<Event>);

impl<'de, Event: DeserializeOwned> Deserialize<'de> for Parsed<Event> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // As text first: the runtime's deserializer records the path to each value, in an allocation each.
        let event = Box::<RawValue>::deserialize(deserializer)?;
        Ok(Self(serde_json::from_str(event.get()).ok()))
    }
}

fn invalid_event() -> Diagnostic {
    let error_message = "this function does not support this event".to_owned();
    tracing::error!("{error_message}");
    Diagnostic { error_type: "InvalidEvent".to_owned(), error_message }
}
