//! What is measured of one variant in one round.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::dynamodb::DynamoDb;
use crate::lambda::{Lambda, Seen};
use crate::process::{Process, Share};
use crate::variant::Variant;

/// The memory sizes at which functions are measured, in MB.
pub(crate) const MEMORY: [u64; 3] = [128, 256, 512];

/// How long DynamoDB takes for a response inside AWS.
const STORE_DELAY: Duration = Duration::from_millis(3);

/// The time from one event to the next at a paced rate, long enough for each event to find a full quota.
const PACE: Duration = Duration::from_millis(60);

/// How often each thing is done in a round.
#[derive(Clone, Copy)]
pub(crate) struct Effort {
    pub(crate) cold: usize,
    pub(crate) first: usize,
    pub(crate) warm: usize,
    pub(crate) throttled: usize,
    pub(crate) paced: usize,
}

/// The figures of a variant by name; each round adds some.
pub(crate) type Figures = BTreeMap<String, Vec<f64>>;

/// Where functions run.
pub(crate) struct Bench {
    pub(crate) lambda: Lambda,
    pub(crate) dynamodb: DynamoDb,
    pub(crate) share: Option<Share>,
    pub(crate) environment: Vec<(String, String)>,
}

impl Bench {
    /// Measures a variant once.
    pub(crate) fn round(
        &self,
        variant: &Variant,
        effort: Effort,
        figures: &mut Figures,
    ) -> Result<(), String> {
        self.dynamodb.delay(Duration::ZERO);
        for _ in 0..effort.cold {
            self.cold(variant, figures)?;
        }
        self.warm(variant, effort, figures)?;
        let Some(share) = &self.share else { return Ok(()) };
        self.dynamodb.delay(STORE_DELAY);
        for memory in MEMORY {
            share.set(memory).ok_or("no control group")?;
            self.throttled(variant, memory, effort, share, figures)?;
        }
        Ok(())
    }

    /// A fresh process with one event, on a whole core.
    fn cold(&self, variant: &Variant, figures: &mut Figures) -> Result<(), String> {
        let began = Instant::now();
        let mut process = self.start(variant);
        let ready = self.lambda.ready(&mut process)?;
        let seen = self.invoke(&mut process, 1, Duration::ZERO)?;
        let first = seen.first.ok_or("no response")?;
        add(figures, "cold CPU, ms", millis(process.cpu()));
        add(figures, "init CPU, ms", millis(ready.cpu));
        add(figures, "init, ms", millis(ready.at - began));
        add(figures, "spawn to first response, ms", millis(first - began));
        add(figures, "connections", self.dynamodb.connections() as f64);
        add(figures, "memory, MiB", process.memory() / 1024.0);
        Ok(())
    }

    /// A process that has answered before, on a whole core, one event after another.
    fn warm(&self, variant: &Variant, effort: Effort, figures: &mut Figures) -> Result<(), String> {
        let mut process = self.start(variant);
        self.lambda.ready(&mut process)?;
        self.invoke(&mut process, effort.warm / 4, Duration::ZERO)?;
        self.dynamodb.take_calls();
        let before = process.cpu();
        let seen = self.invoke(&mut process, effort.warm, Duration::ZERO)?;
        let used = (process.cpu() - before) / u32::try_from(effort.warm).expect("a few");
        let calls: u64 = self.dynamodb.take_calls().values().sum();
        add(figures, "warm CPU, us", used.as_secs_f64() * 1e6);
        add(figures, "warm p50, ms", millis(at(&seen.took, 50)));
        add(figures, "warm p99, ms", millis(at(&seen.took, 99)));
        add(figures, "calls", calls as f64 / effort.warm as f64);
        Ok(())
    }

    /// A fresh process that has a whole core until its first event, and then the share of `memory`, as in Lambda.
    fn throttled(
        &self,
        variant: &Variant,
        memory: u64,
        effort: Effort,
        share: &Share,
        figures: &mut Figures,
    ) -> Result<(), String> {
        let name = |what: &str| format!("{what} at {memory} MB, ms");
        for _ in 1..effort.first {
            self.first(variant, share, &name("first invoke"), figures)?;
        }
        let mut process = self.first(variant, share, &name("first invoke"), figures)?;
        let connections = self.dynamodb.connections() as f64;
        add(figures, &format!("connections at {memory} MB"), connections);
        let seen = self.invoke(&mut process, effort.throttled, Duration::ZERO)?;
        add(figures, &name("back to back p50"), millis(at(&seen.took, 50)));
        add(figures, &name("back to back p99"), millis(at(&seen.took, 99)));
        let seen = self.invoke(&mut process, effort.paced, PACE)?;
        add(figures, &name("paced p50"), millis(at(&seen.took, 50)));
        add(figures, &name("paced p99"), millis(at(&seen.took, 99)));
        Ok(())
    }

    /// Starts a process on a whole core, and measures its first event on a share of it.
    fn first(
        &self,
        variant: &Variant,
        share: &Share,
        name: &str,
        figures: &mut Figures,
    ) -> Result<Process, String> {
        let mut process = self.start(variant);
        self.lambda.ready(&mut process)?;
        share.take(&process);
        // What the process before has used is not this one's to wait for.
        std::thread::sleep(PACE);
        let seen = self.invoke(&mut process, 1, Duration::ZERO)?;
        add(figures, name, millis(at(&seen.took, 50)));
        Ok(process)
    }

    /// Serves `count` events under a profiler, which writes its result when the process ends.
    pub(crate) fn profile(&self, variant: &Variant, count: usize) -> Result<(), String> {
        let mut process = self.start(variant);
        self.lambda.ready(&mut process)?;
        self.invoke(&mut process, count, Duration::ZERO)?;
        process.end();
        Ok(())
    }

    fn start(&self, variant: &Variant) -> Process {
        self.dynamodb.serve(variant.table());
        self.lambda.reset(variant.event.clone());
        let environment = [self.environment.as_slice(), &variant.environment].concat();
        Process::start(&variant.command, &environment)
    }

    fn invoke(&self, process: &mut Process, count: usize, pace: Duration) -> Result<Seen, String> {
        let seen = self.lambda.invoke(process, count, pace)?;
        if seen.errors > 0 {
            return Err(String::from_utf8_lossy(&seen.last).into_owned());
        }
        Ok(seen)
    }
}

fn add(figures: &mut Figures, name: &str, figure: f64) {
    figures.entry(name.to_owned()).or_default().push(figure);
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// The percentile of some durations.
fn at(durations: &[Duration], percent: usize) -> Duration {
    let mut sorted = durations.to_vec();
    sorted.sort();
    let last = sorted.len().saturating_sub(1);
    sorted.get(last * percent / 100).copied().unwrap_or_default()
}
