//! What keys that have ended cost: in front of the live ones in a list, and in a recount.

use serde::Serialize;

use crate::database::Usage;
use crate::environment::{Environment, Function, chaser_keys, lakesail_keys};
use crate::world::{KEY_LIMIT, World, ended};

/// The numbers of revoked keys that are older than the live ones.
const REVOKED: [u64; 5] = [0, 10, 100, 1000, 2000];

/// The numbers of expired keys. A recount of the last takes longer than a request may.
const EXPIRED: [u64; 5] = [0, 1000, 10_000, 100_000, 200_000];

/// More requests than any measurement needs.
const REQUESTS_MAX: u32 = 1000;

/// What it costs to list an account's 10 live keys.
#[derive(Debug, Serialize)]
pub(crate) struct List {
    dialect: &'static str,
    revoked: u64,
    requests: u32,
    calls: u32,
    read: f64,
}

/// What it costs to create a key in an account that counts as many live keys as it may have.
#[derive(Debug, Serialize)]
pub(crate) struct Recount {
    ended: u64,
    live: u64,
    requests: u32,
    calls: u32,
    read: f64,
    write: f64,
    seconds: f64,
    outcome: String,
}

/// Measures the lists.
pub(crate) async fn lists() -> Vec<List> {
    let world = World::start().await;
    let environment = Environment::warm(&world, KEY_LIMIT).await;
    let mut lists = Vec::new();
    for revoked in REVOKED {
        let account = world.add_account(KEY_LIMIT);
        world.add_keys(&account, 0..revoked, ended("revoked_at"));
        let live = world.add_keys(&account, revoked..revoked + KEY_LIMIT, |_| ());
        let (lakesail, chaser) = (lakesail_keys(&account), chaser_keys(&account));
        let series = [
            ("LakeSail, 10 a page", Function::LakeSail, format!("{lakesail}?limit=10"), "marker"),
            ("Chaser, 10 a page", Function::Chaser, format!("{chaser}?limit=10"), "cursor"),
            ("Chaser, complete", Function::Chaser, format!("{chaser}?"), "cursor"),
        ];
        for (dialect, function, path, cursor) in series {
            world.database.take();
            let (mut requests, mut page, mut found) = (0, path.clone(), Vec::new());
            loop {
                let token = &world.caller.token;
                let listed = environment.send(function, ("GET", &page), token, "").await;
                assert_eq!(listed.status, 200, "{}", listed.text);
                requests += 1;
                found.extend(listed.ids());
                let field = if cursor == "marker" { "marker" } else { "next_cursor" };
                let Some(next) = listed.body[field].as_str() else { break };
                page = format!("{path}&{cursor}={next}");
                assert!(requests < REQUESTS_MAX, "{dialect} never ends");
            }
            assert!(found.ends_with(&live), "{dialect} lists the live keys");
            let Usage { calls, read, .. } = world.database.take();
            lists.push(List { dialect, revoked, requests, calls, read });
        }
    }
    lists
}

/// Measures the recounts: of an account whose keys have all expired, and of one that is full.
pub(crate) async fn recounts() -> Vec<Recount> {
    let world = World::start().await;
    let (mut recounts, mut added) = (Vec::new(), 0);
    let account = world.add_account(KEY_LIMIT);
    let uncounted = world.account(&account);
    for expired in EXPIRED {
        world.add_keys(&account, added..expired, ended("expires_at"));
        added = expired;
        for live in [0, KEY_LIMIT] {
            let keys = world.add_keys(&account, expired..expired + live, |_| ());
            // Forgets the progress of the earlier recounts.
            world.database.put([uncounted.clone()].into_iter());
            let (recount, created) = recount(&world, &account).await;
            recounts.push(Recount { ended: expired, live, ..recount });
            world.remove_keys(&account, keys.into_iter().chain(created));
        }
    }
    recounts
}

/// Creates a key, and repeats the request while the service asks for it. Returns the key's ID if there is one.
async fn recount(world: &World, account: &str) -> (Recount, Option<String>) {
    let environment = Environment::warm(world, KEY_LIMIT).await;
    let (path, began) = (lakesail_keys(account), tokio::time::Instant::now());
    let mut requests = 0;
    loop {
        let token = &world.caller.token;
        let answer = environment.send(Function::LakeSail, ("POST", &path), token, "{}").await;
        requests += 1;
        let (outcome, created) = match answer.status {
            201 => ("created".to_owned(), Some(answer.id().to_owned())),
            503 if requests < REQUESTS_MAX => continue,
            409 => ("rejected as full".to_owned(), None),
            status => (format!("{status}: {}", answer.string("/message")), None),
        };
        let Usage { calls, read, write, .. } = world.database.take();
        let seconds = began.elapsed().as_secs_f64();
        let recount = Recount { ended: 0, live: 0, requests, calls, read, write, seconds, outcome };
        return (recount, created);
    }
}
