//! Load: real HTTP connections through a local server to the functions' programs.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use latchkey_testkit::misbehaving::{FaultPlan, MisbehavingDynamoDb};
use latchkey_testkit::{TestTable, sample};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::fleet::{Fleet, Programs, Reply};

/// How many execution environments each function has.
const PER_FUNCTION: usize = 4;

/// How often a client verifies a key before it revokes it.
const VERIFICATIONS: usize = 8;

/// The longest body that the server accepts.
const BODY_MAX: usize = 128 * 1024;

/// By how much the memory of the programs may grow in the second half. Full caches take 5% of it.
const GROWTH_MAX: f64 = 1.10;

/// What all clients saw.
#[derive(Debug, Default)]
struct Seen {
    /// The duration of each request, by its kind.
    mints: Vec<Duration>,
    verifications: Vec<Duration>,
    revocations: Vec<Duration>,
}

/// Lets `clients` create, verify, and revoke keys for `duration`, and prints what they saw.
pub(crate) async fn run(
    programs: &Programs,
    folder: &Path,
    clients: usize,
    duration: Duration,
) -> Result<(), String> {
    let table = TestTable::start().await;
    let dynamodb = MisbehavingDynamoDb::start(&table, FaultPlan::calm()).await;
    let settings = [
        ("LATCHKEY_TABLE", table.name().to_owned()),
        ("LATCHKEY_KEY_LIMIT", "0".to_owned()),
        ("LATCHKEY_METRICS_NAMESPACE", "Latchkey".to_owned()),
    ];
    let fleet = Fleet::new(programs, &settings, PER_FUNCTION, &dynamodb, folder).await;
    let fleet = Arc::new(fleet);
    let (address, connections) = serve(Arc::clone(&fleet)).await?;
    let end = Instant::now() + duration;
    let mut running = JoinSet::new();
    for client in 0..clients {
        running.spawn(async move { use_keys(address, client, end).await });
    }
    let watched = tokio::spawn(watch_memory(Arc::clone(&fleet), end));
    let mut seen = Seen::default();
    while let Some(ended) = running.join_next().await {
        let own = ended.map_err(|error| error.to_string())??;
        seen.mints.extend(own.mints);
        seen.verifications.extend(own.verifications);
        seen.revocations.extend(own.revocations);
    }
    report("create", &mut seen.mints, duration);
    report("verify", &mut seen.verifications, duration);
    report("revoke", &mut seen.revocations, duration);
    let opened = connections.load(Ordering::Relaxed);
    println!("connections: {opened} opened by {clients} clients");
    if opened != clients as u64 {
        return Err(format!("{opened} connections for {clients} clients: some were lost"));
    }
    let memory = watched.await.map_err(|error| error.to_string())?;
    fleet.stop().await;
    check_memory(&memory)
}

/// Starts the local server, and returns its address and how many connections it accepted.
async fn serve(fleet: Arc<Fleet>) -> Result<(SocketAddr, Arc<AtomicU64>), String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let accepted = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&accepted);
    let router =
        Router::new().fallback(move |request: Request| forward(Arc::clone(&fleet), request));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::Relaxed);
            let service = hyper_util::service::TowerToHyperService::new(router.clone());
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service);
            tokio::spawn(connection);
        }
    });
    Ok((address, accepted))
}

/// Sends a request to the function of its path, as API Gateway does.
async fn forward(fleet: Arc<Fleet>, request: Request) -> Result<Response, Infallible> {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, BODY_MAX).await.unwrap_or_default();
    let path = head.uri.path();
    let function = match path {
        _ if path.starts_with("/api/") => "lakesail",
        _ if path.starts_with("/v1/") => "chaser",
        _ => "oauth",
    };
    let headers = head.headers.iter().map(|(name, value)| {
        (name.to_string(), Value::from(String::from_utf8_lossy(value.as_bytes())))
    });
    let mut event = json!({
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": head.uri.query().unwrap_or_default(),
        "headers": headers.collect::<serde_json::Map<_, _>>(),
        "requestContext": {
            "http": { "method": head.method.as_str(), "path": path },
            "stage": "$default",
        },
        "isBase64Encoded": false,
    });
    if !body.is_empty() {
        event["body"] = String::from_utf8_lossy(&body).into();
    }
    let mut response = Response::new(Body::empty());
    match fleet.request(function, &event).await {
        Reply::Answer(answer) => {
            *response.status_mut() = answer.status.try_into().expect("a status");
            *response.headers_mut() = answer.headers;
            *response.body_mut() = Body::from(answer.text);
        }
        reply => panic!("without faults, a request is answered: {reply:?}"),
    }
    Ok(response)
}

