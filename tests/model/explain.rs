//! Whether some order of concurrent requests explains what was seen of them and what the table holds.
//!
//! A request takes effect at one point in time, between its start and its end. So concurrent requests must
//! have the result of serving them one after another, in some order. The exceptions are here, each with its
//! reason, and nowhere else:
//!
//! 1. *The caller is verified first.* A request that began with a valid key is served to its end, even if
//!    that key ends meanwhile. So verifying the caller is a point in time of its own. Orders in which both
//!    points of each request are adjacent come first, so that this is used only if nothing else explains
//!    the result.
//! 2. *Deleting twice.* A deletion continues one that was interrupted and cannot tell it from one that is
//!    going on, so two concurrent deletions of one account may both succeed.

use latchkey_testkit::Answer;
use latchkey_testkit::wire::Fault;

use super::effects::{Fate, Seen};
use super::request::{Ask, Request};
use super::state::{Key, Model};
use super::table::Table;

/// A request with its response and the fault that happened to it.
pub(crate) struct Served {
    pub(crate) request: Request,
    pub(crate) answer: Answer,
    pub(crate) struck: Option<Fault>,
}

/// An explanation of what was seen.
pub(crate) struct Explained {
    /// The state afterwards.
    pub(crate) model: Model,
    /// How many orders of whole requests explain it; none if only the first exception does.
    pub(crate) orders: usize,
    /// Whether a failed request took effect.
    pub(crate) failed_but_done: bool,
}

/// Explains concurrent requests, given the table afterwards.
///
/// # Errors
///
/// Says for each order of whole requests what does not fit.
pub(crate) fn explain(
    before: &Model,
    served: &[Served],
    table: &Table,
) -> Result<Explained, String> {
    let claimed: Vec<String> = served.iter().filter_map(created).collect();
    let fates: Vec<Vec<Fate>> = (0..served.len()).map(|at| fates(served, at)).collect();
    let mut misfits = Vec::new();
    let mut found: Option<Explained> = None;
    for order in orders(served.len()) {
        let whole = order.chunks(2).all(|pair| pair[0] == pair[1]);
        if !whole && found.is_some() {
            break;
        }
        for fates in combinations(&fates) {
            match replay(before, served, table, &claimed, &order, &fates) {
                Ok(model) => {
                    let failed_but_done =
                        fates.iter().any(|fate| matches!(fate, Fate::Done | Fate::HalfDone));
                    let first = Explained { model, orders: 0, failed_but_done };
                    found.get_or_insert(first).orders += usize::from(whole);
                }
                Err(misfit) if whole => misfits.push(format!("  {order:?} {fates:?}: {misfit}")),
                Err(_) => {}
            }
        }
    }
    found.ok_or_else(|| misfits.join("\n"))
}

/// Serves the requests in an order: where a request is first named, its caller is verified, and where it is
/// named again, it takes effect.
fn replay(
    before: &Model,
    served: &[Served],
    table: &Table,
    claimed: &[String],
    order: &[usize],
    fates: &[Fate],
) -> Result<Model, String> {
    let mut model = before.clone();
    let mut callers: Vec<Option<Option<Key>>> = vec![None; served.len()];
    for at in order {
        let Served { request, answer, .. } = &served[*at];
        let Some(caller) = callers[*at].take() else {
            let key = &model.keys[request.caller];
            let valid = model.is_valid(key, request.now);
            callers[*at] = Some(valid.then(|| key.clone()));
            continue;
        };
        let seen = Seen { answer, table, claimed };
        let applied = model.apply(request, caller.as_ref(), &seen, fates[*at]);
        if let Err(expected) = applied
            && !is_second_deletion(served, *at, expected)
        {
            return Err(format!("request {at} should answer {expected}"));
        }
    }
    match table.difference(&model) {
        Some(difference) => Err(difference),
        None => Ok(model),
    }
}

/// What may have become of a request.
fn fates(served: &[Served], at: usize) -> Vec<Fate> {
    let Served { request, answer, struck } = &served[at];
    if answer.status == 503 && struck.is_some_and(Fault::is_permanent) {
        return match request.ask {
            Ask::Delete { .. } => vec![Fate::Undone, Fate::HalfDone, Fate::Done],
            _ => vec![Fate::Undone, Fate::Done],
        };
    }
    vec![Fate::Answered]
}

/// The second exception.
fn is_second_deletion(served: &[Served], at: usize, expected: u16) -> bool {
    let account = |served: &Served| match served.request.ask {
        Ask::Delete { account } => Some(account),
        _ => None,
    };
    let own = account(&served[at]);
    let mut others = served.iter().enumerate().filter(|(other, _)| *other != at);
    own.is_some()
        && (expected, served[at].answer.status) == (404, 204)
        && others.any(|(_, other)| account(other) == own)
}

/// The ID that a response names as new.
fn created(served: &Served) -> Option<String> {
    let creates =
        matches!(served.request.ask, Ask::CreateAccount | Ask::Mint { .. } | Ask::Rotate { .. });
    (creates && served.answer.status < 300).then(|| served.answer.id().to_owned())
}

/// All orders of two points in time of each of some requests, those of whole requests first.
fn orders(requests: usize) -> Vec<Vec<usize>> {
    let mut orders = vec![Vec::new()];
    for _ in 0..requests * 2 {
        let longer = orders.iter().flat_map(|order: &Vec<usize>| {
            let open = |at: &usize| order.iter().filter(|other| *other == at).count() < 2;
            (0..requests).filter(open).map(|at| [order.as_slice(), &[at]].concat())
        });
        orders = longer.collect();
    }
    orders.sort_by_key(|order| !order.chunks(2).all(|pair| pair[0] == pair[1]));
    orders
}

/// One of each, in all ways.
fn combinations(choices: &[Vec<Fate>]) -> Vec<Vec<Fate>> {
    choices.iter().fold(vec![Vec::new()], |taken, choices| {
        let longer = taken
            .iter()
            .flat_map(|taken| choices.iter().map(|choice| [taken.as_slice(), &[*choice]].concat()));
        longer.collect()
    })
}
