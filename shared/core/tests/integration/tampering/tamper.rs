//! Tampering with a trail.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use latchkey::audit::{Action, Change, Digest, Event, EventTime, Head, Value};
use rand::RngExt;
use rand::rngs::StdRng;

use super::world::World;

/// A kind of tampering.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// A field of an event differs; its digest is the old one.
    Edited,
    /// A field differs, and the digest was recomputed.
    EditedAndRecomputed,
    /// The digest or the link to the event before differs.
    DigestReplaced,
    /// One event is gone.
    OneRemoved,
    /// Several events are gone.
    SeveralRemoved,
    /// All events of a chain are gone.
    ChainRemoved,
    /// Two events have exchanged their times.
    Reordered,
    /// Two events have exchanged their times, and their digests were recomputed.
    ReorderedAndRecomputed,
    /// An event is there twice.
    Duplicated,
    /// Another event is there, with a digest that fits.
    Inserted,
    /// An event of another trail is there, with a digest that fits.
    InsertedFromAnotherTrail,
    /// An event follows the last one of its chain, whose head does not know it.
    Added,
    /// The last events of a chain are gone, and the table's head names the one before them.
    Truncated,
    /// All events since a moment are gone, and the table's heads name those before them.
    AllTruncated,
    /// A field differs, all later digests were recomputed, and so were the table's heads.
    Rewritten,
}

impl Kind {
    pub(super) const ALL: [Self; 15] = [
        Self::Edited,
        Self::EditedAndRecomputed,
        Self::DigestReplaced,
        Self::OneRemoved,
        Self::SeveralRemoved,
        Self::ChainRemoved,
        Self::Reordered,
        Self::ReorderedAndRecomputed,
        Self::Duplicated,
        Self::Inserted,
        Self::InsertedFromAnotherTrail,
        Self::Added,
        Self::Truncated,
        Self::AllTruncated,
        Self::Rewritten,
    ];

    /// Whether every tampering of this kind is found without heads that were stored elsewhere.
    pub(super) fn is_found_by_itself(self) -> bool {
        matches!(
            self,
            Self::Edited
                | Self::DigestReplaced
                | Self::Reordered
                | Self::Duplicated
                | Self::Inserted
                | Self::Added
        )
    }

    /// Tampers with one of the first `count` events of a trail; `None` if this kind is not possible there. `others`
    /// are events of other trails.
    pub(super) fn apply(
        self,
        world: &World,
        count: usize,
        others: &[Arc<Event>],
        rng: &mut StdRng,
    ) -> Option<World> {
        let mut world = world.clone();
        let index = rng.random_range(0..count);
        match self {
            Self::Edited => edit(Arc::make_mut(&mut world.events[index]), rng)?,
            Self::EditedAndRecomputed => {
                edit(Arc::make_mut(&mut world.events[index]), rng)?;
                recompute(Arc::make_mut(&mut world.events[index]));
            }
            Self::DigestReplaced => {
                let event = Arc::make_mut(&mut world.events[index]);
                let digest =
                    if rng.random_bool(0.5) { &mut event.digest } else { &mut event.previous };
                *digest = Digest(rng.random());
            }
            Self::OneRemoved => drop(world.events.remove(index)),
            Self::SeveralRemoved => {
                for _ in 0..rng.random_range(2..6) {
                    let left = world.events.len();
                    if left > 0 {
                        world.events.remove(rng.random_range(0..left.min(count)));
                    }
                }
            }
            Self::ChainRemoved => {
                let chain = world.events[index].chain.clone();
                world.events.retain(|event| event.chain != chain);
            }
            Self::Reordered | Self::ReorderedAndRecomputed => {
                let other = rng.random_range(0..world.events.len());
                if other == index {
                    return None;
                }
                let times = [world.events[index].time, world.events[other].time];
                Arc::make_mut(&mut world.events[index]).time = times[1];
                Arc::make_mut(&mut world.events[other]).time = times[0];
                if self == Self::ReorderedAndRecomputed {
                    recompute(Arc::make_mut(&mut world.events[index]));
                    recompute(Arc::make_mut(&mut world.events[other]));
                }
            }
            Self::Duplicated => {
                let mut event = Event::clone(&world.events[index]);
                event.time = free_time(&world, count, rng)?;
                if rng.random_bool(0.5) {
                    recompute(&mut event);
                }
                world.events.push(Arc::new(event));
            }
            Self::Inserted => {
                let mut event = Event::clone(&world.events[index]);
                event.time = free_time(&world, count, rng)?;
                edit_content(&mut event, rng);
                // As it would have to be after an event of its chain.
                let before: Vec<_> = world.events.iter().filter(|e| e.time < event.time).collect();
                if let Some(before) = before.iter().rfind(|e| e.chain == event.chain) {
                    event.sequence = before.sequence + 1;
                    event.previous = before.digest;
                    event.previous_ttl = before.ttl;
                }
                // The last event of a chain without a head is another kind.
                let is_last = !world
                    .events
                    .iter()
                    .any(|later| later.chain == event.chain && later.time > event.time);
                if is_last {
                    return None;
                }
                recompute(&mut event);
                world.events.push(Arc::new(event));
            }
            Self::InsertedFromAnotherTrail => {
                let mut event = Event::clone(&others[rng.random_range(0..others.len())]);
                event.trail = world.events[index].trail.clone();
                event.time = free_time(&world, count, rng)?;
                recompute(&mut event);
                world.events.push(Arc::new(event));
            }
            Self::Added => {
                let chain = &world.events[index].chain;
                let last = world.events.iter().rfind(|event| event.chain == *chain)?;
                let (mut event, head) = (Event::clone(last), last.head());
                event.sequence = head.sequence + 1;
                event.previous = head.digest;
                event.previous_ttl = head.ttl;
                event.time = world.events.last()?.time.plus(rng.random_range(1..1000));
                edit_content(&mut event, rng);
                recompute(&mut event);
                world.events.push(Arc::new(event));
            }
            Self::Truncated => {
                let (chain, time) = (world.events[index].chain.clone(), world.events[index].time);
                world.events.retain(|event| event.chain != chain || event.time < time);
                adjust_heads(&mut world);
            }
            Self::AllTruncated => {
                world.events.truncate(index);
                adjust_heads(&mut world);
            }
            Self::Rewritten => {
                edit_content(Arc::make_mut(&mut world.events[index]), rng);
                rewrite(&mut world.events);
                adjust_heads(&mut world);
            }
        }
        // As the table would have them.
        world.events.sort_by_key(|event| event.time);
        Some(world)
    }
}

