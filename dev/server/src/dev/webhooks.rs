//! Delivers events to webhooks, as the stack does with `Webhooks=on`: the function `webhooks` is called with the table's
//! stream and at scheduled times. For the functions, this is also Secrets Manager and `EventBridge` Scheduler.
//!
//! Sources: <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html> and
//! <https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html>

use std::net::Ipv4Addr;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Request, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use latchkey::service::Clock;
use latchkey::time::Timestamp;
use latchkey::webhook::LOCAL_ENDPOINTS;
use latchkey_database::{Stream, sample};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::MissedTickBehavior;

/// How often to look for changes, as often as Lambda does, and for schedules.
const INTERVAL: Duration = Duration::from_millis(250);

/// The most of a response to read. The function's own are shorter.
const RESPONSE_BYTES_MAX: usize = 1024 * 1024;

/// A call of the function at a time.
#[derive(Debug, PartialEq, Eq)]
struct Schedule {
    at: Timestamp,
    input: Value,
}

/// The services that the functions need for webhooks.
pub(crate) struct Webhooks {
    url: String,
    schedules: UnboundedReceiver<Schedule>,
}

impl Webhooks {
    /// Starts the services on a free loopback port.
    pub(crate) async fn start() -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("the services for webhooks: {error}");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(failed)?;
        let url = format!("http://{}", listener.local_addr().map_err(failed)?);
        let (sender, schedules) = unbounded_channel();
        let router = Router::new().fallback(answer).with_state(sender);
        tokio::spawn(axum::serve(listener, router).into_future());
        Ok(Self { url, schedules })
    }

    /// The variables of the functions.
    pub(crate) fn variables(&self) -> [(&'static str, &str); 6] {
        [
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", &self.url),
            ("AWS_ENDPOINT_URL_SCHEDULER", &self.url),
            ("LATCHKEY_WEBHOOK_SECRET", "local"),
            ("LATCHKEY_SCHEDULE_GROUP", "local"),
            ("LATCHKEY_SCHEDULE_ROLE", "arn:aws:iam::000000000000:role/local"),
            (LOCAL_ENDPOINTS, "on"),
        ]
    }

    /// Calls the function, which `cargo lambda watch` serves on a loopback port; returns only if the stream fails.
    pub(crate) async fn deliver(mut self, mut stream: Stream, port: u16) -> Result<(), String> {
        let mut ticks = tokio::time::interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut waiting = Vec::new();
        loop {
            ticks.tick().await;
            loop {
                let mut records = stream.records().await?;
                records.retain(is_for_webhooks);
                if !records.is_empty() {
                    call(port, json!({ "Records": records })).await;
                }
                while let Ok(schedule) = self.schedules.try_recv() {
                    waiting.push(schedule);
                }
                // One at a time, so that endpoints that fail do not delay new events.
                let Some(input) = due(&mut waiting, Clock::system().now()) else { break };
                call(port, input).await;
            }
        }
    }
}

/// As the filter of the template's event source mapping.
fn is_for_webhooks(record: &Value) -> bool {
    let keys = &record["dynamodb"]["Keys"];
    let starts = |key: &str, prefix: &str| {
        keys[key]["S"].as_str().is_some_and(|key| key.starts_with(prefix))
    };
    record["eventName"] == "INSERT"
        && (starts("pk", "AUDIT#") || starts("pk", "WEBHOOKS#") && starts("sk", "DELIVERY#"))
}

/// Takes out the input of the earliest schedule, if that is due at `now`.
fn due(waiting: &mut Vec<Schedule>, now: Timestamp) -> Option<Value> {
    let (earliest, _) = waiting.iter().enumerate().min_by_key(|(_, schedule)| schedule.at)?;
    (waiting[earliest].at <= now).then(|| waiting.swap_remove(earliest).input)
}

/// Calls the function, and says if that fails.
async fn call(port: u16, event: Value) {
    if let Err(problem) = invoke(port, &event).await {
        eprintln!(
            "warning: webhooks: {problem}; the deliveries of this call are lost; discard and replay those that exist"
        );
    }
}

async fn invoke(port: u16, event: &Value) -> Result<(), String> {
    let failed = |error: &dyn ToString| error.to_string();
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await;
    let stream = TokioIo::new(stream.map_err(|error| failed(&error))?);
    let (mut sender, connection) =
        http1::handshake(stream).await.map_err(|error| failed(&error))?;
    // Its errors are also those of the request and of the response's body.
    tokio::spawn(async { drop(connection.await) });
    let request = Request::post("/2015-03-31/functions/webhooks/invocations")
        .header("host", format!("127.0.0.1:{port}"))
        .body(Body::from(event.to_string()))
        .map_err(|error| failed(&error))?;
    let response = sender.send_request(request).await.map_err(|error| failed(&error))?;
    let status = response.status();
    let body = to_bytes(Body::new(response.into_body()), RESPONSE_BYTES_MAX).await;
    let body = body.map_err(|error| failed(&error))?;
    let value: Value = serde_json::from_slice(&body).unwrap_or_default();
    let complete = value["batchItemFailures"].as_array().is_some_and(Vec::is_empty);
    if status.is_success() && complete {
        return Ok(());
    }
    Err(format!("the function responded with {status}: {}", String::from_utf8_lossy(&body)))
}

