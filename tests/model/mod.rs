//! The whole life cycle of keys, in random order, compared with a model.
//!
//! Checks every response of both dialects, every key after every step, and the table's own count.

mod checks;
mod state;
mod steps;
mod world;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestError, TestRunner};

use steps::{Step, step};
use world::World;

/// What a case does: the steps, the key limit, and the maximum lifetime in days.
type History = (Vec<Step>, usize, Option<i64>);

#[test]
fn keys_do_what_the_model_says() {
    let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get() as u32);
    let cases = cases().div_ceil(threads);
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..threads).map(|_| scope.spawn(move || check(cases))).collect();
        for run in runs {
            run.join().expect("a thread").unwrap_or_else(|failure| panic!("{failure}"));
        }
    });
}

/// Compares `cases` random histories with the model.
fn check(cases: u32) -> Result<(), TestError<History>> {
    let config =
        Config { cases, max_shrink_iters: 100, failure_persistence: None, ..Config::default() };
    let steps = prop::collection::vec(step(), 1..60);
    let histories = (steps, 2_usize..5, prop::option::of(5_i64..20));
    TestRunner::new(config).run(&histories, |(steps, limit, max_lifetime)| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let mut world = World::start(limit, max_lifetime).await;
            for step in &steps {
                world.take(step).await;
                world.check_every_key().await;
            }
            world.check_lists().await;
            world.check_counts().await;
        });
        Ok(())
    })
}

/// The number of histories of up to 60 steps, which `LATCHKEY_MODEL_CASES` sets.
fn cases() -> u32 {
    let cases = std::env::var("LATCHKEY_MODEL_CASES").ok();
    cases.map_or(24, |cases| cases.parse().expect("a number"))
}
