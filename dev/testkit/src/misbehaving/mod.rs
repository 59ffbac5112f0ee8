//! A DynamoDB that misbehaves by a plan: a loopback proxy in front of the embedded one.
//!
//! Each process under test gets an endpoint of its own, and each endpoint a sequence of faults of its own, which
//! follows from the plan's seed. Reads that need not be consistent can be answered by a replica that lags behind.

mod fault;
mod replica;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::rngs::ChaCha20Rng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

pub use fault::{ALL, Fault};
use fault::{Course, End, writes};
use replica::{Replica, may_be_stale, mixed, resized};

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
        // Without stale reads, nobody needs the replica.
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

/// One connection of a client.
struct Connection {
    shared: Arc<Shared>,
    rng: Arc<Mutex<ChaCha20Rng>>,
    crash: Arc<Mutex<Option<Crash>>>,
    script: Script,
    upstream: Upstream,
}

impl Connection {
    /// Serves requests until the client or a fault closes the connection.
    async fn serve(mut self, stream: TcpStream) -> Option<()> {
        let mut stream = BufReader::new(stream);
        loop {
            let request = Message::read(&mut stream).await?;
            let target = request.header("x-amz-target").unwrap_or_default();
            let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
            let body = serde_json::from_slice(&request.body).unwrap_or_default();
            let answer = match self.crash() {
                Some(crash) => {
                    if crash.effect {
                        self.shared.forward(&mut self.upstream, &operation, &request, &body).await;
                    }
                    self.shared.count(format!("Crash (effect: {})", crash.effect));
                    (crash.kill)();
                    return None;
                }
                None => self.answer(&operation, request, body).await?,
            };
            match answer {
                Answer::Whole(message) => {
                    stream.get_mut().write_all(&message.bytes()).await.ok()?
                }
                Answer::Half(message) => {
                    let bytes = message.bytes();
                    let half = &bytes[..bytes.len() - message.body.len() / 2 - 1];
                    stream.get_mut().write_all(half).await.ok()?;
                    return None;
                }
                Answer::None => {
                    // Returns when the client closes the connection.
                    let _ = stream.read_u8().await;
                    return None;
                }
            }
        }
    }

    /// Returns the crash that is due at this request.
    fn crash(&self) -> Option<Crash> {
        if self.is_calm() {
            return None;
        }
        let mut armed = lock(&self.crash);
        match armed.as_mut() {
            Some(crash) if crash.after > 0 => {
                crash.after -= 1;
                None
            }
            _ => armed.take(),
        }
    }

    /// Answers a request, with or without a fault; `None` closes the connection.
    async fn answer(&mut self, operation: &str, request: Message, body: Value) -> Option<Answer> {
        if let Some(stale) = self.stale(operation, &request, &body).await {
            return Some(Answer::Whole(stale));
        }
        let fault = self.draw(operation);
        if let Some(fault) = fault {
            self.shared.count(format!("{fault:?}"));
        }
        let Course { delay, effect, end } = match fault {
            Some(fault) => fault.course(operation, &body, &mut *lock(&self.rng)),
            None => Course { delay: Duration::ZERO, effect: true, end: End::Own },
        };
        tokio::time::sleep(delay).await;
        let own = match effect {
            true if fault == Some(Fault::Unprocessed) => {
                Some(self.forward_part(operation, &request, body).await?)
            }
            true => {
                Some(self.shared.forward(&mut self.upstream, operation, &request, &body).await?)
            }
            false => None,
        };
        match end {
            End::Own => own.map(Answer::Whole),
            End::Instead(message) => Some(Answer::Whole(message)),
            End::CloseHalfway => own.map(Answer::Half),
            End::Garbled => own.map(|mut message| {
                message.body.rotate_left(1);
                Answer::Whole(message)
            }),
            End::Silence => Some(Answer::None),
            End::Close => None,
        }
    }

