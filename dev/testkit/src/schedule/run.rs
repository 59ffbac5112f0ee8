//! Running one schedule.

use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use crate::connector::may_conflict;

use super::choices::Choices;
use super::gate::{Fate, Point, Ticket};
use super::stage::Stage;

/// A concurrent operation.
pub type Actor<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// Longer than any wait between two attempts.
const WAIT: Duration = Duration::from_secs(5);

/// The faults that a schedule may inject, besides the order of requests.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// How many at most.
    pub most: usize,
    /// Whether processes die.
    pub kills: bool,
    /// Whether responses wait at gates of their own. Until its next request, an operation touches nothing
    /// that others see, so gates before requests alone already make all orders of their effects.
    pub deliveries: bool,
}

/// A step of a schedule.
#[derive(Clone, Debug)]
pub struct Step {
    /// The operation.
    pub actor: usize,
    /// The request, or `response`.
    pub point: String,
    /// What happened to it.
    pub fate: Fate,
}

/// What came of a schedule.
#[derive(Debug)]
pub struct Run<T> {
    /// The result of each operation; `None` if its process died.
    pub outcomes: Vec<Option<T>>,
    /// Every step.
    pub steps: Vec<Step>,
}

impl<T> Run<T> {
    /// The number of faults.
    pub fn faults(&self) -> usize {
        self.steps.iter().filter(|step| step.fate != Fate::Go).count()
    }
}

/// Runs `actors`, which use the gated stores of `stage` in the same order, as `choices` decide.
///
/// # Panics
///
/// If no operation can continue.
pub async fn run<T>(
    stage: &Stage,
    actors: Vec<Actor<'_, T>>,
    faults: Faults,
    choices: &mut Choices,
) -> Run<T> {
    stage.gates.lock().reset(faults.deliveries);
    let mut outcomes: Vec<Option<T>> = actors.iter().map(|_| None).collect();
    let mut actors: Vec<Option<Actor<'_, T>>> = actors.into_iter().map(Some).collect();
    let (mut steps, mut left) = (Vec::new(), faults.most);
    poll_all(&mut actors, &mut outcomes).await;
    loop {
        settle(stage, &mut actors, &mut outcomes).await;
        let waiting: Vec<(Ticket, Point)> =
            stage.gates.lock().waiting.iter().map(|(at, point)| (*at, point.clone())).collect();
        if waiting.is_empty() {
            assert!(
                actors.iter().all(Option::is_none),
                "an operation waits for nothing: {steps:?}"
            );
            return Run { outcomes, steps };
        }
        let ready: Vec<usize> = waiting.iter().map(|(ticket, _)| ticket.0).collect();
        let possible = if left == 0 { Vec::new() } else { possible(&waiting, faults.kills) };
        let chosen = choices.next(&ready, possible.len());
        let (at, fate) = match chosen.checked_sub(waiting.len()) {
            None => (chosen, Fate::Go),
            Some(fault) => possible[fault],
        };
        let (ticket, point) = &waiting[at];
        let actor = ticket.0;
        let point = match point {
            Point::Send(operation) => operation.clone(),
            Point::Deliver => "response".to_owned(),
        };
        steps.push(Step { actor, point, fate });
        left -= usize::from(fate != Fate::Go);
        if fate == Fate::Kill {
            actors[actor] = None;
            continue;
        }
        stage.gates.lock().decide(*ticket, fate);
        poll_all(&mut actors, &mut outcomes).await;
        if fate != Fate::Go {
            // The wait before the next attempt.
            tokio::time::advance(WAIT).await;
            poll_all(&mut actors, &mut outcomes).await;
        }
    }
}

/// The faults that may happen next, each with the request that it happens to.
fn possible(waiting: &[(Ticket, Point)], kills: bool) -> Vec<(usize, Fate)> {
    let mut possible = Vec::new();
    for (at, (_, point)) in waiting.iter().enumerate() {
        match point {
            // Not a request of a process, but something that DynamoDB does.
            Point::Send(operation) if operation.is_empty() => continue,
            Point::Send(operation) if may_conflict(operation) => {
                possible.push((at, Fate::Conflict))
            }
            Point::Send(_) => {}
            Point::Deliver => possible.extend([(at, Fate::Lose), (at, Fate::Cut)]),
        }
        if kills {
            possible.push((at, Fate::Kill));
        }
    }
    possible
}

/// Lets every operation go on until it has ended or waits at a gate, or for another operation.
async fn settle<T>(stage: &Stage, actors: &mut [Option<Actor<'_, T>>], outcomes: &mut [Option<T>]) {
    for _ in 0..3 {
        let mut settled = true;
        for at in 0..actors.len() {
            let waits = stage.gates.lock().waiting.keys().any(|ticket| ticket.0 == at);
            if actors[at].is_some() && !waits {
                poll(&mut actors[at], &mut outcomes[at]).await;
                settled = false;
            }
        }
        if settled {
            return;
        }
        if actors.iter().any(Option::is_some) {
            tokio::time::advance(WAIT).await;
        }
    }
}

/// Polls all operations, because several may share a client.
async fn poll_all<T>(actors: &mut [Option<Actor<'_, T>>], outcomes: &mut [Option<T>]) {
    for (actor, outcome) in actors.iter_mut().zip(outcomes) {
        poll(actor, outcome).await;
    }
}

async fn poll<T>(actor: &mut Option<Actor<'_, T>>, outcome: &mut Option<T>) {
    let Some(running) = actor else { return };
    let polled = std::future::poll_fn(|context| Poll::Ready(running.as_mut().poll(context))).await;
    if let Poll::Ready(done) = polled {
        (*actor, *outcome) = (None, Some(done));
    }
}
