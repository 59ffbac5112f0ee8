//! Tampering with trails: each is found, and no intact trail is reported.

mod table;
mod tamper;
mod world;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use latchkey::audit::{Break, Event, Head};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use tamper::Kind;
use world::{Circumstances, World, worlds};

type Heads = Vec<(String, Head)>;

const TAMPERINGS: u64 = 100_000;
const INTACT: u64 = 20_000;

/// How many tamperings were found.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    tried: u64,
    /// By the trail and the table's own heads alone.
    alone: u64,
}

/// Runs `check` for each of `seeds`, on two threads.
fn each<T: Send>(seeds: u64, check: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let half = |range: std::ops::Range<u64>| range.map(&check).collect::<Vec<T>>();
    std::thread::scope(|scope| {
        let second = scope.spawn(|| half(seeds / 2..seeds));
        let mut found = half(0..seeds / 2);
        found.extend(second.join().expect("no panic"));
        found
    })
}

async fn made(seeds: std::ops::Range<u64>, changes: usize, what: Circumstances) -> Vec<World> {
    let mut made = Vec::new();
    for seed in seeds {
        made.extend(worlds(seed, changes, what).await);
    }
    made.retain(|world| world.events.len() > 3);
    made
}

/// The heads after each number of events of each world.
fn stored(worlds: &[World]) -> Vec<Vec<Heads>> {
    let after =
        |world: &World| (0..=world.events.len()).map(|count| world.stored_after(count)).collect();
    worlds.iter().map(after).collect()
}

#[tokio::test]
async fn every_tampering_is_found() {
    let worlds = made(0..12, 40, Circumstances::default()).await;
    let others: Vec<Vec<Arc<Event>>> = worlds
        .iter()
        .map(|world| {
            let trail = &world.events[0].trail;
            let foreign = worlds.iter().filter(|other| other.events[0].trail != *trail);
            foreign.flat_map(|other| other.events.clone()).collect()
        })
        .collect();
    for world in &worlds {
        assert!(world.verified(&[]).is_ok(), "{:?}", world.verified(&[]));
    }
    let stored = stored(&worlds);
    let results = each(TAMPERINGS, |seed| {
        let mut rng = StdRng::seed_from_u64(seed);
        let kind = Kind::ALL[seed as usize % Kind::ALL.len()];
        loop {
            let index = rng.random_range(0..worlds.len());
            let world = &worlds[index];
            // Heads were stored after these.
            let count = rng.random_range(1..=world.events.len());
            let Some(tampered) = kind.apply(world, count, &others[index], &mut rng) else {
                continue;
            };
            let alone = tampered.verified(&[]).is_err();
            let needs = !alone && kind.is_found_by_itself();
            assert!(!needs, "{kind:?} of seed {seed} needs stored heads");
            // More heads cannot hide a contradiction.
            let found = alone || tampered.verified(&stored[index][count]).is_err();
            assert!(found, "{kind:?} of seed {seed} is not found");
            return (kind, alone);
        }
    });
    let mut tallies = BTreeMap::<Kind, Tally>::new();
    for (kind, alone) in results {
        let tally = tallies.entry(kind).or_default();
        tally.tried += 1;
        tally.alone += u64::from(alone);
    }
    for (kind, Tally { tried, alone }) in &tallies {
        println!("{kind:?}: {tried} tried, all found, {alone} of them without stored heads");
    }
    assert_eq!(tallies.len(), Kind::ALL.len());
    // Whoever can write to the table can make it consistent again. So these show that stored heads matter.
    for kind in [Kind::Truncated, Kind::AllTruncated, Kind::Rewritten] {
        assert!(tallies[&kind].alone < tallies[&kind].tried, "{kind:?}");
    }
}

#[tokio::test]
async fn no_intact_trail_is_reported() {
    for what in [
        Circumstances::default(),
        Circumstances { retentions: true, gaps: false },
        Circumstances { retentions: false, gaps: true },
        Circumstances { retentions: true, gaps: true },
    ] {
        let worlds = made(100..105, 40, what).await;
        let stored = stored(&worlds);
        each(INTACT / 4, |seed| {
            let mut rng = StdRng::seed_from_u64(seed);
            let index = rng.random_range(0..worlds.len());
            let mut world = worlds[index].clone();
            let count = rng.random_range(0..=world.events.len());
            let later = rng.random_range(0..400 * 86_400);
            world.now = world.now.saturating_add(Duration::from_secs(later));
            let share = [0, 50, 90, 100][rng.random_range(0..4)];
            world.expire(&mut rng, share);
            let verified: Result<_, Break> = world.verified(&stored[index][count]);
            assert!(verified.is_ok(), "{what:?}, seed {seed}: {verified:?}");
        });
    }
}