/// Responds as Secrets Manager, or as the scheduler.
async fn answer(
    State(schedules): State<UnboundedSender<Schedule>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    if target == Some("secretsmanager.GetSecretValue") {
        let secret = json!({ "Name": "local", "SecretString": sample::WEBHOOK_SECRET });
        return (StatusCode::OK, secret.to_string()).into_response();
    }
    let schedule = uri.path().strip_prefix("/schedules/").and_then(|_| schedule(&body));
    let ahead = schedule.filter(|schedule| schedule.at > Clock::system().now());
    match ahead.map(|schedule| schedules.send(schedule)) {
        Some(Ok(())) => {
            let made = json!({ "ScheduleArn": "arn:aws:scheduler:local:0:schedule/local/local" });
            (StatusCode::OK, made.to_string()).into_response()
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Reads a request to create a one-time schedule.
fn schedule(body: &[u8]) -> Option<Schedule> {
    let request: Value = serde_json::from_slice(body).ok()?;
    let at = request["ScheduleExpression"].as_str()?.strip_prefix("at(")?.strip_suffix(')')?;
    let input = serde_json::from_str(request["Target"]["Input"].as_str()?).ok()?;
    Some(Schedule { at: format!("{at}Z").parse().ok()?, input })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn a_schedule_is_due_at_its_time() {
        let body = json!({
            "ScheduleExpression": "at(2026-01-01T00:05:00)",
            "Target": { "Arn": "arn", "Input": "{\"attempts\":2}", "RoleArn": "role" },
        });
        let read = |body: &Value| schedule(body.to_string().as_bytes());
        let found = read(&body).expect("a schedule");
        let input = json!({ "attempts": 2 });
        let time = at("2026-01-01T00:05:00Z");
        assert_eq!(found, Schedule { at: time, input: input.clone() });
        let earlier = Schedule { at: at("2026-01-01T00:04:00Z"), input: json!(1) };
        let mut waiting = vec![found, earlier];
        assert_eq!(due(&mut waiting, at("2026-01-01T00:03:59.999Z")), None);
        assert_eq!(due(&mut waiting, time), Some(json!(1)));
        assert_eq!(due(&mut waiting, time), Some(input));
        assert_eq!((due(&mut waiting, time), waiting.len()), (None, 0));
        for (field, value) in [("ScheduleExpression", "rate(5 minutes)"), ("Target", "none")] {
            let mut other = body.clone();
            other[field] = value.into();
            assert_eq!(read(&other), None);
        }
    }

    #[test]
    fn only_new_events_and_deliveries_are_for_webhooks() {
        let record = |name: &str, pk: &str, sk: &str| json!({ "eventName": name, "dynamodb": { "Keys": { "pk": { "S": pk }, "sk": { "S": sk } } } });
        for (name, pk, sk, expected) in [
            ("INSERT", "AUDIT#acme", "001767225600000000", true),
            ("INSERT", "WEBHOOKS#acme", "DELIVERY#1", true),
            ("MODIFY", "WEBHOOKS#acme", "DELIVERY#1", false),
            ("INSERT", "WEBHOOKS#acme", "WEBHOOK#1", false),
            ("INSERT", "AUDIT", "001767225600000000", false),
            ("INSERT", "ACCOUNT#1", "KEY#1", false),
        ] {
            assert_eq!(is_for_webhooks(&record(name, pk, sk)), expected, "{name} {pk} {sk}");
        }
    }

    #[tokio::test]
    async fn the_functions_get_the_secret_and_can_create_schedules() {
        let mut webhooks = Webhooks::start().await.expect("started");
        let address = webhooks.url.strip_prefix("http://").expect("a URL").to_owned();
        let ask = async |path: &str, target: &str, body: Value| {
            let stream = TcpStream::connect(&address).await.expect("a connection");
            let (mut sender, connection) =
                http1::handshake(TokioIo::new(stream)).await.expect("HTTP");
            tokio::spawn(async { drop(connection.await) });
            let request = Request::post(path).header("host", "aws").header("x-amz-target", target);
            let request = request.body(Body::from(body.to_string())).expect("a request");
            let response = sender.send_request(request).await.expect("a response");
            let status = response.status().as_u16();
            let body = to_bytes(Body::new(response.into_body()), 10_000).await.expect("a body");
            (status, String::from_utf8(body.to_vec()).expect("UTF-8"))
        };
        let (status, body) = ask("/", "secretsmanager.GetSecretValue", json!({})).await;
        assert!(status == 200 && body.contains(sample::WEBHOOK_SECRET), "{status} {body}");
        let target = json!({ "Input": "{}" });
        let request = |at: &str| json!({ "ScheduleExpression": at, "Target": target });
        let (status, body) = ask("/schedules/one", "", request("at(9999-01-01T00:00:00)")).await;
        assert!(status == 200 && body.contains("ScheduleArn"), "{status} {body}");
        let expected = Schedule { at: at("9999-01-01T00:00:00Z"), input: json!({}) };
        assert_eq!(webhooks.schedules.try_recv().expect("a schedule"), expected);
        let past = request("at(2026-01-01T00:00:00)");
        assert_eq!(ask("/schedules/two", "", past).await.0, 404);
        let other = request("at(9999-01-01T00:00:00)");
        assert_eq!(ask("/other", "", other).await.0, 404);
    }
}
