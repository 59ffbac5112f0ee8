//! Verifying a trail: that its events are those that were written, all of them, and in their order.

use std::collections::HashMap;
use std::time::Duration;

use crate::time::Timestamp;

use super::{Action, Digest, Event, EventTime, Head};

/// How much earlier than its time to live an event may be gone. DynamoDB's clock is not the verifier's, and a walk
/// takes a while. Five minutes is the clock difference that AWS request signatures tolerate, too.
const TOLERANCE_SECONDS: i64 = 5 * 60;

/// The name of an organization's own chain.
const ORGANIZATION: &str = "organization";

/// The first contradiction in a trail.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Break {
    /// An event is not as it was written.
    #[error("event {0} was edited: its digest does not match its content")]
    Edited(String),
    /// An event has a missing or malformed attribute.
    #[error("an event was edited: its attribute `{0}` is missing or malformed")]
    Malformed(&'static str),
    /// An event does not follow the one before it in its chain: it was inserted, moved, or replaced.
    #[error("event {event} does not follow event number {before} of the chain `{chain}`")]
    Unlinked {
        /// The event.
        event: String,
        /// Its chain.
        chain: String,
        /// The number of the event before it.
        before: u64,
    },
    /// An event is missing that the table cannot have deleted by its time to live.
    #[error("event number {sequence} of the chain `{chain}` is missing")]
    Missing {
        /// Its chain.
        chain: String,
        /// Its number.
        sequence: u64,
    },
    /// An event differs from what a head says of it.
    #[error("event number {sequence} of the chain `{chain}` is not the one that its head names")]
    OtherHead {
        /// Its chain.
        chain: String,
        /// Its number.
        sequence: u64,
    },
    /// A chain has more events than its head in the table says.
    #[error("event {event} of the chain `{chain}` was added: the table's head is at number {head}")]
    Added {
        /// The last event.
        event: String,
        /// Its chain.
        chain: String,
        /// The number of the event that the head names.
        head: u64,
    },
    /// An event was not there when later heads were stored.
    #[error(
        "event {event} of the chain `{chain}` was inserted: it is older than the stored heads, which lack it"
    )]
    Inserted {
        /// The event.
        event: String,
        /// Its chain.
        chain: String,
    },
    /// A chain has no head in the table, and no event says that its account or organization was deleted.
    #[error(
        "the chain `{0}` ends without a deletion, but its account or organization is gone, or has lost its head"
    )]
    Gone(String),
    /// An organization's ID was given again, and no event says that the organization before was deleted.
    #[error("event {0} starts the organization again, but no event says that it was deleted")]
    Restarted(String),
}

/// What a walk takes for granted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WalkRules {
    /// How long new events are kept; `None` for ever. Matters only after the retention was shortened: then an event
    /// may have been deleted before an earlier one.
    pub retention: Option<Duration>,
    /// Whether changes were made without the trail, because it was off or by a version that has none. Then an
    /// account or an organization may have been deleted, and an ID given again, without an event.
    pub was_off: bool,
}

/// What is known of a chain during a walk.
#[derive(Clone, Debug)]
struct Last {
    head: Head,
    /// The ID of the event.
    event: String,
    /// Whether its account or organization was deleted.
    ended: bool,
}

/// A walk through a trail from its oldest event to its newest.
#[derive(Debug)]
pub struct Walk {
    now: Timestamp,
    rules: WalkRules,
    chains: HashMap<String, Last>,
    /// The last heads of chains that started again.
    earlier: Vec<(String, Head)>,
    /// Heads that are known from elsewhere and not met yet, by chain and number.
    expected: HashMap<(String, u64), Vec<Head>>,
    /// The time of the last stored head of each chain.
    stored_until: HashMap<String, EventTime>,
    /// The time in microseconds before which the stored heads know every event.
    known_until: Option<i64>,
    events: u64,
    /// The shortest time in seconds that an event was to be kept.
    shortest: Option<i64>,
    /// Contradictions, unless an event that followed one of this time has expired.
    doubts: Vec<(EventTime, Break)>,
}

/// A trail without a contradiction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Walked {
    /// The number of events.
    pub events: u64,
    /// The head of each chain by its name, also of chains that have ended. Stored elsewhere, they prove every event
    /// of this walk.
    pub heads: Vec<(String, Head)>,
}

