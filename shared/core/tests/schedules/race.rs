//! Operations at the same time, in every order or in many random ones.

use std::fmt::Write as _;

use latchkey_testkit::schedule::{Actor, Choices, Fate, Faults, Run, run};

use crate::check::{consistent, readable, trails, verified};
use crate::operation::{Done, Failure, Operation};
use crate::serial::{Detail, Serial, serials, state, word};
use crate::world::{Skew, World};

/// The largest difference between a clock and the right time, in milliseconds.
const SKEW_MAX: usize = 5000;

/// Operations that run at the same time.
pub(crate) struct Race {
    world: World,
    operations: Vec<Operation>,
    /// Whether `live_keys` is exact, because no key expires on its own.
    exact: bool,
    /// Whether a few seconds change what an operation does.
    timed: bool,
    serials: Vec<Serial>,
}

/// How many schedules were checked, and how many faults were in them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Checked {
    pub(crate) schedules: usize,
    pub(crate) faults: usize,
}

/// What an operation said, as far as anyone knows.
#[derive(Debug, PartialEq)]
enum Said {
    Word(String),
    /// It changed nothing, because others interfered.
    Nothing,
    /// Nobody knows.
    Anything,
}

/// How many orders of a race are checked unless `LATCHKEY_SCHEDULES` is set.
const ORDERS_MAX: usize = 12;

/// The number of random schedules of each race, which `LATCHKEY_SCHEDULES` sets.
pub(crate) fn schedules() -> usize {
    set().unwrap_or(4)
}

/// How many orders of a race are checked: with `LATCHKEY_SCHEDULES`, 40 for each random schedule. Few races have more
/// than 400 orders, and none has 5,000.
pub(crate) fn orders_max() -> usize {
    set().map_or(ORDERS_MAX, |schedules| 40 * schedules)
}

fn set() -> Option<usize> {
    let schedules = std::env::var("LATCHKEY_SCHEDULES").ok()?;
    Some(schedules.parse().expect("a number"))
}

impl Race {
    pub(crate) async fn new(world: World, operations: &[Operation]) -> Self {
        let serials = serials(&world, operations, true).await;
        Self { world, operations: operations.to_vec(), exact: true, timed: false, serials }
    }

    /// A race in which keys expire on their own.
    pub(crate) async fn timed(world: World, operations: &[Operation]) -> Self {
        let serials = serials(&world, operations, false).await;
        Self { world, operations: operations.to_vec(), exact: false, timed: true, serials }
    }

    /// A race in a table of version 0.1.0, whose counts an operation may begin without finishing its work.
    pub(crate) async fn uncounted(mut world: World, operations: &[Operation]) -> Self {
        world.stage.set("ORG#acme", "ORG", "accounts", None);
        world.stage.set("DEPLOYMENT", "DEPLOYMENT", "organizations", None);
        world.stage.keep();
        let serials = serials(&world, operations, false).await;
        Self { world, operations: operations.to_vec(), exact: false, timed: false, serials }
    }

    /// Checks every order of the requests, or the first `most`. Returns how many there are.
    pub(crate) async fn every_order(&self, most: usize) -> usize {
        self.every_schedule(Faults::default(), most).await.schedules
    }

    /// Checks every order with each single fault at each request and response.
    pub(crate) async fn every_fault(&self) -> Checked {
        let faults = Faults { most: 1, kills: true, deliveries: true };
        self.every_schedule(faults, usize::MAX).await
    }

    async fn every_schedule(&self, faults: Faults, most: usize) -> Checked {
        let mut choices = Choices::exhaustive();
        let mut checked = Checked::default();
        let skews = vec![Skew::default(); self.operations.len()];
        loop {
            checked.faults += self.check(&mut choices, faults, &skews, "a schedule").await;
            checked.schedules += 1;
            if checked.schedules == most || !choices.advance() {
                return checked;
            }
        }
    }

    /// Checks random schedules with up to three faults and clocks that disagree.
    pub(crate) async fn at_random(&self, schedules: usize) -> Checked {
        let mut checked = Checked::default();
        for seed in 0..schedules as u64 {
            let mut choices = Choices::seeded(seed);
            let faults =
                Faults { most: choices.below(4), kills: choices.below(2) == 0, deliveries: true };
            let skewed = choices.below(2) == 0;
            let skews: Vec<Skew> = self
                .operations
                .iter()
                .map(|_| match skewed {
                    false => Skew::default(),
                    true => Skew {
                        millis: choices.below(2 * SKEW_MAX + 1) as i64 - SKEW_MAX as i64,
                        back: [0, choices.below(SKEW_MAX) as i64][choices.below(2)],
                    },
                })
                .collect();
            let name = format!("seed {seed}");
            checked.faults += self.check(&mut choices, faults, &skews, &name).await;
            checked.schedules += 1;
        }
        checked
    }