/// One client: creates a key, verifies it some times, and revokes it, over one connection.
async fn use_keys(address: SocketAddr, client: usize, end: Instant) -> Result<Seen, String> {
    let stream = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
    stream.set_nodelay(true).map_err(|error| error.to_string())?;
    let (mut connection, driver) =
        handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    tokio::spawn(driver);
    let (path, body, created) = if client.is_multiple_of(2) {
        (format!("/api/org/v1/service-accounts/{}/keys", sample::ACCOUNT), "{}", 201)
    } else {
        let path = format!("/v1/accounts/current/service-accounts/{}/keys", sample::ACCOUNT);
        (path, r#"{"name":"load","scopes":["keys.read"]}"#, 200)
    };
    let admin = sample::full_access();
    let mut seen = Seen::default();
    for round in 0.. {
        if Instant::now() >= end {
            break;
        }
        let mut mint = request("POST", &path, &admin, "application/json", body);
        if round % 2 == 0 {
            let key = format!("client-{client}-{round}").parse().expect("a header");
            mint.headers_mut().insert("idempotency-key", key);
        }
        let (took, answer) = send(&mut connection, mint, created).await?;
        seen.mints.push(took);
        let answer: Value = serde_json::from_slice(&answer).map_err(|error| error.to_string())?;
        let key = answer["key"].as_str().ok_or("a response without a key")?.to_owned();
        for _ in 0..VERIFICATIONS {
            let verify = request("GET", "/verify", &key, "", "");
            seen.verifications.push(send(&mut connection, verify, 204).await?.0);
        }
        let form = format!("token={key}");
        let revoke =
            request("POST", "/oauth/revoke", "", "application/x-www-form-urlencoded", &form);
        seen.revocations.push(send(&mut connection, revoke, 200).await?.0);
    }
    Ok(seen)
}

fn request(
    method: &str,
    path: &str,
    token: &str,
    content_type: &str,
    body: &str,
) -> hyper::Request<Body> {
    let mut request =
        hyper::Request::builder().method(method).uri(path).header("host", "localhost");
    if !token.is_empty() {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    if !content_type.is_empty() {
        request = request.header("content-type", content_type);
    }
    request.body(Body::from(body.to_owned())).expect("a request")
}

/// Sends a request, and returns how long it took and the body of its response, which must have this status.
async fn send(
    connection: &mut SendRequest<Body>,
    request: hyper::Request<Body>,
    status: u16,
) -> Result<(Duration, Bytes), String> {
    let shown = format!("{} {}", request.method(), request.uri());
    let failed = |problem: String| format!("{shown}: {problem}");
    let began = Instant::now();
    connection.ready().await.map_err(|error| failed(error.to_string()))?;
    let response = connection.send_request(request).await;
    let response = response.map_err(|error| failed(error.to_string()))?;
    let answered = response.status().as_u16();
    let body = to_bytes(Body::new(response.into_body()), BODY_MAX).await;
    let body = body.map_err(|error| failed(error.to_string()))?;
    let took = began.elapsed();
    if answered == status {
        Ok((took, body))
    } else {
        Err(failed(format!("{answered} instead of {status}: {}", String::from_utf8_lossy(&body))))
    }
}

/// Prints the rate and the latency of one kind of request.
fn report(what: &str, took: &mut [Duration], duration: Duration) {
    took.sort_unstable();
    let share = |part: f64| {
        let index = ((took.len() as f64 * part) as usize).min(took.len().saturating_sub(1));
        took.get(index).map_or(0.0, |took| took.as_secs_f64() * 1000.0)
    };
    println!(
        "{what}: {} requests, {:.0}/s, p50 {:.1} ms, p99 {:.1} ms, longest {:.1} ms",
        took.len(),
        took.len() as f64 / duration.as_secs_f64(),
        share(0.5),
        share(0.99),
        share(1.0),
    );
}

/// Samples the resident memory of all programs, in kilobytes, every half second.
async fn watch_memory(fleet: Arc<Fleet>, end: Instant) -> Vec<u64> {
    let mut samples = Vec::new();
    while Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(500)).await;
        samples.push(fleet.processes().into_iter().map(resident).sum());
    }
    samples
}

/// The resident memory of a process, in kilobytes.
fn resident(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap_or_default()
}

/// The programs' caches fill in the first half. After that, their memory must not grow.
fn check_memory(samples: &[u64]) -> Result<(), String> {
    let (first, second) = samples.split_at(samples.len() / 2);
    let (first, second) = (median(first), median(second));
    println!("memory of all programs: {first} KB in the first half, {second} KB in the second");
    if second as f64 <= first as f64 * GROWTH_MAX {
        Ok(())
    } else {
        Err(format!("the memory grows from {first} to {second} KB"))
    }
}

fn median(samples: &[u64]) -> u64 {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_grows_is_an_error_and_noise_is_not() {
        assert_eq!(check_memory(&[90, 100, 100, 100, 104, 102]), Ok(()));
        check_memory(&[100, 100, 100, 200, 200, 200]).expect_err("growth");
    }

    #[test]
    fn this_process_uses_memory() {
        assert!(resident(std::process::id()) > 1000);
    }
}
