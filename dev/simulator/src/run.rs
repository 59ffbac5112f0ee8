//! Runs simulations, and reports what happened in them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use latchkey_testkit::project;
use rand::rngs::ChaCha20Rng;
use rand::{RngExt, SeedableRng};
use tokio::runtime::{Builder, Runtime};
use tokio::task::{JoinSet, LocalSet};

use crate::Options;
use crate::clock::ClockLibrary;
use crate::fleet::{FUNCTIONS, Programs};
use crate::plan::Plan;
use crate::stored::Stored;
use crate::world::World;
use crate::{delays, load};

/// What happened how often.
type Tally = BTreeMap<String, u64>;

/// Runs all simulations.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    let folder = match &options.functions {
        Some(folder) => folder.clone(),
        None => build(options.release)?,
    };
    let temporary = tempfile::tempdir().map_err(|error| error.to_string())?;
    let clock = ClockLibrary::build(temporary.path())?;
    let programs = Programs { folder, clock };
    if let Some(seconds) = options.load {
        let duration = Duration::from_secs(seconds);
        let load = load::run(&programs, temporary.path(), options.clients, duration);
        return runtime().block_on(load);
    }
    if options.delays {
        return runtime().block_on(delays::run(&programs, temporary.path()));
    }
    let began = Instant::now();
    let next = AtomicU64::new(options.seed);
    let end = options.seed + options.plans;
    let (total, failed) = (Mutex::new(Tally::new()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..options.parallel {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        break;
                    }
                    let folder = temporary.path().join(seed.to_string());
                    match run_one(seed, programs.clone(), folder) {
                        Some(tally) => add(&mut total.lock().expect("no panic"), tally),
                        None => failed.lock().expect("no panic").push(seed),
                    }
                }
            });
        }
    });
    report(&total.into_inner().expect("no panic"));
    let failed = failed.into_inner().expect("no panic");
    let (plans, took) = (options.plans, began.elapsed().as_secs());
    if failed.is_empty() {
        println!("{plans} simulations in {took} s: nothing lost");
        Ok(())
    } else {
        Err(format!("{} of {plans} simulations failed; their seeds: {failed:?}", failed.len()))
    }
}

/// Runs one simulation in a runtime of its own, with which all of its servers end. Returns `None` if it fails.
fn run_one(seed: u64, programs: Programs, folder: PathBuf) -> Option<Tally> {
    let simulation = async {
        let ended = tokio::task::spawn_local(simulate(seed, programs, folder)).await;
        ended.ok()
    };
    runtime().block_on(LocalSet::new().run_until(simulation))
}

fn add(total: &mut Tally, tally: Tally) {
    for (what, count) in tally {
        *total.entry(what).or_default() += count;
    }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Runs one simulation.
async fn simulate(seed: u64, programs: Programs, folder: PathBuf) -> Tally {
    std::fs::create_dir_all(&folder).expect("a folder");
    let plan = Plan::draw(seed);
    let world = Arc::new(World::start(plan.clone(), &programs, &folder).await);
    let mut clients = JoinSet::new();
    for client in 0..plan.clients {
        let world = Arc::clone(&world);
        let mut rng = ChaCha20Rng::seed_from_u64(seed * 1000 + client as u64);
        clients.spawn_local(async move {
            for _ in 0..world.plan.requests {
                world.step(&mut rng).await;
            }
        });
    }
    let disturbed = tokio::task::spawn_local(disturb(Arc::clone(&world)));
    while let Some(ended) = clients.join_next().await {
        if let Err(failure) = ended {
            explain(&world, "while requests ran").await;
            std::panic::resume_unwind(failure.into_panic());
        }
    }
    disturbed.abort();
    // An abort takes effect at the next wait.
    let _ = disturbed.await;
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let checked = {
        let world = Arc::clone(&world);
        tokio::task::spawn_local(async move { world.check(&mut rng).await })
    };
    if let Err(failure) = checked.await {
        explain(&world, "in its final check").await;
        std::panic::resume_unwind(failure.into_panic());
    }
    let mut tally = world.tally.lock().expect("no panic").clone();
    for (fault, count) in world.dynamodb.injected() {
        tally.insert(format!("fault: {fault}"), count);
    }
    let _ = std::fs::remove_dir_all(&folder);
    tally
}

/// Prints the plan of a failed simulation, and keeps what its programs logged and its table holds.
async fn explain(world: &World, when: &str) {
    let seed = world.plan.seed;
    eprintln!("simulation {seed} failed {when}: {:?}", world.plan);
    let mut text = world.fleet.output().await;
    for item in Stored::read(&world.table).await.all() {
        text.push_str(&format!("{item:?}\n"));
    }
    let kept = std::env::temp_dir().join(format!("latchkey-simulation-{seed}.log"));
    match std::fs::write(&kept, text) {
        Ok(()) => eprintln!("its logs and its table: {}", kept.display()),
        Err(error) => eprintln!("cannot write {}: {error}", kept.display()),
    }
}

/// Kills processes, moves clocks, and deletes expired items, while the clients send their requests.
async fn disturb(world: Arc<World>) {
    let rng = &mut ChaCha20Rng::seed_from_u64(world.plan.seed ^ 0xD157);
    let (mut crashes, mut jumps) = (world.plan.crashes, world.plan.jumps.clone());
    loop {
        tokio::time::sleep(Duration::from_millis(rng.random_range(1..60))).await;
        let environment = rng.random_range(0..world.fleet.len());
        match rng.random_range(0..6) {
            0 | 1 if crashes > 0 => {
                crashes -= 1;
                world.fleet.crash(environment, rng.random_range(0..4), rng.random());
            }
            2 if !jumps.is_empty() => {
                if let Some(millis) = jumps.pop() {
                    world.jump(millis, rng).await;
                    world.count("clock: jump");
                }
            }
            3 if world.plan.skew => {
                world.set_clock(environment, rng);
                world.count("clock: step");
            }
            4 if !world.plan.jumps.is_empty() => expire(&world, rng).await,
            _ => {}
        }
    }
}

/// Deletes some of the items that are past their time to live.
async fn expire(world: &World, rng: &mut ChaCha20Rng) {
    let stored = Stored::read(&world.table).await;
    let now = world.now().1 / 1000;
    for item in stored.all().filter(|item| item.number("ttl").is_some_and(|ttl| ttl < now)) {
        let (Some(pk), Some(sk)) = (item.text("pk"), item.text("sk")) else { continue };
        if rng.random() {
            let key = sk.strip_prefix("KEY#");
            // Noted before it happens, since the simulation may end in between.
            if let Some(key) = key {
                let counted = item.number("revoked_at").is_none() || item.stays_counted();
                world.truth().note_removed(pk, key, counted);
            }
            if world.dynamodb.expire(world.table.name(), pk, sk, now).await {
                world.count("time to live: deleted");
            }
        }
    }
}

/// Builds the functions and returns the folder with their programs.
fn build(release: bool) -> Result<PathBuf, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.current_dir(project::root()).args(["build", "--quiet"]);
    if release {
        build.arg("--release");
    } else {
        // As `cargo dev` builds them.
        build.args(["--features", "dev"]);
    }
    for function in FUNCTIONS {
        build.args(["--package", function]);
    }
    let status = build.status().map_err(|error| format!("cannot run cargo: {error}"))?;
    if !status.success() {
        return Err(format!("cargo build: {status}"));
    }
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let target = own.parent().and_then(Path::parent).ok_or("no target folder")?;
    Ok(target.join(if release { "release" } else { "debug" }))
}

fn report(tally: &Tally) {
    for (what, count) in tally {
        println!("{count:>9}  {what}");
    }
}
