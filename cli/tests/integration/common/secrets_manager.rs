//! A small Secrets Manager on loopback, with the operations that the command line uses.
//!
//! Source: <https://docs.aws.amazon.com/secretsmanager/latest/apireference/>

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

/// A secret.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stored {
    pub(crate) value: Option<String>,
    pub(crate) kms_key: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) scheduled_for_deletion: bool,
}

/// Something that happens before an operation with this name is answered.
type Before = dyn Fn(&str) + Send;

#[derive(Default)]
struct State {
    secrets: BTreeMap<String, Stored>,
    /// The operations so far.
    operations: Vec<String>,
    /// Operations that fail, with the code of their error.
    failing: BTreeMap<&'static str, &'static str>,
    /// What to do before an operation is answered.
    before: Option<Box<Before>>,
}

/// A running Secrets Manager, until the end of the test's process.
pub(crate) struct SecretsManager {
    pub(crate) endpoint: String,
    state: Arc<Mutex<State>>,
}

impl SecretsManager {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let state = Arc::<Mutex<State>>::default();
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || serve(stream.expect("a connection"), &shared));
            }
        });
        Self { endpoint, state }
    }

    pub(crate) fn put(&self, name: &str, secret: Stored) {
        self.state().secrets.insert(name.to_owned(), secret);
    }

    pub(crate) fn secret(&self, name: &str) -> Option<Stored> {
        self.state().secrets.get(name).cloned()
    }

    pub(crate) fn operations(&self) -> Vec<String> {
        self.state().operations.clone()
    }

    /// Lets an operation fail.
    pub(crate) fn fail(&self, operation: &'static str, code: &'static str) {
        self.state().failing.insert(operation, code);
    }

    /// Calls `before` with the name of each operation before it is answered.
    pub(crate) fn before(&self, before: impl Fn(&str) + Send + 'static) {
        self.state().before = Some(Box::new(before));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn serve(stream: TcpStream, state: &Mutex<State>) {
    let mut stream = BufReader::new(stream);
    loop {
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if line.trim().is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':') {
                headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
            }
        }
        let length = headers.get("content-length").map_or(0, |length| length.parse().expect("one"));
        let mut body = vec![0; length];
        stream.read_exact(&mut body).expect("a body");
        let signed = headers.get("authorization").is_some_and(|header| {
            header.starts_with("AWS4-HMAC-SHA256")
                && header.contains("/secretsmanager/aws4_request")
        });
        assert!(signed, "{headers:?}");
        let target = headers.get("x-amz-target").expect("a target");
        let operation = target.strip_prefix("secretsmanager.").expect("an operation");
        let request = serde_json::from_slice(&body).expect("JSON");
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = &state.before {
            before(operation);
        }
        let (status, answer) = match answer(&mut state, operation, &request) {
            Ok(answer) => ("200 OK", answer),
            Err(code) => ("400 Bad Request", json!({ "__type": code, "message": "as asked for" })),
        };
        let answer = answer.to_string();
        let length = answer.len();
        let answer = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/x-amz-json-1.1\r\ncontent-length: {length}\r\n\r\n{answer}"
        );
        if stream.get_mut().write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// Serves a request, or returns the code of an error.
fn answer(state: &mut State, operation: &str, request: &Value) -> Result<Value, &'static str> {
    state.operations.push(operation.to_owned());
    if let Some(code) = state.failing.get(operation) {
        return Err(code);
    }
    let text = |name: &str| request[name].as_str().map(str::to_owned);
    let name = text("SecretId").or_else(|| text("Name")).expect("a name");
    let arn = format!("arn:aws:secretsmanager:us-east-1:000000000000:secret:{name}-AbCdEf");
    let written = json!({ "ARN": arn, "Name": name, "VersionId": "v1" });
    match operation {
        "DescribeSecret" => {
            let secret = state.secrets.get(&name).ok_or("ResourceNotFoundException")?;
            let mut described = json!({ "ARN": arn, "Name": name });
            if secret.value.is_some() {
                described["VersionIdsToStages"] = json!({ "v0": ["AWSCURRENT"] });
            }
            if secret.scheduled_for_deletion {
                described["DeletedDate"] = json!(1_700_000_000);
            }
            Ok(described)
        }
        "CreateSecret" => {
            assert!(text("ClientRequestToken").is_some(), "a lost response could create another");
            if state.secrets.contains_key(&name) {
                return Err("ResourceExistsException");
            }
            let secret = Stored {
                value: text("SecretString"),
                kms_key: text("KmsKeyId"),
                description: text("Description"),
                scheduled_for_deletion: false,
            };
            state.secrets.insert(name, secret);
            Ok(written)
        }
        "PutSecretValue" => {
            assert!(text("ClientRequestToken").is_some(), "a lost response could add another");
            let secret = state.secrets.get_mut(&name).ok_or("ResourceNotFoundException")?;
            secret.value = text("SecretString");
            Ok(written)
        }
        "DeleteSecret" => {
            assert_eq!(request["ForceDeleteWithoutRecovery"], true, "the name must be free again");
            state.secrets.remove(&name).ok_or("ResourceNotFoundException")?;
            Ok(json!({ "ARN": arn, "Name": name }))
        }
        other => panic!("{other} is not served here"),
    }
}
