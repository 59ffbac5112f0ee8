//! The development command, step by step.

mod banner;
mod credentials;
mod env_file;
mod events;
mod front;
mod functions;
mod mint_call;
mod port;
mod probe;
mod process;
mod signals;
mod stack;
mod state;
mod webhooks;
mod workspace;

use std::pin::pin;
use std::time::Duration;

use crate::{Options, project};

use self::front::Site;
use self::port::Reserved;
use self::process::Group;
use self::signals::Signals;
use self::stack::Stack;
use self::state::State;
use self::webhooks::Webhooks;

/// DynamoDB itself takes days to delete an item, and the schedule announces keys every hour; with a minute, you can see
/// both happen.
const INTERVAL: Duration = Duration::from_secs(60);

/// Runs everything until a signal stops it.
///
/// # Errors
///
/// What went wrong and what to do about it, in one line.
pub(crate) async fn run(options: Options) -> Result<(), String> {
    let mut signals = Signals::listen()?;
    let prepared = tokio::select! {
        prepared = prepare(options) => prepared?,
        () = signals.next() => return Ok(()),
    };
    let Prepared { port, inner, stack, site, webhooks } = prepared;
    let upstream = inner.number();
    drop(inner);
    let mut server = functions::serve(&project::root(), &stack, webhooks.as_ref(), upstream)?;
    let ended = tokio::select! {
        ended = watch(port, upstream, &stack, site, webhooks, &mut server) => ended,
        () = signals.next() => {
            say("\nStopping.");
            Ok(())
        }
    };
    server.stop().await;
    ended
}

struct Prepared {
    /// The port of the API.
    port: Reserved,
    /// The port of `cargo lambda watch`.
    inner: Reserved,
    stack: Stack,
    site: Site,
    webhooks: Option<Webhooks>,
}

/// Everything before the server, starting with what fails fast.
async fn prepare(options: Options) -> Result<Prepared, String> {
    let root = project::root();
    let state = State::open(&root)?;
    let port = Reserved::take(options.port)?;
    let inner = Reserved::take(0)?;
    let policy = stack::policy()?;
    let stack = Stack::start(state, port.number(), policy, options.ephemeral).await?;
    let site = Site::of(&stack, &workspace::metadata(&root).await?, &root)?;
    let webhooks = if options.webhooks { Some(Webhooks::start().await?) } else { None };
    Ok(Prepared { port, inner, stack, site, webhooks })
}

/// Reports when the functions respond, then shows events, delivers them to webhooks, announces keys, and
/// sweeps expired items; returns only on a failure.
async fn watch(
    port: Reserved,
    upstream: u16,
    stack: &Stack,
    site: Site,
    webhooks: Option<Webhooks>,
    server: &mut Group,
) -> Result<(), String> {
    tokio::select! {
        answered = probe::all_answer(upstream, &site.calls) => answered?,
        ended = server.ended() => return Err(ended),
    }
    let mut events = stack.events().await?;
    stack.write_env_file()?;
    let banner = banner::render(stack, &site);
    front::serve(port.into_listener()?, site, upstream).await?;
    say(&banner);
    let deliveries = async {
        match webhooks {
            Some(webhooks) => webhooks.deliver(stack.stream().await?, upstream).await,
            None => std::future::pending().await,
        }
    };
    let mut deliveries = pin!(deliveries);
    let mut minutes = tokio::time::interval(INTERVAL);
    loop {
        tokio::select! {
            ended = server.ended() => return Err(ended),
            event = events.next() => say(&event?),
            ended = &mut deliveries => return ended,
            _ = minutes.tick() => {
                stack.sweep().await;
                stack.warn().await;
            }
        }
    }
}

/// Prints a line; a closed output is not an error.
fn say(line: &str) {
    use std::io::Write as _;

    let _ = writeln!(std::io::stdout(), "{line}");
}
