//! Announcing keys over days, by runs that overlap and die: no step is lost, and none is repeated.

use std::collections::BTreeMap;

use latchkey_testkit::schedule::{Actor, Choices, Faults, run};

use crate::check::trails;
use crate::operation::{Done, Operation};
use crate::world::{Skew, World, after};

const HOUR: i64 = 60 * 60 * 1000;

/// The hours from now at which runs take place, and the hours that keys have left. Keys are announced seven days and one
/// day before their end.
const RUNS: &[i64] = &[0, 1, 30, 70, 71, 120, 150, 180, 200, 230];
const KEYS: &[(&str, i64)] = &[("a", 200), ("b", 169), ("c", 90), ("d", 12), ("e", 260)];

/// How many histories are tried; `LATCHKEY_SEEDS` sets their number.
const HISTORIES: usize = 12;

/// The announcements in the table: of which key, how many days before its end, and when.
fn announced(world: &World) -> Vec<(String, i64, i64)> {
    let items = world.stage.items();
    let events = items.values().filter(|item| item["action"]["S"] == "api_key.expiring");
    let read = |event: &serde_json::Value| {
        let days = event["changes"]["M"]["days"]["M"]["new"]["S"].as_str();
        let days = days.and_then(|days| days.parse().ok()).expect("days");
        let time = event["sk"]["S"].as_str().and_then(|time| time.parse::<i64>().ok());
        let millis = time.expect("a time") / 1000 - after(0).as_millis();
        let key = event["resource"]["S"].as_str().expect("a key");
        (world.names[key].clone(), days, millis.div_euclid(HOUR))
    };
    events.map(read).collect()
}

/// Returns the announcements that must have been made by the run at `now`, with the hour of the first run that could
/// make them.
fn expected(now: i64) -> BTreeMap<(String, i64), i64> {
    let mut expected = BTreeMap::new();
    for (name, ends) in KEYS {
        for run in RUNS.iter().filter(|run| **run <= now && *run < ends) {
            // Keys are 300 hours old at first, so each has lived through both moments.
            let passed = |days: &&i64| ends - **days * 24 <= *run;
            let Some(days) = [7, 1].iter().rfind(passed) else { continue };
            expected.entry(((*name).to_owned(), *days)).or_insert(*run);
        }
    }
    expected
}

#[tokio::test(start_paused = true)]
async fn no_step_is_lost_or_repeated_by_runs_that_die() {
    let seeds = std::env::var("LATCHKEY_SEEDS").ok();
    let seeds = seeds.map_or(HISTORIES, |seeds| seeds.parse().expect("a number"));
    let mut world = World::new(10).await;
    for (name, ends) in KEYS {
        world = world.with(name, 300, Some(ends * HOUR), &[]).await;
    }
    let mut faults = 0;
    for seed in 0..seeds {
        let mut choices = Choices::seeded(seed as u64);
        world.stage.restore();
        for hour in RUNS {
            let skew = Skew { millis: hour * HOUR, back: 0 };
            // Lambda may start a run twice, and either may die.
            let actors = (0..2).map(|at| {
                let process = world.gated(at, skew);
                let world = &world;
                Box::pin(async move { Operation::Warn.perform(world, &process).await })
                    as Actor<'_, Done>
            });
            let most = Faults { most: choices.below(4), kills: true, deliveries: true };
            faults += run(&world.stage, actors.collect(), most, &mut choices).await.faults();
            let last = Operation::Warn.perform(&world, &world.direct(skew.millis)).await;
            last.expect("a run without faults");

            let found = announced(&world);
            let times: BTreeMap<_, _> =
                found.iter().map(|(key, days, at)| ((key.clone(), *days), *at)).collect();
            assert_eq!(times, expected(*hour), "seed {seed}, hour {hour}");
            assert_eq!(found.len(), times.len(), "seed {seed}, hour {hour}: {found:?}");
            trails(&world, skew.millis).await.expect("whole trails");
        }
    }
    println!("{seeds} histories of {} runs each, {faults} faults", 2 * RUNS.len());
    assert!(faults > seeds * 5, "{faults} faults");
}
