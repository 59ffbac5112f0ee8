//! One execution environment: a function's program, its runtime API, its DynamoDB endpoint, and its clock.

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use latchkey_testkit::misbehaving::Endpoint;
use latchkey_testkit::runtime_api::{Call, RuntimeApi};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;

use crate::clock::SimulatedClock;

/// How an invocation ended.
#[derive(Debug)]
pub(crate) enum Invocation {
    /// The function's response.
    Response(Value),
    /// The function reported an error instead.
    Failed(String),
    /// The process ended before it responded.
    Crashed,
}

/// An execution environment, which handles one event at a time.
pub(crate) struct Environment {
    pub(crate) name: String,
    program: PathBuf,
    variables: Vec<(String, String)>,
    endpoint: Arc<Endpoint>,
    clock: Arc<SimulatedClock>,
    running: Option<Running>,
    process: Arc<AtomicU32>,
    output: Arc<Mutex<String>>,
}

struct Running {
    api: RuntimeApi,
    child: Child,
    /// The request for the next event, which waits for its reply.
    next: Option<Call>,
}

impl Environment {
    /// Describes an environment, which starts with its first event.
    pub(crate) fn new(
        name: String,
        program: PathBuf,
        variables: Vec<(String, String)>,
        endpoint: Arc<Endpoint>,
        clock: Arc<SimulatedClock>,
    ) -> Self {
        let (process, output) = (Arc::default(), Arc::default());
        Self { name, program, variables, endpoint, clock, running: None, process, output }
    }

    /// Sends an event, and returns how the invocation ended. Starts the program if it does not run.
    pub(crate) async fn invoke(&mut self, event: &str) -> Invocation {
        let mut running = match self.running.take() {
            Some(running) => running,
            None => self.start().await,
        };
        let invocation = running.exchange(event).await.unwrap_or(Invocation::Crashed);
        if running.next.is_some() {
            self.running = Some(running);
        } else {
            let status = running.child.wait().await.expect("a status");
            // Only the simulator kills functions; they never end by themselves.
            assert_eq!(status.to_string(), "signal: 9 (SIGKILL)", "{}", self.name);
            self.process.store(0, Ordering::Relaxed);
        }
        invocation
    }

    /// Ends the program.
    pub(crate) fn stop(&mut self) {
        self.running = None;
    }

    /// The process; 0 while none runs.
    pub(crate) fn process(&self) -> Arc<AtomicU32> {
        Arc::clone(&self.process)
    }

    /// Everything that the program printed.
    pub(crate) fn output(&self) -> String {
        self.output.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn start(&self) -> Running {
        let api = RuntimeApi::start().await;
        let clock = self.clock.variables();
        let mut variables: Vec<(&str, &str)> =
            clock.iter().map(|(name, value)| (*name, value.as_str())).collect();
        variables.push(("AWS_ENDPOINT_URL_DYNAMODB", &self.endpoint.url));
        let own = self.variables.iter();
        variables.extend(own.map(|(name, value)| (name.as_str(), value.as_str())));
        let mut child = api.spawn(&self.program, &variables);
        self.process.store(child.id().unwrap_or_default(), Ordering::Relaxed);
        let lines = child.stdout.take().expect("a piped output");
        let output = Arc::clone(&self.output);
        tokio::spawn(async move {
            let mut lines = BufReader::new(lines).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
                output.push_str(&line);
                output.push('\n');
            }
        });
        Running { api, child, next: None }
    }
}

impl Running {
    /// Sends an event; `None` if the process ends before it responds.
    async fn exchange(&mut self, event: &str) -> Option<Invocation> {
        let next = match self.next.take() {
            Some(next) => next,
            None => self.call().await?,
        };
        assert!(next.is_next(), "{next:?} instead of the next event");
        next.reply(event);
        let response = self.call().await?;
        let ended = if response.is_response() {
            Invocation::Response(serde_json::from_slice(&response.body).expect("a JSON response"))
        } else {
            Invocation::Failed(String::from_utf8_lossy(&response.body).into_owned())
        };
        response.reply("");
        // An invocation ends when the function asks for the next event. It may have work to do until then.
        self.next = self.call().await;
        Some(ended)
    }

    async fn call(&mut self) -> Option<Call> {
        tokio::select! {
            call = self.api.call() => Some(call),
            _ = self.child.wait() => None,
        }
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
