//! What can go wrong with one request.

use std::time::Duration;

use rand::{Rng, RngExt};
use serde_json::{Value, json};

use crate::http1::Message;

/// One way in which DynamoDB, or the network before it, fails a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// A delay that every attempt tolerates.
    Delay,
    /// A delay before the request takes effect, longer than an attempt waits: it takes effect after its retry.
    LateEffect,
    /// `ProvisionedThroughputExceededException`.
    ThroughputExceeded,
    /// `ThrottlingException`.
    Throttling,
    /// `RequestLimitExceeded`.
    RequestLimitExceeded,
    /// A cancelled transaction, with one item throttled.
    ItemThrottled,
    /// A conflict with another transaction.
    Conflict,
    /// `TransactionInProgressException`: the same client request token is being processed.
    TransactionInProgress,
    /// 500 before the request takes effect.
    InternalError,
    /// 500 after the request took effect.
    InternalErrorAfterEffect,
    /// 503 from DynamoDB.
    ServiceUnavailable,
    /// 503 with HTML, as a load balancer sends it.
    NotEvenDynamoDb,
    /// The connection is closed before the request takes effect.
    Closed,
    /// The connection is closed after the request took effect.
    ClosedAfterEffect,
    /// The response ends in its middle, and so does the connection.
    CutOff,
    /// The response is complete but not JSON.
    Corrupt,
    /// No response, and no effect.
    Silence,
    /// No response after the request took effect.
    SilenceAfterEffect,
    /// A batch of which DynamoDB processes only a part.
    Unprocessed,
}

/// All faults.
pub const ALL: [Fault; 19] = [
    Fault::Delay,
    Fault::LateEffect,
    Fault::ThroughputExceeded,
    Fault::Throttling,
    Fault::RequestLimitExceeded,
    Fault::ItemThrottled,
    Fault::Conflict,
    Fault::TransactionInProgress,
    Fault::InternalError,
    Fault::InternalErrorAfterEffect,
    Fault::ServiceUnavailable,
    Fault::NotEvenDynamoDb,
    Fault::Closed,
    Fault::ClosedAfterEffect,
    Fault::CutOff,
    Fault::Corrupt,
    Fault::Silence,
    Fault::SilenceAfterEffect,
    Fault::Unprocessed,
];

/// What the client sees, and whether the request reaches DynamoDB.
#[derive(Debug)]
pub(super) struct Course {
    /// The time before the request is sent on.
    pub(super) delay: Duration,
    /// Whether the request takes effect.
    pub(super) effect: bool,
    /// The end of the exchange.
    pub(super) end: End,
}

/// The end of an exchange.
#[derive(Debug)]
pub(super) enum End {
    /// DynamoDB's own response.
    Own,
    /// Another response.
    Instead(Message),
    /// The connection is closed.
    Close,
    /// The connection is closed after half of DynamoDB's response.
    CloseHalfway,
    /// DynamoDB's response without its beginning.
    Garbled,
    /// Nothing, until the client closes the connection.
    Silence,
}

impl Fault {
    /// Whether DynamoDB can fail an operation like this.
    pub fn concerns(self, operation: &str) -> bool {
        match self {
            Self::ItemThrottled | Self::TransactionInProgress => operation == "TransactWriteItems",
            Self::Conflict => writes(operation) && operation != "BatchWriteItem",
            Self::Unprocessed => operation.starts_with("Batch"),
            _ => true,
        }
    }

    /// The course of a request with this fault. [`Fault::Unprocessed`] changes the request as well.
    pub(super) fn course(self, operation: &str, body: &Value, rng: &mut impl Rng) -> Course {
        let (delay, effect, end) = match self {
            Self::Delay => (millis(rng.random_range(1..80)), true, End::Own),
            Self::LateEffect => (millis(rng.random_range(520..700)), true, End::Own),
            Self::ThroughputExceeded => refused("ProvisionedThroughputExceededException"),
            Self::Throttling => refused("ThrottlingException"),
            Self::RequestLimitExceeded => refused("RequestLimitExceeded"),
            Self::TransactionInProgress => refused("TransactionInProgressException"),
            Self::ItemThrottled => {
                let code = ["ThrottlingError", "ProvisionedThroughputExceeded"];
                cancelled(body, code[rng.random_range(0..code.len())], rng)
            }
            Self::Conflict if operation == "TransactWriteItems" => {
                cancelled(body, "TransactionConflict", rng)
            }
            Self::Conflict => refused("TransactionConflictException"),
            Self::InternalError => (Duration::ZERO, false, internal_error()),
            Self::InternalErrorAfterEffect => (Duration::ZERO, true, internal_error()),
            Self::ServiceUnavailable => {
                (Duration::ZERO, false, error("503 Service Unavailable", "ServiceUnavailable"))
            }
            Self::NotEvenDynamoDb => {
                let page = "<html><body><b>Http/1.1 Service Unavailable</b></body></html>";
                let page = Message::json("503 Service Unavailable", "", page);
                (Duration::ZERO, false, End::Instead(page))
            }
            Self::Closed => (Duration::ZERO, false, End::Close),
            Self::ClosedAfterEffect => (Duration::ZERO, true, End::Close),
            Self::CutOff => (Duration::ZERO, true, End::CloseHalfway),
            Self::Corrupt => (Duration::ZERO, true, End::Garbled),
            Self::Silence => (Duration::ZERO, false, End::Silence),
            Self::SilenceAfterEffect => (Duration::ZERO, true, End::Silence),
            Self::Unprocessed => (Duration::ZERO, true, End::Own),
        };
        Course { delay, effect, end }
    }
}

/// Whether an operation writes.
pub(super) fn writes(operation: &str) -> bool {
    !matches!(operation, "GetItem" | "BatchGetItem" | "Query" | "Scan")
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn refused(code: &str) -> (Duration, bool, End) {
    (Duration::ZERO, false, error("400 Bad Request", code))
}

fn internal_error() -> End {
    error("500 Internal Server Error", "InternalServerError")
}

fn error(status: &str, code: &str) -> End {
    let body = json!({
        "__type": format!("com.amazonaws.dynamodb.v20120810#{code}"),
        "message": "a planned fault",
    });
    End::Instead(Message::json(status, "", &body.to_string()))
}

/// A cancelled transaction: one of its items is the reason, and the others have none.
fn cancelled(body: &Value, code: &str, rng: &mut impl Rng) -> (Duration, bool, End) {
    let items = body["TransactItems"].as_array().map_or(1, Vec::len);
    let culprit = rng.random_range(0..items);
    let reason = |item| match item == culprit {
        true => json!({ "Code": code, "Message": "a planned fault" }),
        false => json!({ "Code": "None" }),
    };
    let reasons: Vec<Value> = (0..items).map(reason).collect();
    let body = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": "Transaction cancelled, please refer cancellation reasons for specific reasons",
        "CancellationReasons": reasons,
    });
    let response = Message::json("400 Bad Request", "", &body.to_string());
    (Duration::ZERO, false, End::Instead(response))
}
