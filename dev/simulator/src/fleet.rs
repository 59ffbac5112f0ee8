//! The deployed functions, each with several execution environments, as API Gateway and Lambda run them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use latchkey_testkit::Answer;
use latchkey_testkit::misbehaving::{Crash, Endpoint, Fault, MisbehavingDynamoDb};
use latchkey_testkit::{ACCESS_KEY, REGION, Response, SECRET_KEY};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tokio::sync::{Mutex, RwLock, RwLockWriteGuard};

use crate::clock::{ClockLibrary, SimulatedClock};
use crate::environment::{Environment, Invocation};

/// The functions, in the order of their endpoints' numbers.
pub(crate) const FUNCTIONS: [&str; 4] = ["lakesail", "chaser", "oauth", "authorizer"];

/// Where the programs of the functions are.
#[derive(Clone, Debug)]
pub(crate) struct Programs {
    pub(crate) folder: PathBuf,
    pub(crate) clock: ClockLibrary,
}

/// All functions of a deployment.
pub(crate) struct Fleet {
    members: Vec<Member>,
    per_function: usize,
    turn: AtomicUsize,
    /// Held while a request runs.
    busy: RwLock<()>,
}

struct Member {
    environment: Mutex<Environment>,
    endpoint: Arc<Endpoint>,
    clock: Arc<SimulatedClock>,
    process: Arc<std::sync::atomic::AtomicU32>,
}

/// A response, or what happened instead.
#[derive(Debug)]
pub(crate) enum Reply {
    /// The function's HTTP response.
    Answer(Answer),
    /// The authorizer's verdict.
    Verdict(Value),
    /// API Gateway's own 500 or 503, since the function failed.
    Failed,
}

impl Fleet {
    /// Describes `per_function` environments of each function.
    pub(crate) async fn new(
        programs: &Programs,
        settings: &[(&str, String)],
        per_function: usize,
        dynamodb: &MisbehavingDynamoDb,
        folder: &Path,
    ) -> Self {
        let mut variables: Vec<(String, String)> = vec![
            ("AWS_REGION".to_owned(), REGION.to_owned()),
            ("AWS_ACCESS_KEY_ID".to_owned(), ACCESS_KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY".to_owned(), SECRET_KEY.to_owned()),
        ];
        variables.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        let mut members = Vec::new();
        for function in FUNCTIONS {
            for _ in 0..per_function {
                let name = format!("{function}-{}", members.len());
                let endpoint = Arc::new(dynamodb.endpoint(members.len() as u64).await);
                let clock = Arc::new(SimulatedClock::new(&programs.clock, folder, &name));
                let environment = Environment::new(
                    name,
                    programs.of(function),
                    variables.clone(),
                    Arc::clone(&endpoint),
                    Arc::clone(&clock),
                );
                let process = environment.process();
                let environment = Mutex::new(environment);
                members.push(Member { environment, endpoint, clock, process });
            }
        }
        Self { members, per_function, turn: AtomicUsize::new(0), busy: RwLock::new(()) }
    }

    /// How many environments there are.
    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    /// Waits until no request runs, and lets none start until the returned value is dropped.
    pub(crate) async fn pause(&self) -> RwLockWriteGuard<'_, ()> {
        self.busy.write().await
    }

    /// Sets how many milliseconds the clock of an environment is ahead of the system's.
    pub(crate) fn set_clock(&self, environment: usize, offset: i64) {
        self.members[environment].clock.set(offset);
    }

    /// Kills the program of an environment at one of its next requests to DynamoDB.
    pub(crate) fn crash(&self, environment: usize, after: u32, effect: bool) {
        let member = &self.members[environment];
        let process = Arc::clone(&member.process);
        let kill = move || {
            let id = process.load(Ordering::Relaxed) as i32;
            assert!(id > 0, "only a running program makes requests");
            // It cannot have ended, because only its environment waits for it.
            let _ = kill(Pid::from_raw(id), Signal::SIGKILL);
        };
        member.endpoint.crash(Crash { after, effect, kill: Box::new(kill) });
    }

