//! How much happened, which `LATCHKEY_MODEL_REPORT` prints.

use std::collections::BTreeMap;

use latchkey_testkit::wire::Fault;

use super::explain::Served;

/// How often each thing happened.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) histories: u32,
    pub(crate) skewed: u32,
    pub(crate) steps: u32,
    requests: u32,
    pub(crate) repeats: u32,
    statuses: BTreeMap<u16, u32>,
    faults: BTreeMap<Fault, u32>,
    /// Failed requests that took effect.
    failed_but_done: u32,
    /// Groups of concurrent requests.
    groups: u32,
    /// Groups that several orders of whole requests explain.
    ambiguous: u32,
    /// Groups that no order of whole requests explains: a caller ended after it was verified.
    split: u32,
}

impl Tally {
    pub(crate) fn add(&mut self, served: &[Served], orders: usize, failed_but_done: bool) {
        self.requests += served.len() as u32;
        self.failed_but_done += u32::from(failed_but_done);
        for Served { answer, struck, .. } in served {
            *self.statuses.entry(answer.status).or_default() += 1;
            if let Some(fault) = struck {
                *self.faults.entry(*fault).or_default() += 1;
            }
        }
        if served.len() > 1 {
            self.groups += 1;
            self.ambiguous += u32::from(orders > 1);
            self.split += u32::from(orders == 0);
        }
    }

    pub(crate) fn join(&mut self, other: Self) {
        self.histories += other.histories;
        self.skewed += other.skewed;
        self.steps += other.steps;
        self.requests += other.requests;
        self.repeats += other.repeats;
        self.failed_but_done += other.failed_but_done;
        self.groups += other.groups;
        self.ambiguous += other.ambiguous;
        self.split += other.split;
        for (status, times) in other.statuses {
            *self.statuses.entry(status).or_default() += times;
        }
        for (fault, times) in other.faults {
            *self.faults.entry(fault).or_default() += times;
        }
    }
}
