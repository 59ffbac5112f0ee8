//! The development command, step by step.

mod banner;
mod cargo_lambda;
mod credentials;
mod env_file;
mod forward;
mod functions;
mod mint_call;
mod port;
mod probe;
mod process;
mod signals;
mod stack;
mod state;

use std::time::Duration;

use crate::project;

use self::functions::Functions;
use self::mint_call::MintCall;
use self::port::Reserved;
use self::process::Group;
use self::signals::Signals;
use self::stack::Stack;
use self::state::State;

/// DynamoDB itself takes days; with a minute, you can see it happen.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// Runs everything until a signal stops it.
///
/// # Errors
///
/// What went wrong and what to do about it, in one line.
pub(crate) async fn run(port: u16, ephemeral: bool) -> Result<(), String> {
    let mut signals = Signals::listen()?;
    let prepared = tokio::select! {
        prepared = prepare(port, ephemeral) => prepared?,
        () = signals.next() => return Ok(()),
    };
    let Prepared { port, stack, calls, functions } = prepared;
    drop(port);
    let mut server = functions.serve(&stack)?;
    let ended = tokio::select! {
        ended = watch(&stack, &calls, &mut server) => ended,
        () = signals.next() => {
            say("\nStopping.");
            Ok(())
        }
    };
    server.stop().await;
    ended
}

struct Prepared {
    port: Reserved,
    stack: Stack,
    calls: Vec<MintCall>,
    functions: Functions,
}

/// Everything before the server, starting with what fails fast.
async fn prepare(port: u16, ephemeral: bool) -> Result<Prepared, String> {
    let root = project::root();
    let state = State::open(&root)?;
    let port = Reserved::take(port)?;
    let policy = stack::policy()?;
    let stack = Stack::start(state, port.number(), policy, ephemeral).await?;
    let calls = mint_call::all(&root).await?;
    let functions = Functions::build(&root).await?;
    Ok(Prepared { port, stack, calls, functions })
}

/// Reports when the functions respond, then sweeps expired items; returns only on a failure.
async fn watch(stack: &Stack, calls: &[MintCall], server: &mut Group) -> Result<(), String> {
    tokio::select! {
        answered = probe::all_answer(stack.port(), calls) => answered?,
        ended = server.ended() => return Err(ended),
    }
    tokio::spawn(forward::run(stack.port()));
    let env_file = stack.write_env_file()?;
    say(&banner::render(stack, calls, &env_file));
    let mut minutes = tokio::time::interval(SWEEP_INTERVAL);
    loop {
        tokio::select! {
            ended = server.ended() => return Err(ended),
            _ = minutes.tick() => stack.sweep().await,
        }
    }
}

/// Prints a line; a closed output is not an error.
fn say(line: &str) {
    use std::io::Write as _;

    let _ = writeln!(std::io::stdout(), "{line}");
}