fn recompute(event: &mut Event) {
    event.digest = event.computed_digest();
}

/// A time between the first events that none of them has. It is older than their heads by more than two clocks may
/// differ.
fn free_time(world: &World, count: usize, rng: &mut StdRng) -> Option<EventTime> {
    let (first, last) = (world.events.first()?.time, world.events.get(count - 1)?.time);
    let until = last.as_micros() - 10 * 60 * 1_000_000;
    if until <= first.as_micros() {
        return None;
    }
    let micros = rng.random_range(first.as_micros()..until);
    let taken = world.events.iter().any(|event| event.time.as_micros() == micros);
    if taken { None } else { EventTime::from_micros(micros) }
}

/// Edits who made the change, from where, or what changed.
fn edit_content(event: &mut Event, rng: &mut StdRng) {
    let forged = Some(format!("forged {}", rng.random::<u32>()));
    match rng.random_range(0..4) {
        0 => event.actor.id = forged,
        1 => event.origin.source_ip = forged,
        2 => event.actor.key = forged,
        _ => {
            let change = Change { old: None, new: forged.map(Value::Text) };
            event.changes.insert("name".to_owned(), change);
        }
    }
}

/// Edits any field but the digest and the link to the event before; `None` if the value was the same.
fn edit(event: &mut Event, rng: &mut StdRng) -> Option<()> {
    let before = event.clone();
    let optional =
        |rng: &mut StdRng| rng.random_bool(0.8).then(|| format!("forged {}", rng.random::<u32>()));
    let seconds = |rng: &mut StdRng| rng.random_bool(0.8).then(|| rng.random_range(0..1 << 40));
    match rng.random_range(0..17) {
        0 => event.trail = rng.random_bool(0.5).then(|| "forged".parse().expect("an ID")),
        1 => event.time = EventTime::from_micros(rng.random_range(0..1 << 52))?,
        2 => event.chain = optional(rng)?,
        3 => event.sequence = rng.random_range(0..20),
        4 => event.previous_ttl = seconds(rng),
        5 => event.action = Action::ALL[rng.random_range(0..Action::ALL.len())].name().to_owned(),
        6 => event.actor.kind = optional(rng)?,
        7 => event.actor.id = optional(rng),
        8 => event.actor.key = optional(rng),
        9 => event.resource.kind = optional(rng)?,
        10 => event.resource.id = optional(rng)?,
        11 => event.resource.account = optional(rng),
        12 => event.origin.request = optional(rng),
        13 => event.origin.source_ip = optional(rng),
        14 => event.origin.user_agent = optional(rng),
        15 => event.ttl = seconds(rng),
        _ => {
            let value = match rng.random_range(0..3) {
                0 => Value::Flag(rng.random()),
                1 => Value::List(vec!["forged".to_owned()]),
                _ => Value::Text("forged".to_owned()),
            };
            let change = if rng.random_bool(0.5) {
                Change { old: Some(value), new: None }
            } else {
                Change { old: None, new: Some(value) }
            };
            event.changes.insert("scopes".to_owned(), change);
        }
    }
    (*event != before).then_some(())
}

/// Recomputes every digest, each from the one before it.
fn rewrite(events: &mut [Arc<Event>]) {
    let mut last: HashMap<String, Digest> = HashMap::new();
    for event in events {
        let event = Arc::make_mut(event);
        if event.previous != Digest::NONE
            && let Some(previous) = last.get(&event.chain)
        {
            event.previous = *previous;
        }
        recompute(event);
        last.insert(event.chain.clone(), event.digest);
        if event.action == Action::CreateAccount.name() {
            last.insert(event.resource.id.clone(), event.digest);
        }
    }
}

/// Makes the table's heads those of the events that are left.
fn adjust_heads(world: &mut World) {
    let names: BTreeSet<_> = world.heads.iter().map(|(chain, _)| chain.clone()).collect();
    let mut heads: HashMap<String, Head> = HashMap::new();
    for event in &world.events {
        heads.insert(event.chain.clone(), event.head());
        if event.action == Action::CreateAccount.name() {
            heads.insert(event.resource.id.clone(), Head { sequence: 0, ..event.head() });
        }
    }
    world.heads = heads.into_iter().filter(|(chain, _)| names.contains(chain)).collect();
}
