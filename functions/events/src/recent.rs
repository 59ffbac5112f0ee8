//! The events that this environment has just published.

use std::collections::{HashSet, VecDeque};

/// How many events to remember: those of several batches, from different shards.
const CAPACITY: usize = 1000;

/// The IDs of the last events that were published. After a partial failure, Lambda delivers the records
/// behind the failed one again, and some of them may be out already.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    order: VecDeque<String>,
    known: HashSet<String>,
}

impl Recent {
    pub(crate) fn contains(&self, id: &str) -> bool {
        self.known.contains(id)
    }

    pub(crate) fn remember(&mut self, id: &str) {
        if !self.known.insert(id.to_owned()) {
            return;
        }
        self.order.push_back(id.to_owned());
        if self.order.len() > CAPACITY
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten_and_the_memory_is_bounded() {
        let mut recent = Recent::default();
        for id in 0..=CAPACITY {
            recent.remember(&id.to_string());
            recent.remember(&id.to_string());
        }
        assert!(!recent.contains("0"));
        assert!(recent.contains("1"));
        assert!(recent.contains(&CAPACITY.to_string()));
        assert_eq!((recent.order.len(), recent.known.len()), (CAPACITY, CAPACITY));
    }
}
