//! The choices of a schedule: all of them one after another, or at random by a seed.

/// Decides what happens next.
#[derive(Debug)]
pub enum Choices {
    /// Goes through all schedules, depth first.
    Exhaustive(Vec<Choice>, usize),
    /// Draws one schedule.
    Seeded(Seed),
}

/// A choice that was made: which of how many.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    chosen: usize,
    of: usize,
}

/// A random schedule.
#[derive(Clone, Debug)]
pub struct Seed {
    state: u64,
    /// How likely the operation that went last goes again, in percent.
    stickiness: u64,
    /// How likely a fault is, in percent.
    faults: u64,
    last: usize,
}

impl Choices {
    /// The first of all schedules.
    pub fn exhaustive() -> Self {
        Self::Exhaustive(Vec::new(), 0)
    }

    /// The schedule of `seed`.
    pub fn seeded(seed: u64) -> Self {
        let mut seed = Seed { state: seed, stickiness: 0, faults: 0, last: 0 };
        // Runs of one operation reach other schedules than a fair coin does.
        seed.stickiness = [0, 50, 85][seed.below(3)];
        seed.faults = [0, 10, 30][seed.below(3)];
        Self::Seeded(seed)
    }

    /// Continues with the next schedule. Returns whether there is one.
    pub fn advance(&mut self) -> bool {
        let Self::Exhaustive(made, at) = self else { return false };
        *at = 0;
        while let Some(last) = made.last_mut() {
            last.chosen += 1;
            if last.chosen < last.of {
                return true;
            }
            made.pop();
        }
        false
    }

    /// Draws a number below `of`, for something other than the next step.
    ///
    /// # Panics
    ///
    /// If `of` is 0.
    pub fn below(&mut self, of: usize) -> usize {
        match self {
            Self::Seeded(seed) => seed.below(of),
            Self::Exhaustive(made, at) => {
                *at += 1;
                if made.len() < *at {
                    made.push(Choice { chosen: 0, of });
                }
                assert_eq!(made[*at - 1].of, of, "the same choices lead to the same schedule");
                made[*at - 1].chosen
            }
        }
    }

    /// Picks the next step: one of the operations that are `ready`, or one of as many `faults` after them.
    pub(super) fn next(&mut self, ready: &[usize], faults: usize) -> usize {
        let Self::Seeded(seed) = self else { return self.below(ready.len() + faults) };
        if faults > 0 && seed.percent(seed.faults) {
            return ready.len() + seed.below(faults);
        }
        let again = ready.iter().position(|actor| *actor == seed.last);
        let picked = match again {
            Some(again) if seed.percent(seed.stickiness) => again,
            _ => seed.below(ready.len()),
        };
        seed.last = ready[picked];
        picked
    }
}

impl Seed {
    fn percent(&mut self, percent: u64) -> bool {
        (self.below(100) as u64) < percent
    }

    fn below(&mut self, of: usize) -> usize {
        (self.draw() % of as u64) as usize
    }

    /// The generator `SplitMix64`, which is good for every seed.
    fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schedule_is_visited_once() {
        let mut choices = Choices::exhaustive();
        let mut seen = std::collections::BTreeSet::new();
        loop {
            // Two operations with three steps each.
            let (mut left, mut schedule) = ([3, 3], Vec::new());
            while left != [0, 0] {
                let ready: Vec<usize> = (0..2).filter(|actor| left[*actor] > 0).collect();
                let actor = ready[choices.next(&ready, 0)];
                left[actor] -= 1;
                schedule.push(actor);
            }
            assert!(seen.insert(schedule), "twice");
            if !choices.advance() {
                break;
            }
        }
        assert_eq!(seen.len(), 20);
    }

    #[test]
    fn a_seed_is_a_schedule() {
        let draw = |seed| {
            let mut choices = Choices::seeded(seed);
            (0..50).map(|_| choices.next(&[0, 1, 2], 2)).collect::<Vec<_>>()
        };
        assert_eq!(draw(1), draw(1));
        assert!((2..20).any(|seed| draw(seed) != draw(1)));
        assert!((0..20).any(|seed| draw(seed).iter().any(|choice| *choice > 2)), "no fault");
    }
}
