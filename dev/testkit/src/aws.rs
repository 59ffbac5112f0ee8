//! The Secrets Manager and the `EventBridge` Scheduler of a test, as far as the function `webhooks` uses them.
//!
//! Sources: <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html> and
//! <https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html>

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use latchkey::service::Clock;
use latchkey::time::Timestamp;
use serde_json::{Value, json};
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::http1::Message;

/// A server on a free loopback port, which stops with the test.
pub struct Aws {
    /// The URL, for `AWS_ENDPOINT_URL_SECRETS_MANAGER` and `AWS_ENDPOINT_URL_SCHEDULER`.
    pub url: String,
    state: Arc<Mutex<State>>,
}

struct State {
    secret: String,
    clock: Clock,
    schedules: BTreeMap<String, Value>,
    failing: bool,
}

impl Aws {
    /// Starts a server in which every secret has the value `secret`.
    ///
    /// # Panics
    ///
    /// If no port is free.
    pub async fn start(secret: &str) -> Self {
        Self::start_at(secret, Clock::system()).await
    }

    /// Does the same with a clock for schedules, which are in its future.
    ///
    /// # Panics
    ///
    /// If no port is free.
    pub async fn start_at(secret: &str, clock: Clock) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let secret = secret.to_owned();
        let state = State { secret, clock, schedules: BTreeMap::new(), failing: false };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Self { url, state }
    }

    /// Refuses to create schedules, or accepts them again.
    pub fn refuse(&self, refuse: bool) {
        lock(&self.state).failing = refuse;
    }

    /// The requests for schedules by their names.
    pub fn schedules(&self) -> BTreeMap<String, Value> {
        lock(&self.state).schedules.clone()
    }
}

impl State {
    fn answer(&mut self, request: &Message) -> Message {
        if let Some(target) = request.header("x-amz-target") {
            assert_eq!(target, "secretsmanager.GetSecretValue", "{}", request.head);
            let secret = json!({ "Name": "secret", "SecretString": self.secret });
            return Message::json("200 OK", "", &secret.to_string());
        }
        let line = request.line().split(' ').nth(1).expect("a path").to_owned();
        let name = line.strip_prefix("/schedules/").expect("a schedule").to_owned();
        if self.failing {
            let error = "x-amzn-errortype: AccessDeniedException\r\n";
            return Message::json("403 Forbidden", error, r#"{"Message":"as asked for"}"#);
        }
        if self.schedules.contains_key(&name) {
            let error = "x-amzn-errortype: ConflictException\r\n";
            return Message::json("409 Conflict", error, r#"{"Message":"it exists"}"#);
        }
        let schedule: Value = serde_json::from_slice(&request.body).expect("JSON");
        if at(&schedule) <= self.clock.now() {
            let error = "x-amzn-errortype: ValidationException\r\n";
            return Message::json("400 Bad Request", error, r#"{"Message":"it is in the past"}"#);
        }
        self.schedules.insert(name, schedule);
        let made = json!({ "ScheduleArn": "arn:aws:scheduler:us-east-1:1:schedule/g/s" });
        Message::json("200 OK", "", &made.to_string())
    }
}

/// The time of a one-time schedule.
fn at(schedule: &Value) -> Timestamp {
    let expression = schedule["ScheduleExpression"].as_str().expect("a text");
    let at = expression.strip_prefix("at(").and_then(|at| at.strip_suffix(')'));
    format!("{}Z", at.expect("a time")).parse().expect("a time")
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(stream: TcpStream, state: Arc<Mutex<State>>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let request = Message::read(&mut stream).await?;
        let answer = lock(&state).answer(&request);
        stream.get_mut().write_all(&answer.bytes()).await.ok()?;
    }
}
