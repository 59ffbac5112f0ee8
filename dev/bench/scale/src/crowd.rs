//! Many execution environments that create keys at the same time.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use serde::Serialize;
use tokio::task::LocalSet;

use crate::database::Usage;
use crate::environment::{Environment, Function, lakesail_keys};
use crate::world::World;

/// The environments, each with one client.
const ENVIRONMENTS: usize = 64;

/// The keys that each client creates, one after the other.
const KEYS: u32 = 5;

/// A limit that the keys do not reach.
const KEY_LIMIT: u64 = 1000;

/// The requests for one key, at most.
const REQUESTS_MAX: u32 = 20;

/// How the environments fared.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Crowd {
    accounts: usize,
    /// Whether a client repeats a request as `Retry-After` says.
    repeats: bool,
    requests: u32,
    minted: u32,
    /// Requests that failed, by status and message.
    failed: BTreeMap<String, u32>,
    calls: u32,
    /// Writes that conflicted. The service repeats each, unless it gives up.
    conflicts: u32,
    /// Conflicts after which the service wrote again.
    retries: u32,
    write: f64,
    /// Virtual time.
    seconds: f64,
}

/// What one client saw.
#[derive(Default)]
struct Seen {
    requests: u32,
    minted: u32,
    failed: BTreeMap<String, u32>,
}

/// Measures all environments on one account and each on its own, and clients that repeat and that do not.
pub(crate) async fn measure() -> Vec<Crowd> {
    let mut crowds = Vec::new();
    for accounts in [1, ENVIRONMENTS] {
        for repeats in [false, true] {
            crowds.push(crowd(accounts, repeats).await);
        }
    }
    crowds
}

async fn crowd(accounts: usize, repeats: bool) -> Crowd {
    let world = World::start().await;
    let targets: Vec<String> = (0..accounts).map(|_| world.add_account(0)).collect();
    let mut clients = Vec::new();
    for number in 0..ENVIRONMENTS {
        let environment = Environment::warm(&world, KEY_LIMIT).await;
        clients.push((environment, lakesail_keys(&targets[number % accounts])));
    }
    world.database.take();
    let (token, began) = (Rc::new(world.caller.token.clone()), tokio::time::Instant::now());
    let local = LocalSet::new();
    let tasks: Vec<_> = clients
        .into_iter()
        .map(|(environment, path)| {
            let token = Rc::clone(&token);
            local.spawn_local(async move { client(&environment, &path, &token, repeats).await })
        })
        .collect();
    local.await;
    let Usage { calls, write, conflicts, .. } = world.database.take();
    let seconds = began.elapsed().as_secs_f64();
    let mut crowd =
        Crowd { accounts, repeats, calls, conflicts, write, seconds, ..Crowd::default() };
    for task in tasks {
        let seen = task.await.expect("a client");
        crowd.requests += seen.requests;
        crowd.minted += seen.minted;
        for (kind, number) in seen.failed {
            *crowd.failed.entry(kind).or_default() += number;
        }
    }
    // Each failed request ends with a conflict.
    crowd.retries = conflicts.saturating_sub(crowd.failed.values().sum());
    let counted: u64 = targets.iter().map(|account| world.live_keys(account)).sum();
    assert_eq!(counted, u64::from(crowd.minted), "every key is counted, and no other");
    crowd
}

async fn client(environment: &Environment, path: &str, token: &str, repeats: bool) -> Seen {
    let mut seen = Seen::default();
    for _ in 0..KEYS {
        for _ in 0..if repeats { REQUESTS_MAX } else { 1 } {
            let answer = environment.send(Function::LakeSail, ("POST", path), token, "{}").await;
            seen.requests += 1;
            if answer.status == 201 {
                seen.minted += 1;
                break;
            }
            let kind = format!("{}: {}", answer.status, answer.string("/message"));
            *seen.failed.entry(kind).or_default() += 1;
            let Ok(wait) = answer.header("retry-after").parse() else { break };
            if repeats {
                tokio::time::sleep(Duration::from_secs(wait)).await;
            }
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn environments_that_write_one_account_conflict_and_lose_no_key() {
        let crowd = crowd(1, true).await;
        assert_eq!(crowd.minted, 64 * KEYS, "{crowd:?}");
        assert!(crowd.conflicts > 100, "{crowd:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn environments_on_accounts_of_their_own_never_wait_for_each_other() {
        let crowd = crowd(ENVIRONMENTS, false).await;
        assert_eq!((crowd.minted, crowd.conflicts), (64 * KEYS, 0), "{crowd:?}");
        assert_eq!(crowd.calls, 3 * 64 * KEYS, "{crowd:?}");
    }
}