    /// Gives the next requests of a function's first environment these faults.
    pub(crate) fn fail_next(&self, function: &str, operation: &'static str, faults: &[Fault]) {
        let first = position(function) * self.per_function;
        self.members[first].endpoint.fail_next(operation, faults.iter().copied());
    }

    /// Sends an HTTP request to any environment of `function`.
    pub(crate) async fn request(&self, function: &str, event: &Value) -> Reply {
        match self.invoke(function, event).await {
            Invocation::Response(response) => Reply::Answer(answer(&response)),
            Invocation::Failed(error) => panic!("{function} fails an invocation: {error}"),
            Invocation::Crashed => Reply::Failed,
        }
    }

    /// Sends an event to any environment of the authorizer.
    pub(crate) async fn authorize(&self, event: &Value) -> Reply {
        match self.invoke("authorizer", event).await {
            Invocation::Response(verdict) => Reply::Verdict(verdict),
            Invocation::Failed(_) | Invocation::Crashed => Reply::Failed,
        }
    }

    /// Sends an HTTP request to each environment of `function`.
    pub(crate) async fn request_all(&self, function: &str, event: &Value) -> Vec<Reply> {
        let mut replies = Vec::new();
        for _ in 0..self.per_function {
            replies.push(self.request(function, event).await);
        }
        replies
    }

    /// Sends an event to each environment of the authorizer.
    pub(crate) async fn authorize_all(&self, event: &Value) -> Vec<Reply> {
        let mut replies = Vec::new();
        for _ in 0..self.per_function {
            replies.push(self.authorize(event).await);
        }
        replies
    }

    /// Ends all programs.
    pub(crate) async fn stop(&self) {
        for member in &self.members {
            member.environment.lock().await.stop();
        }
    }

    /// Everything that the programs printed.
    pub(crate) async fn output(&self) -> String {
        let mut output = String::new();
        for member in &self.members {
            output.push_str(&member.environment.lock().await.output());
        }
        output
    }

    /// The processes that run now.
    pub(crate) fn processes(&self) -> Vec<u32> {
        let ids = self.members.iter().map(|member| member.process.load(Ordering::Relaxed));
        ids.filter(|id| *id > 0).collect()
    }

    /// Sends an event to the next environment in turn, or to another one if that is busy.
    async fn invoke(&self, function: &str, event: &Value) -> Invocation {
        let _busy = self.busy.read().await;
        let members = &self.members[position(function) * self.per_function..][..self.per_function];
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let event = event.to_string();
        for offset in 0..members.len() {
            let member = &members[(turn + offset) % members.len()];
            if let Ok(mut environment) = member.environment.try_lock() {
                return environment.invoke(&event).await;
            }
        }
        members[turn % members.len()].environment.lock().await.invoke(&event).await
    }
}

fn position(function: &str) -> usize {
    FUNCTIONS.iter().position(|known| *known == function).expect("a function")
}

impl Programs {
    /// The program of a function: as `cargo build` leaves it, or as `cargo lambda build` does.
    fn of(&self, function: &str) -> PathBuf {
        let packaged = self.folder.join(function).join("bootstrap");
        if packaged.exists() { packaged } else { self.folder.join(function) }
    }
}

/// A function's HTTP response (payload format 2.0) for the checks of the tests.
fn answer(response: &Value) -> Answer {
    let status = response["statusCode"].as_u64().and_then(|status| u16::try_from(status).ok());
    let status = status.and_then(|status| status.try_into().ok()).expect("a status");
    let mut answer = Response::empty(status);
    for (name, value) in response["headers"].as_object().into_iter().flatten() {
        let name: latchkey_http::http::HeaderName = name.parse().expect("a header's name");
        let value = value.as_str().unwrap_or_default().parse().expect("a header's value");
        answer.headers.insert(name, value);
    }
    answer.body = response["body"].as_str().unwrap_or_default().to_owned();
    answer.into()
}
