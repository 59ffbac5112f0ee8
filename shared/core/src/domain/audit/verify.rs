//! Verifying a trail: that its events are those that were written, all of them, and in their order.

use std::collections::HashMap;

use crate::id::{OrganizationId, ServiceAccountId};
use crate::time::Timestamp;

use super::{Action, Chain, Digest, Event, Head};

/// The first contradiction in a trail.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Break {
    /// An event is not as it was written.
    #[error("event {0} was edited: its digest does not match its content")]
    Edited(String),
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
    /// An account or an organization is gone, and no event says that it was deleted.
    #[error("the chain `{0}` ends without a deletion, but what it is about is gone")]
    Gone(String),
}

/// What is known of a chain during a walk.
#[derive(Clone, Debug)]
struct Last {
    head: Head,
    /// Whether its last event is a deletion.
    ended: bool,
}

/// A walk through a trail from its oldest event to its newest.
#[derive(Debug)]
pub struct Walk {
    now: Timestamp,
    chains: HashMap<String, Last>,
    /// Heads that are known from elsewhere and not met yet, by chain and number.
    expected: HashMap<(String, u64), Vec<Head>>,
    events: u64,
}

/// A trail without a contradiction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Walked {
    /// The number of events.
    pub events: u64,
    /// The chains whose account or organization must still exist.
    pub open: Vec<String>,
}

impl Walk {
    /// Starts a walk at `now`. Each of `heads` must be met, unless its event's time to live has passed: the heads
    /// of the table's own items, read before the events, and those that were stored elsewhere.
    pub fn new(now: Timestamp, heads: impl IntoIterator<Item = (String, Head)>) -> Self {
        let mut expected: HashMap<_, Vec<Head>> = HashMap::new();
        for (chain, head) in heads {
            expected.entry((chain, head.sequence)).or_default().push(head);
        }
        Self { now, chains: HashMap::new(), expected, events: 0 }
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
        self.follows(event)?;
        self.meet(&event.chain, &event.head());
        let ended = [Action::DeleteAccount, Action::DeleteOrganization]
            .iter()
            .any(|action| action.name() == event.action);
        self.chains.insert(event.chain.clone(), Last { head: event.head(), ended });
        if event.action == Action::CreateAccount.name() && event.resource.kind == "service_account"
        {
            let start = Head { sequence: 0, ..event.head() };
            self.meet(&event.resource.id, &start);
            let last = Last { head: start, ended: false };
            self.chains.insert(event.resource.id.clone(), last);
        }
        Ok(())
    }

    /// Checks that an event follows the last one of its chain.
    fn follows(&self, event: &Event) -> Result<(), Break> {
        let missing = || Break::Missing {
            chain: event.chain.clone(),
            sequence: event.sequence.saturating_sub(1),
        };
        let unlinked =
            |before| Break::Unlinked { event: event.id(), chain: event.chain.clone(), before };
        let is_first = event.sequence == 1 && event.previous == Digest::NONE;
        let Some(last) = self.chains.get(&event.chain) else {
            let linked = is_first || self.has_passed(event.previous_ttl);
            return if linked { Ok(()) } else { Err(missing()) };
        };
        // The ID of a deleted organization may be given again.
        if is_first && last.ended && event.action == Action::CreateOrganization.name() {
            return Ok(());
        }
        let before = last.head.sequence;
        if event.sequence <= before {
            return Err(unlinked(before));
        }
        if event.sequence == before + 1 {
            let follows = event.previous == last.head.digest && event.time > last.head.time;
            return if follows { Ok(()) } else { Err(unlinked(before)) };
        }
        if self.has_passed(event.previous_ttl) { Ok(()) } else { Err(missing()) }
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
        ttl.is_some_and(|ttl| ttl.saturating_mul(1000) <= self.now.as_millis())
    }

    /// Ends the walk.
    ///
    /// # Errors
    ///
    /// The first head whose event was not met: it was removed, and perhaps all events after it, too.
    pub fn finish(self) -> Result<Walked, Break> {
        let mut unmet: Vec<_> = self.expected.iter().collect();
        unmet.sort_by(|left, right| left.0.cmp(right.0));
        for ((chain, sequence), heads) in unmet {
            if heads.iter().any(|head| !self.has_passed(head.ttl)) {
                let last = self.chains.get(chain).map_or(0, |last| last.head.sequence);
                let (chain, sequence) = (chain.clone(), *sequence);
                // Its place may have another event, which the head does not name.
                return Err(match last < sequence {
                    true => Break::Missing { chain, sequence },
                    false => Break::OtherHead { chain, sequence },
                });
            }
        }
        let is_open = |(_, last): &(&String, &Last)| !last.ended && !self.has_passed(last.head.ttl);
        let mut open: Vec<_> =
            self.chains.iter().filter(is_open).map(|(chain, _)| chain.clone()).collect();
        open.sort();
        Ok(Walked { events: self.events, open })
    }
}

/// Returns the chain with a name, in the trail of `organization` or the deployment's own.
pub fn chain_of(name: &str, organization: Option<&OrganizationId>) -> Option<Chain> {
    match (name, organization) {
        ("deployment", None) => Some(Chain::Deployment),
        ("organization", Some(id)) => Some(Chain::Organization(id.clone())),
        (name, Some(_)) => name.parse::<ServiceAccountId>().ok().map(Chain::Account),
        _ => None,
    }
}