impl Walk {
    /// Starts a walk at `now`. Each head must be met, unless its event's time to live has passed: those of the
    /// table's own items, read before the events, and those that were `stored` elsewhere. The latter are all heads
    /// of [`Walked`], of one walk or several.
    pub fn new(
        now: Timestamp,
        rules: WalkRules,
        table: &[(String, Head)],
        stored: &[(String, Head)],
    ) -> Self {
        let mut expected: HashMap<_, Vec<Head>> = HashMap::new();
        for (chain, head) in table.iter().chain(stored) {
            expected.entry((chain.clone(), head.sequence)).or_default().push(*head);
        }
        let mut stored_until: HashMap<String, EventTime> = HashMap::new();
        for (chain, head) in stored {
            let until = stored_until.entry(chain.clone()).or_insert(head.time);
            *until = head.time.max(*until);
        }
        let known_until = stored.iter().map(|(_, head)| head.time.as_micros()).max();
        // Later events may come from a clock that is behind, while the head's was ahead.
        let known_until = known_until.map(|time| time - 2 * TOLERANCE_SECONDS * 1_000_000);
        let shortest =
            rules.retention.map(|kept| i64::try_from(kept.as_secs()).unwrap_or(i64::MAX));
        Self {
            now,
            rules,
            chains: HashMap::new(),
            earlier: Vec::new(),
            expected,
            stored_until,
            known_until,
            events: 0,
            shortest,
            doubts: Vec::new(),
        }
    }

    /// Adds the next event.
    ///
    /// # Errors
    ///
    /// The contradiction with the events before.
    pub fn add(&mut self, event: &Event) -> Result<(), Break> {
        self.events += 1;
        if event.computed_digest() != event.digest {
            return Err(Break::Edited(event.id()));
        }
        if self.known_until.is_some_and(|known| event.time.as_micros() < known)
            && self.stored_until.get(&event.chain).is_none_or(|until| *until < event.time)
        {
            return Err(Break::Inserted { event: event.id(), chain: event.chain.clone() });
        }
        let continues = self.follows(event)?;
        self.meet(&event.chain, &event.head());
        if let Some(ttl) = event.ttl {
            let kept = ttl.saturating_sub(event.time.timestamp().as_seconds_ceil());
            self.shortest = Some(self.shortest.map_or(kept, |shortest| shortest.min(kept)));
        }
        let ended = is(event, Action::DeleteAccount) || is(event, Action::DeleteOrganization);
        let last = Last { head: event.head(), event: event.id(), ended };
        let before = self.chains.insert(event.chain.clone(), last);
        if let Some(before) = before.filter(|_| !continues) {
            self.earlier.push((event.chain.clone(), before.head));
        }
        if is(event, Action::CreateAccount) {
            let start = Head { sequence: 0, ..event.head() };
            let last = Last { head: start, event: event.id(), ended: false };
            if self.chains.insert(event.resource.id.clone(), last).is_some() {
                return Err(unlinked(event, 0));
            }
            self.meet(&event.resource.id, &start);
        }
        Ok(())
    }

    /// Checks that an event follows the last one of its chain. Returns whether it is about the same account or
    /// organization: the ID of a deleted organization may be given again.
    fn follows(&mut self, event: &Event) -> Result<bool, Break> {
        let missing = || Break::Missing {
            chain: event.chain.clone(),
            sequence: event.sequence.saturating_sub(1),
        };
        let is_first = event.sequence == 1 && event.previous == Digest::NONE;
        let follows_expired = event.sequence > 0 && self.has_passed(event.previous_ttl);
        let Some(last) = self.chains.get(&event.chain) else {
            return if is_first || follows_expired { Ok(false) } else { Err(missing()) };
        };
        let before = last.head.sequence;
        let is_next = before.checked_add(1) == Some(event.sequence);
        if is_next && event.previous == last.head.digest && event.time > last.head.time {
            // Nothing follows a deletion.
            return if last.ended { Err(unlinked(event, before)) } else { Ok(true) };
        }
        let is_organization = event.chain == ORGANIZATION;
        let restarts = is_organization && is_first && is(event, Action::CreateOrganization);
        // Or its first events have expired.
        let restarted = is_organization && follows_expired && event.sequence <= before + 1;
        let unrecorded = is_organization && is_first && self.rules.was_off;
        if restarts || restarted || unrecorded {
            if !last.ended {
                self.doubts.push((last.head.time, Break::Restarted(event.id())));
            }
            return Ok(false);
        }
        if event.sequence <= before || is_next || (last.ended && !is_organization) {
            return Err(unlinked(event, before));
        }
        if follows_expired { Ok(!last.ended) } else { Err(missing()) }
    }

