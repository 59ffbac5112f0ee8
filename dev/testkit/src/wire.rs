//! The embedded DynamoDB behind a wire that loses, delays, and fails requests as planned.
//!
//! The client and its retries are the real ones. A [`Plan`] belongs to the work that sends the requests, so
//! concurrent work on one client has separate plans. Use this with virtual time, so that retries do not wait.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::TokenBucket;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use latchkey_database::InProcess;
use serde_json::{Value, json};

use crate::connector::{conflict, may_conflict};
use crate::{TestTable, connector, faulty};

/// What goes wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// It fails with a server error and has no effect.
    Failed,
    /// It is throttled.
    Throttled,
    /// It conflicts with a transaction.
    Conflict,
    /// A batch leaves everything out.
    LeftOut,
    /// It takes effect, but its response is lost.
    Lost,
    /// It fails, and so do all later ones.
    Down,
    /// It takes effect, but its response is lost, and all later ones fail.
    LostThenDown,
}

/// What happens to the requests of one piece of work.
#[derive(Debug, Default)]
pub struct Plan {
    fault: Option<(u32, Fault)>,
    pace: Vec<u8>,
    sent: AtomicU32,
    struck: AtomicBool,
}

tokio::task_local! {
    static PLAN: Arc<Plan>;
}

impl Plan {
    /// Plans a fault for the request with the given number, counted from zero, and how many turns each
    /// request leaves to concurrent work before it is served.
    pub fn new(fault: Option<(u32, Fault)>, pace: Vec<u8>) -> Arc<Self> {
        Arc::new(Self { fault, pace, ..Self::default() })
    }

    /// Runs `work` by this plan.
    pub async fn run<W: Future>(self: &Arc<Self>, work: W) -> W::Output {
        PLAN.scope(Arc::clone(self), work).await
    }

    /// The fault, if it has happened.
    pub fn struck(&self) -> Option<Fault> {
        self.fault.map(|(_, fault)| fault).filter(|_| self.struck.load(Ordering::Relaxed))
    }

    /// Returns the fault of the next request and the number of turns that it waits.
    fn next(&self, operation: &str) -> (Option<Fault>, u8) {
        let number = self.sent.fetch_add(1, Ordering::Relaxed);
        let turns = self.pace.get(number as usize).copied().unwrap_or_default();
        let fault = self.fault.and_then(|(at, fault)| match fault {
            Fault::Down | Fault::LostThenDown if number > at => Some(Fault::Down),
            fault => (number == at && fault.concerns(operation)).then_some(fault),
        });
        if fault.is_some() {
            self.struck.store(true, Ordering::Relaxed);
        }
        (fault, turns)
    }
}

impl Fault {
    fn concerns(self, operation: &str) -> bool {
        match self {
            Self::Conflict => may_conflict(operation),
            Self::LeftOut => matches!(operation, "BatchGetItem" | "BatchWriteItem"),
            _ => true,
        }
    }

    /// Whether retries cannot hide it.
    pub fn is_permanent(self) -> bool {
        matches!(self, Self::Down | Self::LostThenDown)
    }
}

/// A client of the table's database, with the shipped configuration, over this wire.
pub fn client(table: &TestTable) -> Client {
    // Faults are far more frequent than the SDK's budget of retries allows.
    let config = connector::config(Wire(table.in_process()), TokenBucket::unlimited());
    Client::from_conf(config.build())
}

struct Wire(InProcess);

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire")
    }
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (operation, body) = connector::received(&request);
        let database = self.0.clone();
        HttpConnectorFuture::new(async move {
            let plan = PLAN.try_with(Arc::clone).unwrap_or_default();
            let (fault, turns) = plan.next(&operation);
            for _ in 0..turns {
                tokio::task::yield_now().await;
            }
            Ok(connector::response(match fault {
                None => database.serve(&operation, &body),
                Some(Fault::Failed | Fault::Down) => faulty::error(500, "InternalServerError"),
                Some(Fault::Throttled) => faulty::error(400, "ThrottlingException"),
                Some(Fault::Conflict) => conflict(&operation, &body),
                Some(Fault::LeftOut) => left_out(&operation, &body),
                Some(Fault::Lost | Fault::LostThenDown) => {
                    database.serve(&operation, &body);
                    return Err(connector::closed());
                }
            }))
        })
    }
}

fn left_out(operation: &str, body: &str) -> (u16, String) {
    let request: Value = serde_json::from_str(body).expect("JSON");
    let left = if operation == "BatchGetItem" { "UnprocessedKeys" } else { "UnprocessedItems" };
    (200, json!({ left: request["RequestItems"] }).to_string())
}
