//! What is measured: a program, its settings, and the event that it serves. `variants.toml` lists them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::dynamodb::Roots;
use crate::table::Table;

/// Where programs and events are.
pub(crate) struct Places {
    pub(crate) repository: PathBuf,
    pub(crate) functions: PathBuf,
    pub(crate) peers: PathBuf,
    /// What comes before a program's name, such as a profiler.
    pub(crate) before: Vec<String>,
}

/// A variant as `variants.toml` states it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stated {
    name: String,
    program: String,
    /// The sample event, below `events/`.
    event: String,
    /// Headers that the sample lacks.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Keys that the sample account has in addition.
    #[serde(default)]
    keys: usize,
    #[serde(default)]
    environment: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct List {
    variant: Vec<Stated>,
}

/// A variant, ready to run.
pub(crate) struct Variant {
    pub(crate) name: String,
    pub(crate) command: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) event: Vec<u8>,
    /// The account and the ID of the caller's key.
    account: String,
    key: String,
    keys: usize,
}

impl Variant {
    /// Reads `variants.toml`.
    pub(crate) fn all(places: &Places) -> Vec<Self> {
        let file = places.repository.join("dev/bench/variants.toml");
        let text = std::fs::read_to_string(file).expect("a list of variants");
        let list: List = toml::from_str(&text).expect("variants");
        list.variant.into_iter().map(|stated| Self::of(stated, places)).collect()
    }

    fn of(stated: Stated, places: &Places) -> Self {
        let file = places.repository.join("events").join(&stated.event);
        let event = std::fs::read(&file).unwrap_or_else(|error| panic!("{file:?}: {error}"));
        let mut event: Value = serde_json::from_slice(&event).expect("an event");
        for (name, value) in stated.headers {
            event["headers"][name] = value.into();
        }
        let (account, key) = caller(&event);
        let mut command = places.before.clone();
        command.extend(program(&stated.program, places));
        Self {
            name: stated.name,
            command,
            environment: stated.environment.into_iter().collect(),
            event: event.to_string().into_bytes(),
            account,
            key,
            keys: stated.keys,
        }
    }

    /// The sample table, with as many more keys like the caller's as the variant says.
    pub(crate) fn table(&self) -> Table {
        let mut table = Table::default();
        let (account, key) = (format!("ACCOUNT#{}", self.account), format!("KEY#{}", self.key));
        let item = table.item(&account, &key).expect("the caller's key").clone();
        for number in 0..self.keys {
            let id = format!("ZZ{number:014}");
            let mut item = item.clone();
            (item["id"], item["sk"]) = (json!({ "S": id }), json!({ "S": format!("KEY#{id}") }));
            table.put(item);
        }
        table
    }
}

/// The account and the ID of the key that an event presents.
fn caller(event: &Value) -> (String, String) {
    let token = event["headers"]["authorization"].as_str().expect("a key");
    let mut parts = token.rsplit('_').skip(1).map(str::to_owned);
    let (key, account) = (parts.next(), parts.next());
    (account.expect("an account"), key.expect("an ID"))
}

/// The command that starts a program, without a profiler.
fn program(name: &str, places: &Places) -> Vec<String> {
    let text = |path: PathBuf| path.to_str().expect("a path in UTF-8").to_owned();
    let peer = |path: &str| text(places.peers.join(path));
    let source = |path: &str| text(places.repository.join("dev/bench/peers").join(path));
    match name {
        "authorizer" | "chaser" | "lakesail" | "oauth" => vec![text(places.functions.join(name))],
        "limit" => vec![peer("limit/limit")],
        "hello-http" | "hello-runtime" | "tutorial" => vec![peer(&format!("release/{name}"))],
        "node" => vec!["node".to_owned(), source("node/loop.mjs"), peer("node/app.mjs")],
        "python" => [&peer("python/bin/python"), "-m", "awslambdaric", "app.handler"]
            .map(str::to_owned)
            .to_vec(),
        other => panic!("no program `{other}`"),
    }
}

/// The variables that Lambda sets, and those that all functions share.
pub(crate) fn environment(
    places: &Places,
    roots: &Roots,
    runtime_api: &str,
    endpoint: &str,
) -> Vec<(String, String)> {
    let text = |path: &Path| path.to_str().expect("a path in UTF-8").to_owned();
    let python = places.repository.join("dev/bench/peers/python");
    // As long as Lambda's own, because the signature covers it.
    let session = "x".repeat(700);
    let variables = [
        ("PATH", std::env::var("PATH").unwrap_or_default().as_str().to_owned()),
        ("AWS_LAMBDA_RUNTIME_API", runtime_api.to_owned()),
        ("AWS_LAMBDA_FUNCTION_NAME", "bench".to_owned()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128".to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/bench".to_owned()),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "stream".to_owned()),
        ("AWS_REGION", "us-east-1".to_owned()),
        ("AWS_DEFAULT_REGION", "us-east-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE000000000".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned()),
        ("AWS_SESSION_TOKEN", session),
        ("AWS_ENDPOINT_URL_DYNAMODB", endpoint.to_owned()),
        ("AWS_CA_BUNDLE", text(&roots.amazon)),
        ("NODE_EXTRA_CA_CERTS", text(&roots.own)),
        ("SSL_CERT_FILE", text(&roots.system)),
        ("OWN_ROOT", text(&roots.own)),
        ("PYTHONPATH", text(&python)),
        ("LATCHKEY_TABLE", crate::table::NAME.to_owned()),
        ("LATCHKEY_METRICS_NAMESPACE", "Latchkey/bench".to_owned()),
        ("RUST_LOG", "warn".to_owned()),
        ("GLIBC_TUNABLES", deployed(places, "GLIBC_TUNABLES")),
    ];
    variables.map(|(name, value)| (name.to_owned(), value)).to_vec()
}

/// The value of a variable in the template.
fn deployed(places: &Places, variable: &str) -> String {
    let template = std::fs::read_to_string(places.repository.join("template.yaml"));
    let template = template.expect("a template");
    let mut lines = template.lines().map(str::trim);
    let value = lines.find_map(|line| line.strip_prefix(variable)?.strip_prefix(": "));
    std::env::var(variable).unwrap_or(value.expect("a variable of the template").to_owned())
}

/// Where the repository is.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..").canonicalize().expect("the repository")
}