    /// Notes that the event of a head is there. The chain of an organization may have started again, so two events
    /// may have one number.
    fn meet(&mut self, chain: &str, head: &Head) {
        if let Some(expected) = self.expected.get_mut(&(chain.to_owned(), head.sequence)) {
            expected.retain(|expected| expected.digest != head.digest);
        }
    }

    /// Returns whether DynamoDB may have deleted an item with this time to live.
    fn has_passed(&self, ttl: Option<i64>) -> bool {
        ttl.is_some_and(|ttl| self.is_past(ttl))
    }

    fn is_past(&self, seconds: i64) -> bool {
        seconds.saturating_sub(TOLERANCE_SECONDS).saturating_mul(1000) <= self.now.as_millis()
    }

    /// Returns whether an event that was written soon after `time` may have been deleted, although it was kept for
    /// a shorter time than those before.
    fn may_have_expired_after(&self, time: EventTime) -> bool {
        let written = time.timestamp().as_seconds_ceil();
        self.shortest.is_some_and(|shortest| self.is_past(written.saturating_add(shortest)))
    }

    /// Returns the head of each chain met so far by its name, in no order.
    pub fn heads(&self) -> Vec<(String, Head)> {
        let last = self.chains.iter().map(|(chain, last)| (chain.clone(), last.head));
        last.chain(self.earlier.iter().cloned()).collect()
    }

    /// Ends the walk. `table` has the heads of the table's own items, read after the events.
    ///
    /// # Errors
    ///
    /// The first head whose event was not met: it was removed, and perhaps all events after it, too. Or the first
    /// chain that the heads do not confirm.
    pub fn finish(self, table: &[(String, Head)]) -> Result<Walked, Break> {
        let mut unmet: Vec<_> = self.expected.iter().collect();
        unmet.sort_by(|left, right| left.0.cmp(right.0));
        for ((chain, sequence), expected) in unmet {
            if expected.iter().any(|head| !self.has_passed(head.ttl)) {
                let last = self.chains.get(chain).map_or(0, |last| last.head.sequence);
                let (chain, sequence) = (chain.clone(), *sequence);
                // Its place may have another event, which the head does not name.
                return Err(match last < sequence {
                    true => Break::Missing { chain, sequence },
                    false => Break::OtherHead { chain, sequence },
                });
            }
        }
        for (time, doubt) in &self.doubts {
            if !self.rules.was_off && !self.may_have_expired_after(*time) {
                return Err(doubt.clone());
            }
        }
        let heads: HashMap<&str, &Head> =
            table.iter().map(|(chain, head)| (chain.as_str(), head)).collect();
        let mut chains: Vec<_> = self.chains.iter().collect();
        chains.sort_by_key(|(chain, _)| chain.as_str());
        for (chain, last) in chains {
            self.confirm(chain, last, heads.get(chain.as_str()).copied())?;
        }
        let expired = table.iter().filter(|(chain, _)| !self.chains.contains_key(chain)).cloned();
        let mut heads = self.heads();
        heads.extend(expired);
        heads.sort_by(|left, right| (&left.0, left.1.time).cmp(&(&right.0, right.1.time)));
        Ok(Walked { events: self.events, heads })
    }

    /// Checks that a chain does not go on after its head in the table, and that it has one unless it has ended.
    fn confirm(&self, chain: &str, last: &Last, head: Option<&Head>) -> Result<(), Break> {
        let Some(head) = head else {
            let explained = last.ended
                || self.rules.was_off
                || self.has_passed(last.head.ttl)
                || self.may_have_expired_after(last.head.time);
            return if explained { Ok(()) } else { Err(Break::Gone(chain.to_owned())) };
        };
        let (sequence, chain) = (last.head.sequence, chain.to_owned());
        if head.sequence < sequence {
            // The head may be that of another organization with this ID, whose events have expired.
            if chain == ORGANIZATION && head.time > last.head.time && self.has_passed(head.ttl) {
                return Ok(());
            }
            return Err(Break::Added { event: last.event.clone(), chain, head: head.sequence });
        }
        if head.sequence == sequence
            && head.digest != last.head.digest
            && head.time <= last.head.time
        {
            return Err(Break::OtherHead { chain, sequence });
        }
        Ok(())
    }
}

fn is(event: &Event, action: Action) -> bool {
    event.action == action.name()
}

fn unlinked(event: &Event, before: u64) -> Break {
    Break::Unlinked { event: event.id(), chain: event.chain.clone(), before }
}
