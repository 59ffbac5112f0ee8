//! The whole life cycle of keys, in random order, compared with a model.
//!
//! Checks every response of both dialects, every key after every step, and the table's own count.

mod checks;
mod model;
mod steps;
mod world;

use proptest::prelude::*;

use steps::step;
use world::World;

proptest! {
    // 96 cases of up to 60 steps: about three thousand per run.
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn keys_do_what_the_model_says(
        steps in prop::collection::vec(step(), 1..60),
        limit in 2_usize..5,
        max_lifetime in prop::option::of(5_i64..20),
    ) {
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
    }
}

/// The number of cases, which `LATCHKEY_MODEL_CASES` sets.
fn cases() -> u32 {
    let cases = std::env::var("LATCHKEY_MODEL_CASES").ok();
    cases.map_or(96, |cases| cases.parse().expect("a number"))
}