    /// Returns the replica's response, if this read is to be stale.
    async fn stale(&mut self, operation: &str, request: &Message, body: &Value) -> Option<Message> {
        if self.is_calm() || !may_be_stale(operation, body) {
            return None;
        }
        let plan = &self.shared.plan;
        let lag = {
            let mut rng = lock(&self.rng);
            if !rng.random_bool(plan.stale) {
                return None;
            }
            plan.lag.mul_f64(rng.random())
        };
        self.shared.count("Stale".to_owned());
        let mut replica = self.shared.replica.lock().await;
        replica.catch_up(&mut self.upstream, lag).await;
        let stale = replica.read(&mut self.upstream, request, body).await;
        if operation != "BatchGetItem" {
            return Some(stale);
        }
        let fresh = self.upstream.exchange(request).await?;
        Some(mixed(body, &fresh, &stale, &mut *lock(&self.rng)))
    }

    /// Returns the fault of a request: the next one of the script, or a drawn one.
    fn draw(&self, operation: &str) -> Option<Fault> {
        if let Some((_, faults)) = lock(&self.script).as_mut().filter(|(of, _)| *of == operation)
            && let Some(fault) = faults.pop_front()
        {
            return Some(fault);
        }
        let mut rng = lock(&self.rng);
        if self.is_calm() || !rng.random_bool(self.shared.plan.rate) {
            return None;
        }
        let faults = self.shared.plan.faults.iter().filter(|fault| fault.concerns(operation));
        let faults: Vec<Fault> = faults.copied().collect();
        (!faults.is_empty()).then(|| faults[rng.random_range(0..faults.len())])
    }

    /// Processes a part of a batch and returns the rest as unprocessed.
    async fn forward_part(
        &mut self,
        operation: &str,
        request: &Message,
        mut body: Value,
    ) -> Option<Message> {
        let mut left = Vec::new();
        for (table, asked) in body["RequestItems"].as_object_mut().into_iter().flatten() {
            let list = if operation == "BatchGetItem" { &mut asked["Keys"] } else { &mut *asked };
            let Some(list) = list.as_array_mut() else { continue };
            // DynamoDB processes at least one.
            let keep = lock(&self.rng).random_range(1..=list.len().max(1));
            left.push((table.clone(), list.split_off(keep.min(list.len()))));
        }
        let part = resized(request, &body.to_string());
        let answer = self.shared.forward(&mut self.upstream, operation, &part, &body).await?;
        let Ok(mut answered) = serde_json::from_slice::<Value>(&answer.body) else {
            return Some(answer);
        };
        let (field, consistent) = match operation {
            "BatchGetItem" => ("UnprocessedKeys", true),
            _ => ("UnprocessedItems", false),
        };
        for (table, rest) in left.into_iter().filter(|(_, rest)| !rest.is_empty()) {
            answered[field][&table] = match consistent {
                true => {
                    let mut keys = body["RequestItems"][&table].clone();
                    keys["Keys"] = rest.into();
                    keys
                }
                false => rest.into(),
            };
        }
        Some(Message::json("200 OK", "", &answered.to_string()))
    }

    fn is_calm(&self) -> bool {
        self.shared.calm.load(Ordering::Relaxed)
    }
}

/// What a client receives.
enum Answer {
    Whole(Message),
    Half(Message),
    None,
}

/// A connection to the embedded database, which opens when it is needed.
#[derive(Debug)]
struct Upstream {
    address: SocketAddr,
    stream: Option<BufReader<TcpStream>>,
}

impl Upstream {
    fn new(address: SocketAddr) -> Self {
        Self { address, stream: None }
    }

    async fn exchange(&mut self, request: &Message) -> Option<Message> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect(self.address).await.ok()?;
                stream.set_nodelay(true).ok()?;
                BufReader::new(stream)
            }
        };
        stream.get_mut().write_all(&request.bytes()).await.ok()?;
        let answer = Message::read(&mut stream).await?;
        self.stream = Some(stream);
        Some(answer)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
