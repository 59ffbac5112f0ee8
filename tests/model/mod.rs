//! The whole life cycle of keys, in random order, compared with a model.
//!
//! Several environments of both dialects serve requests over one table. Some requests are concurrent, some
//! requests to the table fail, and in a third of the histories the clocks differ. After each step, the
//! responses, the table, and the verdict on every key must be what the model says.

mod checks;
mod effects;
mod explain;
mod request;
mod rules;
mod serve;
mod state;
mod steps;
mod table;
mod tally;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};

use steps::{History, SKEW_MAX, Step, history};
use tally::Tally;
use world::{Log, World};

#[test]
fn keys_do_what_the_model_says() {
    let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get() as u32);
    let cases = cases().div_ceil(threads);
    let total = Mutex::new(Tally::default());
    let results: Vec<_> = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..threads).map(|_| scope.spawn(|| check(cases, &total))).collect();
        runs.into_iter().map(|run| run.join().expect("a thread")).collect()
    });
    if std::env::var_os("LATCHKEY_MODEL_REPORT").is_some() {
        println!("{:#?}", total.lock().expect("no panic elsewhere"));
    }
    for result in results {
        result.unwrap_or_else(|failure| panic!("{failure}"));
    }
}

/// Compares `cases` random histories with the model.
fn check(cases: u32, total: &Mutex<Tally>) -> Result<(), TestError<History>> {
    let config = Config {
        cases,
        max_shrink_iters: 60,
        max_shrink_time: 60_000,
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new(config).run(&history(), |history| {
        let log = Log::default();
        let tally = catch_unwind(AssertUnwindSafe(|| run(&history, &log))).map_err(|panic| {
            let problem = panic.downcast_ref::<String>().cloned().unwrap_or_default();
            TestCaseError::fail(format!("{problem}\nafter\n{}", log.take().join("\n")))
        })?;
        total.lock().expect("no panic elsewhere").join(tally);
        Ok(())
    })
}

/// Runs a history and writes what happens to `log`.
fn run(history: &History, log: &Log) -> Tally {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let mut world = World::start(history, log).await;
        // The model lacks the sample that expired a second ago, so no clock may show a time before that.
        world.take(&Step::Advance(SKEW_MAX)).await;
        for step in &history.steps {
            world.take(step).await;
            world.check_every_key().await;
        }
        world.check_lists().await;
        world.tally.histories = 1;
        world.tally.skewed = u32::from(history.skew > 0);
        world.tally.steps = history.steps.len() as u32;
        world.tally
    })
}

/// The number of histories of up to 50 steps, which `LATCHKEY_MODEL_CASES` sets.
fn cases() -> u32 {
    let cases = std::env::var("LATCHKEY_MODEL_CASES").ok();
    cases.map_or(24, |cases| cases.parse().expect("a number"))
}
