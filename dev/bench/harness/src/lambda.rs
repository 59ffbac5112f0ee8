//! Lambda's runtime API with a stopwatch.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::net::TcpListener;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::http1::Connection;
use crate::process::Process;

/// How long a function may take for a batch of events.
const PATIENCE: Duration = Duration::from_secs(120);

/// The API, which ends with the process.
pub(crate) struct Lambda {
    pub(crate) address: String,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Counts processes, so that connections of an earlier one end.
    process: u64,
    ready: Option<Ready>,
    event: Arc<Vec<u8>>,
    /// The events to deliver, and the time from one to the next.
    left: usize,
    pace: Duration,
    delivered: Option<Instant>,
    /// Whether the function waits for an event that there is not.
    waits: bool,
    seen: Seen,
}

/// When a function first asked for an event, and the CPU time that it had used by then.
#[derive(Clone, Copy)]
pub(crate) struct Ready {
    pub(crate) at: Instant,
    pub(crate) cpu: Duration,
}

/// What was seen of a batch of events.
#[derive(Default)]
pub(crate) struct Seen {
    /// From each event to its response.
    pub(crate) took: Vec<Duration>,
    /// When the first response arrived.
    pub(crate) first: Option<Instant>,
    pub(crate) errors: usize,
    pub(crate) last: Vec<u8>,
}

impl Lambda {
    /// Starts the API on a free loopback port.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let shared = Arc::<Shared>::default();
        let server = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let _ = stream.set_nodelay(true);
                let server = Arc::clone(&server);
                thread::spawn(move || server.serve(Connection::new(stream)));
            }
        });
        Self { address, shared }
    }

    /// Forgets the last process; the next one gets `event`.
    pub(crate) fn reset(&self, event: Vec<u8>) {
        let mut state = self.shared.state();
        let process = state.process + 1;
        *state = State { process, event: Arc::new(event), ..State::default() };
        self.shared.changed.notify_all();
    }

    /// Waits until `process` asks for its first event.
    pub(crate) fn ready(&self, process: &mut Process) -> Result<Ready, String> {
        let mut state = self.wait(process, |state| state.waits)?;
        let ready = state.ready.as_mut().expect("a function that waits");
        ready.cpu = process.cpu();
        Ok(*ready)
    }

    /// Delivers `count` events, one every `pace` or one after another, and waits for all responses.
    pub(crate) fn invoke(
        &self,
        process: &mut Process,
        count: usize,
        pace: Duration,
    ) -> Result<Seen, String> {
        {
            let mut state = self.shared.state();
            (state.left, state.pace, state.seen, state.waits) =
                (count, pace, Seen::default(), false);
            state.delivered = None;
            self.shared.changed.notify_all();
        }
        let mut state = self.wait(process, |state| state.left == 0 && state.waits)?;
        Ok(std::mem::take(&mut state.seen))
    }

    fn wait(
        &self,
        process: &mut Process,
        until: impl Fn(&State) -> bool,
    ) -> Result<MutexGuard<'_, State>, String> {
        let began = Instant::now();
        let mut state = self.shared.state();
        while !until(&state) {
            if began.elapsed() > PATIENCE || process.has_ended() {
                return Err("the function ended or hangs".to_owned());
            }
            let step = Duration::from_millis(100);
            let waited = self.shared.changed.wait_timeout(state, step);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(state)
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, mut connection: Connection<std::net::TcpStream>) -> Option<()> {
        let process = self.state().process;
        loop {
            let request = connection.request()?;
            let now = Instant::now();
            if request.line.ends_with("/invocation/next") {
                let event = self.next(process, now)?;
                connection.answer(
                    "200 OK",
                    "lambda-runtime-aws-request-id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\n\
                     lambda-runtime-deadline-ms: 4102444800000\r\n\
                     lambda-runtime-invoked-function-arn: arn:aws:lambda:us-east-1:123456789012:function:f\r\n",
                    &event,
                )?;
                continue;
            }
            {
                let mut state = self.state();
                if let Some(delivered) = state.delivered {
                    state.seen.took.push(now - delivered);
                }
                state.seen.first.get_or_insert(now);
                let failed = request.line.ends_with("/error") || is_refusal(&request.body);
                state.seen.errors += usize::from(failed);
                state.seen.last = request.body;
            }
            connection.answer("202 Accepted", "", b"{}")?;
        }
    }

    /// Waits for the next event; `None` if another process has started.
    fn next(&self, process: u64, now: Instant) -> Option<Arc<Vec<u8>>> {
        let mut state = self.state();
        state.ready.get_or_insert(Ready { at: now, cpu: Duration::ZERO });
        while state.left == 0 {
            state.waits = true;
            self.changed.notify_all();
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            if state.process != process {
                return None;
            }
        }
        state.waits = false;
        state.left -= 1;
        if let Some(last) = state.delivered {
            let due = last + state.pace;
            drop(state);
            thread::sleep(due.saturating_duration_since(Instant::now()));
            state = self.state();
        }
        state.delivered = Some(Instant::now());
        Some(Arc::clone(&state.event))
    }
}

/// Whether a response has a status that is an error.
fn is_refusal(response: &[u8]) -> bool {
    let status = br#""statusCode":"#;
    let at = response.windows(status.len()).position(|window| window == status);
    let digit = at.and_then(|at| response[at + status.len()..].trim_ascii_start().first());
    digit.is_some_and(|digit| *digit >= b'4')
}
