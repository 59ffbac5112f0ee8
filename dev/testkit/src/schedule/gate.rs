//! The gates at which requests wait, before they are sent and before their responses arrive.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use latchkey_database::InProcess;

use crate::connector::{self, conflict};

/// A request at a gate: the operation that sent it, and its number within that.
pub(super) type Ticket = (usize, u32);

/// Where a request waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Point {
    /// It is not sent yet. Holds the DynamoDB operation.
    Send(String),
    /// It took effect, but its response has not arrived.
    Deliver,
}

/// What happens to a request at a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is sent, or its response arrives.
    Go,
    /// Another transaction is writing the same item. Nothing is written.
    Conflict,
    /// The response is lost, and the client may try again.
    Lose,
    /// The response is lost, and so are all later ones.
    Cut,
    /// The process dies.
    Kill,
}

/// The requests at the gates.
#[derive(Debug, Default)]
pub(super) struct Gates {
    pub(super) waiting: BTreeMap<Ticket, Point>,
    decided: BTreeMap<Ticket, Fate>,
    wakers: Vec<Waker>,
    next: u32,
    cut: Vec<usize>,
    /// Whether responses wait as well.
    pub(super) deliveries: bool,
}

#[derive(Debug, Default)]
pub(super) struct SharedGates(Mutex<Gates>);

impl SharedGates {
    pub(super) fn lock(&self) -> MutexGuard<'_, Gates> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a schedule decides.
    pub(super) async fn wait(&self, actor: usize, point: Point) -> Fate {
        let ticket = {
            let mut gates = self.lock();
            if point == Point::Deliver {
                if gates.cut.contains(&actor) {
                    return Fate::Lose;
                }
                if !gates.deliveries {
                    return Fate::Go;
                }
            }
            gates.next += 1;
            let ticket = (actor, gates.next);
            gates.waiting.insert(ticket, point);
            ticket
        };
        let _waiting = Waiting { gates: self, ticket };
        std::future::poll_fn(|context| {
            let mut gates = self.lock();
            match gates.decided.remove(&ticket) {
                Some(fate) => Poll::Ready(fate),
                None => {
                    gates.wakers.push(context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}

/// A request that waits until this is dropped, also because its process died or gave up.
struct Waiting<'a> {
    gates: &'a SharedGates,
    ticket: Ticket,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.gates.lock().waiting.remove(&self.ticket);
    }
}

impl Gates {
    /// Starts anew.
    pub(super) fn reset(&mut self, deliveries: bool) {
        *self = Self { deliveries, ..Self::default() };
    }

    /// Decides about a request that waits.
    pub(super) fn decide(&mut self, ticket: Ticket, fate: Fate) {
        self.waiting.remove(&ticket);
        if fate == Fate::Cut {
            self.cut.push(ticket.0);
        }
        self.decided.insert(ticket, fate);
        self.wakers.drain(..).for_each(Waker::wake);
    }
}

/// Calls the database in the process, with gates before and after.
pub(super) struct Gated {
    pub(super) database: InProcess,
    pub(super) gates: Arc<SharedGates>,
    /// The operation that sends the requests; `None` for one without gates.
    pub(super) actor: Option<usize>,
}

impl fmt::Debug for Gated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gated")
    }
}

impl HttpConnector for Gated {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (operation, body) = connector::received(&request);
        let (database, gates, actor) = (self.database.clone(), Arc::clone(&self.gates), self.actor);
        HttpConnectorFuture::new(async move {
            let Some(actor) = actor else {
                return Ok(connector::response(database.serve(&operation, &body)));
            };
            if gates.wait(actor, Point::Send(operation.clone())).await == Fate::Conflict {
                return Ok(connector::response(conflict(&operation, &body)));
            }
            let answered = database.serve(&operation, &body);
            match gates.wait(actor, Point::Deliver).await {
                Fate::Lose | Fate::Cut => Err(connector::closed()),
                _ => Ok(connector::response(answered)),
            }
        })
    }
}
