//! Serving requests one at a time, each in bounded time and with its ID in its log lines.

use std::convert::Infallible;

use http::{HeaderName, HeaderValue};
use lambda_runtime::LambdaEvent;
use latchkey::Latchkey;
use latchkey::service::REQUEST_TIMEOUT;
use latchkey::service::metrics::Counter;
use latchkey::store::StoreError;
use tracing::Instrument;
use tracing::field::Empty;

use crate::error::Error;
use crate::event::{Event, EventResponse};
use crate::request::Request;
use crate::response::Response;
use crate::{log, runtime};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Serves events with `handler` until the environment ends, and runs `latchkey`'s remaining work after each
/// response.
///
/// # Errors
///
/// Returns an error if the Lambda runtime API itself fails.
pub async fn run<F, R>(latchkey: &Latchkey, handler: F) -> Result<(), lambda_runtime::Error>
where
    F: Fn(Request) -> R,
    R: Future<Output = Response>,
{
    let serve = |event: LambdaEvent<Event>| {
        let request_id = event.context.request_id;
        let payload = event.payload.payload();
        // Boxed because the compiler gives up on the layout of so many nested futures.
        let work = Box::pin(handler(request(event.payload, &request_id)));
        async move {
            let response = answer(&request_id, work).await;
            Ok::<_, Infallible>(EventResponse::new(response, payload))
        }
    };
    runtime::run(serve, || latchkey.after_answer()).await
}

/// Returns the request of an event. `id` is Lambda's ID of the request, which the audit trail names.
pub fn request(event: Event, id: &str) -> Request {
    let mut request = Request::from(event);
    request.origin.request = Some(id.to_owned());
    request
}

/// Returns the response of `work` and adds the request's ID: in `x-request-id`, which Chaser's SDK reads, and
/// in each line that `work` logs. A failure reported with that ID can be found in the log.
pub async fn answer(id: &str, work: impl Future<Output = Response>) -> Response {
    let mut response = with_request_id(id, work).await;
    // Always succeeds, because Lambda's IDs are UUIDs.
    if let Ok(id) = HeaderValue::from_str(id) {
        response.headers.insert(REQUEST_ID, id);
    }
    response
}

/// Adds the request's ID to each line that `work` logs, and whatever else the request learns of its caller.
pub fn with_request_id<W: Future>(id: &str, work: W) -> impl Future<Output = W::Output> + use<W> {
    work.instrument(tracing::error_span!(
        "request",
        id,
        caller.organization.id = Empty,
        caller.account.id = Empty,
        caller.key.id = Empty,
        presented.account.id = Empty,
        presented.key.id = Empty,
    ))
}

/// Serves a request with `work` in bounded time. Counts a failure, and logs it unless it is one of many.
///
/// # Errors
///
/// The errors of `work`; [`StoreError::Unavailable`] if it takes longer than [`REQUEST_TIMEOUT`].
pub async fn with_deadline<T, E: From<Error> + AsRef<Error>>(
    latchkey: &Latchkey,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    // Boxed because requests are deep futures, and the compiler gives up on several nested ones.
    let answer = match tokio::time::timeout(REQUEST_TIMEOUT, Box::pin(work)).await {
        Ok(answer) => answer,
        Err(_) => {
            let late = StoreError::unavailable("the request took too long");
            Err(Error::Service(late.into()).into())
        }
    };
    if let Err(failed) = &answer {
        let error = failed.as_ref();
        log::failure(latchkey, error);
        if let Error::Service(latchkey::Error::Store(_)) = error {
            latchkey.metrics().count(Counter::StoreFailures, 1);
        }
    }
    answer
}
