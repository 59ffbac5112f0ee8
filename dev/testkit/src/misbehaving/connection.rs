//! One connection of a client: each request with its fault.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::RngExt;
use rand::rngs::ChaCha20Rng;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::fault::{Course, End};
use super::replica::{may_be_stale, mixed, resized};
use super::upstream::Upstream;
use super::{Crash, Fault, Script, Shared, lock};
use crate::http1::Message;

/// One connection of a client.
pub(super) struct Connection {
    pub(super) shared: Arc<Shared>,
    pub(super) rng: Arc<Mutex<ChaCha20Rng>>,
    pub(super) crash: Arc<Mutex<Option<Crash>>>,
    pub(super) script: Script,
    pub(super) upstream: Upstream,
}

impl Connection {
    /// Serves requests until the client or a fault closes the connection.
    pub(super) async fn serve(mut self, stream: TcpStream) -> Option<()> {
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
