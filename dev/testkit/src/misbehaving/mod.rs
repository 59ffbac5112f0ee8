//! A DynamoDB that misbehaves by a plan: a loopback proxy in front of the embedded one.
//!
//! Each process under test gets an endpoint of its own, and each endpoint a sequence of faults of its own, which
//! follows from the plan's seed. Reads that need not be consistent can be answered by a replica that lags behind.

mod connection;
mod fault;
mod replica;
mod upstream;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::ChaCha20Rng;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use connection::Connection;
use fault::writes;
pub use fault::{ALL, Fault};
use replica::Replica;
use upstream::Upstream;

use crate::http1::Message;
use crate::{TestTable, table};

/// What goes wrong, and how often.
#[derive(Clone, Debug)]
pub struct FaultPlan {
    /// The seed of all choices.
    pub seed: u64,
    /// The share of requests with a fault, from 0 to 1.
    pub rate: f64,
    /// The faults to choose from.
    pub faults: Vec<Fault>,
    /// The share of eventually consistent reads that the replica answers, from 0 to 1.
    pub stale: f64,
    /// How far the replica lags behind at most.
    pub lag: Duration,
}

impl FaultPlan {
    /// Without faults.
    pub fn calm() -> Self {
        Self { seed: 0, rate: 0.0, faults: Vec::new(), stale: 0.0, lag: Duration::ZERO }
    }
}

/// A running proxy, which stops with its runtime.
pub struct MisbehavingDynamoDb(Arc<Shared>);

struct Shared {
    plan: FaultPlan,
    upstream: SocketAddr,
    calm: AtomicBool,
    /// Also orders the writes, so that the replica receives them as the table did.
    replica: tokio::sync::Mutex<Replica>,
    injected: Mutex<BTreeMap<String, u64>>,
}

/// The address for one process.
pub struct Endpoint {
    /// The URL, for `AWS_ENDPOINT_URL_DYNAMODB`.
    pub url: String,
    crash: Arc<Mutex<Option<Crash>>>,
    script: Script,
}

/// The operation whose next requests have faults, and these faults.
type Script = Arc<Mutex<Option<(&'static str, VecDeque<Fault>)>>>;

/// A process that is killed at one of its requests.
pub struct Crash {
    /// How many requests pass before.
    pub after: u32,
    /// Whether the request takes effect.
    pub effect: bool,
    /// Kills the process.
    pub kill: Box<dyn FnOnce() + Send>,
}

impl MisbehavingDynamoDb {
    /// Starts a proxy in front of `table`, whose items the replica then has.
    ///
    /// # Panics
    ///
    /// If the embedded database fails.
    pub async fn start(table: &TestTable, plan: FaultPlan) -> Self {
        let name = Replica::name(table.name());
        table::create(&table.client, &name).await.expect("a table");
        for item in table.items().await {
            let put = table.client.put_item().table_name(&name).set_item(Some(item));
            put.send().await.expect("an item");
        }
        let upstream = table.endpoint();
        let upstream = upstream.strip_prefix("http://").unwrap_or(&upstream);
        Self(Arc::new(Shared {
            plan,
            upstream: upstream.parse().expect("an address"),
            calm: AtomicBool::new(false),
            replica: tokio::sync::Mutex::new(Replica::new(table.name())),
            injected: Mutex::default(),
        }))
    }

    /// Opens the endpoint with this number.
    ///
    /// # Panics
    ///
    /// If no port is free.
    pub async fn endpoint(&self, number: u64) -> Endpoint {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let crash = Arc::<Mutex<Option<Crash>>>::default();
        let seed = self.0.plan.seed.wrapping_mul(1_000_003).wrapping_add(number);
        let rng = Arc::new(Mutex::new(ChaCha20Rng::seed_from_u64(seed)));
        let script = Script::default();
        let (shared, armed) = (Arc::clone(&self.0), Arc::clone(&crash));
        let scripted = Arc::clone(&script);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let connection = Connection {
                    shared: Arc::clone(&shared),
                    rng: Arc::clone(&rng),
                    crash: Arc::clone(&armed),
                    script: Arc::clone(&scripted),
                    upstream: Upstream::new(shared.upstream),
                };
                tokio::spawn(connection.serve(stream));
            }
        });
        Endpoint { url, crash, script }
    }

    /// Ends all faults and crashes, and brings the replica up to date.
    ///
    /// # Panics
    ///
    /// If the embedded database fails.
    pub async fn calm(&self) {
        self.0.calm.store(true, Ordering::Relaxed);
        let mut upstream = Upstream::new(self.0.upstream);
        self.0.replica.lock().await.catch_up(&mut upstream, Duration::ZERO).await;
    }

    /// Deletes an item whose time to live ended before `now`, in seconds, as DynamoDB does. Returns whether
    /// there was one.
    ///
    /// # Panics
    ///
    /// If the embedded database fails.
    pub async fn expire(&self, table: &str, pk: &str, sk: &str, now: i64) -> bool {
        let body = json!({
            "TableName": table,
            "Key": { "pk": { "S": pk }, "sk": { "S": sk } },
            "ConditionExpression": "#ttl < :now",
            "ExpressionAttributeNames": { "#ttl": "ttl" },
            "ExpressionAttributeValues": { ":now": { "N": now.to_string() } },
        });
        let text = body.to_string();
        let head = format!(
            "POST / HTTP/1.1\r\nhost: localhost\r\nx-amz-target: DynamoDB_20120810.DeleteItem\r\n\
             content-type: application/x-amz-json-1.0\r\n\
             authorization: AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/dynamodb/aws4_request, \
             SignedHeaders=host;x-amz-date, Signature=0\r\nx-amz-date: 20260101T000000Z\r\n\
             content-length: {}\r\n\r\n",
            text.len()
        );
        let request = Message { head, body: text.into_bytes() };
        let mut upstream = Upstream::new(self.0.upstream);
        let answer = self.0.forward(&mut upstream, "DeleteItem", &request, &body).await;
        let answer = answer.expect("the embedded database answers");
        let text = String::from_utf8_lossy(&answer.body);
        let expired = answer.line().contains(" 200 ");
        assert!(expired || text.contains("ConditionalCheckFailed"), "{text}");
        expired
    }

    /// How often each fault happened so far.
    pub fn injected(&self) -> BTreeMap<String, u64> {
        lock(&self.0.injected).clone()
    }
}

impl Endpoint {
    /// Gives the next requests for `operation` these faults, whatever the plan says.
    pub fn fail_next(&self, operation: &'static str, faults: impl IntoIterator<Item = Fault>) {
        *lock(&self.script) = Some((operation, faults.into_iter().collect()));
    }

    /// Kills the process at one of its next requests.
    pub fn crash(&self, crash: Crash) {
        *lock(&self.crash) = Some(crash);
    }
}

impl Shared {
    fn count(&self, what: String) {
        *lock(&self.injected).entry(what).or_default() += 1;
    }

    /// Sends a request to the embedded database. Writes happen one after the other.
    async fn forward(
        &self,
        upstream: &mut Upstream,
        operation: &str,
        request: &Message,
        body: &Value,
    ) -> Option<Message> {
        // Only stale reads use the replica.
        if !writes(operation) || self.plan.stale == 0.0 {
            return upstream.exchange(request).await;
        }
        let mut replica = self.replica.lock().await;
        let answer = upstream.exchange(request).await?;
        if answer.line().contains(" 200 ") {
            replica.note(request, body);
        }
        Some(answer)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
