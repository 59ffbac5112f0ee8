//! A value that concurrent requests write, and what a reader may see of it.

use std::time::{Duration, Instant};

/// A value and all writes to it.
#[derive(Clone, Debug)]
pub(crate) struct Register<T> {
    initial: T,
    writes: Vec<Write<T>>,
}

#[derive(Clone, Debug)]
struct Write<T> {
    value: T,
    began: Instant,
    /// When its success was acknowledged. Without that, it may take effect at any time, or never.
    acknowledged: Option<Instant>,
    /// Whether it was refused, and so has no effect.
    refused: bool,
}

/// Names a write of a register.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WriteId(usize);

impl<T: Clone + PartialEq> Register<T> {
    pub(crate) fn new(initial: T) -> Self {
        Self { initial, writes: Vec::new() }
    }

    /// Notes that a request to write `value` is about to be sent.
    pub(crate) fn begin(&mut self, value: T) -> WriteId {
        let began = Instant::now();
        self.writes.push(Write { value, began, acknowledged: None, refused: false });
        WriteId(self.writes.len() - 1)
    }

    /// Notes that the request succeeded.
    pub(crate) fn acknowledge(&mut self, write: WriteId) {
        self.writes[write.0].acknowledged = Some(Instant::now());
    }

    /// Notes that the request was refused.
    pub(crate) fn refuse(&mut self, write: WriteId) {
        self.writes[write.0].refused = true;
    }

    /// The values that a read from `from` to `to` may return, if it may be `stale` by some time.
    pub(crate) fn possible(&self, from: Instant, to: Instant, stale: Duration) -> Vec<T> {
        let writes = || self.writes.iter().filter(|write| !write.refused && write.began <= to);
        let seen = |write: &Write<T>| write.acknowledged.is_some_and(|at| at + stale <= from);
        let overwritten = |write: &Write<T>| {
            write
                .acknowledged
                .is_some_and(|at| writes().any(|later| seen(later) && at < later.began))
        };
        let initial = (!writes().any(seen)).then_some(&self.initial);
        let current = writes().filter(|write| !overwritten(write)).map(|write| &write.value);
        initial.into_iter().chain(current).cloned().collect()
    }

    /// Whether a read from `from` to `to` must return `value`.
    pub(crate) fn is(&self, value: &T, from: Instant, to: Instant, stale: Duration) -> bool {
        self.possible(from, to, stale).iter().all(|possible| possible == value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRESH: Duration = Duration::ZERO;

    fn now(register: &Register<u8>, stale: Duration) -> Vec<u8> {
        let now = Instant::now();
        register.possible(now, now, stale)
    }

    #[test]
    fn an_acknowledged_write_replaces_what_was_there_before_it_began() {
        let mut register = Register::new(0);
        let write = register.begin(1);
        assert_eq!(now(&register, FRESH), [0, 1]);
        register.acknowledge(write);
        assert_eq!(now(&register, FRESH), [1]);
        assert_eq!(now(&register, Duration::from_secs(60)), [0, 1]);
    }

    #[test]
    fn a_write_without_an_answer_stays_possible_and_a_refused_one_never_was() {
        let mut register = Register::new(0);
        let (_lost, refused) = (register.begin(1), register.begin(2));
        register.refuse(refused);
        let write = register.begin(3);
        register.acknowledge(write);
        assert_eq!(now(&register, FRESH), [1, 3]);
    }

    #[test]
    fn of_two_concurrent_writes_either_may_be_last() {
        let mut register = Register::new(0);
        let (one, two) = (register.begin(1), register.begin(2));
        register.acknowledge(two);
        register.acknowledge(one);
        assert_eq!(now(&register, FRESH), [1, 2]);
        assert!(!register.is(&1, Instant::now(), Instant::now(), FRESH));
    }

    #[test]
    fn a_write_that_began_after_a_read_is_not_in_it() {
        let mut register = Register::new(0);
        let before = Instant::now();
        // The clock may not have moved in between, which allows both.
        std::hint::black_box((0..1000).sum::<u32>());
        register.begin(1);
        assert!(register.possible(before, before, FRESH).contains(&0));
    }
}