    /// Runs one schedule and checks it. Returns the number of faults in it.
    async fn check(
        &self,
        choices: &mut Choices,
        faults: Faults,
        skews: &[Skew],
        name: &str,
    ) -> usize {
        let stage = &self.world.stage;
        stage.restore();
        let actors = self.operations.iter().enumerate().map(|(at, operation)| {
            let process = self.world.gated(at, skews[at]);
            let perform = async move {
                if matches!(operation, Operation::Expire(_)) {
                    stage.pause(at).await;
                }
                operation.perform(&self.world, &process).await
            };
            Box::pin(perform) as Actor<'_, Done>
        });
        let run = run(stage, actors.collect(), faults, choices).await;
        if let Err(wrong) = self.judge(&run, skews).await {
            let mut steps = String::new();
            for step in &run.steps {
                let _ = writeln!(steps, "  {} {} {:?}", step.actor, step.point, step.fate);
            }
            panic!(
                "{wrong}\n{name} of {:?}\n{skews:?}\n{:?}\n{steps}",
                self.operations, run.outcomes
            );
        }
        run.faults()
    }

    async fn judge(&self, run: &Run<Done>, skews: &[Skew]) -> Result<(), String> {
        let (world, stage) = (&self.world, &self.world.stage);
        let latest = skews.iter().map(|skew| skew.millis).max().unwrap_or(0).max(0);
        let skewed = skews.iter().any(|skew| skew.millis != 0 || skew.back != 0);
        let mut said = self.said(run);
        let unsure = said.contains(&Said::Anything);
        let mut items = stage.items();
        consistent(world, &items, latest, self.exact, unsure)?;
        trails(world, latest).await?;
        if unsure {
            readable(world).await?;
        }

        let (mut made, mut again) = (Vec::new(), false);
        for (at, operation) in self.operations.iter().enumerate() {
            if let Some(Ok(new)) = &run.outcomes[at] {
                made.push(new.clone());
            } else if matches!(said[at], Said::Anything | Said::Nothing)
                && operation.is_repeatable()
                && !(operation.overwrites() && self.operations.len() > 1)
            {
                let repeated = operation.perform(world, &world.direct(latest)).await;
                if let Err(Failure::Busy | Failure::Lost) = repeated {
                    return Err(format!("{operation:?} cannot be finished: {repeated:?}"));
                }
                made.extend(repeated.ok());
                (said[at], again) = (Said::Anything, true);
            }
        }
        for (at, operation) in self.operations.iter().enumerate() {
            let said = run.outcomes[at].as_ref().and_then(|done| done.as_ref().ok());
            if let Some(said) = said.filter(|_| operation.is_idempotent()) {
                let repeated = operation.perform(world, &world.direct(latest)).await;
                if repeated.as_ref() != Ok(said) {
                    return Err(format!("a repeat of {operation:?} gets {repeated:?}"));
                }
                again = true;
            }
        }
        if again {
            items = stage.items();
            consistent(world, &items, latest, self.exact, false)?;
            trails(world, latest).await?;
        }

        let deletes = self.operations.iter().any(|operation| operation.deletes());
        for token in made.iter().filter(|made| made.contains('_')) {
            let exists = verified(world, &items, token, latest).await?;
            if !exists && !deletes {
                return Err("a key that was handed out does not exist".to_owned());
            }
        }
        let all_but_ours = world.keys.iter().filter(|(name, _)| !["admin", "root"].contains(name));
        for (_, (_, token)) in all_but_ours {
            verified(world, &items, token, latest).await?;
        }

        if self.timed && skewed {
            return Ok(());
        }
        let detail = Detail { counts: self.exact, times: !skewed };
        let state = state(world, &items, detail);
        let agrees = |serial: &&Serial| {
            let mut pairs = serial.said.iter().zip(&said);
            serial.state(detail) == state
                && pairs.all(|(word, said)| match said {
                    Said::Word(said) => word.as_ref() == Some(said),
                    Said::Nothing => word.is_none(),
                    Said::Anything => true,
                })
        };
        if self.serials.iter().any(|serial| agrees(&serial)) {
            return Ok(());
        }
        let expected: Vec<String> = self
            .serials
            .iter()
            .map(|serial| format!("{:?}\n{}", serial.said, serial.state(detail)))
            .collect();
        Err(format!(
            "no order of the operations does this: {said:?}\n{state}\n\nexpected one of\n{}",
            expected.join("\n\n")
        ))
    }

    fn said(&self, run: &Run<Done>) -> Vec<Said> {
        let of = |(at, outcome): (usize, &Option<Done>)| {
            let cut = run
                .steps
                .iter()
                .any(|step| step.actor == at && matches!(step.fate, Fate::Cut | Fate::Lose));
            match outcome {
                // A use is recorded if nothing hinders it.
                _ if matches!(self.operations[at], Operation::RecordUse(_)) => Said::Anything,
                None | Some(Err(Failure::Lost)) => Said::Anything,
                // A retry within the client may have found what the first attempt did.
                Some(Err(_)) if cut => Said::Anything,
                Some(Err(Failure::Busy)) => Said::Nothing,
                Some(done) => Said::Word(word(&self.world, self.operations[at], done)),
            }
        };
        run.outcomes.iter().enumerate().map(of).collect()
    }
}
