//! A canned DynamoDB over TLS: it reads the sample table and forgets what is written.

use std::collections::{BTreeMap, HashMap};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::http1::Connection;
use crate::table::Table;

/// The server, which ends with the process.
pub(crate) struct DynamoDb {
    pub(crate) endpoint: String,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared(Mutex<State>);

#[derive(Default)]
struct State {
    table: Table,
    delay: Duration,
    /// Responses by operation and, for reads, body.
    known: HashMap<(String, Vec<u8>), Arc<str>>,
    calls: BTreeMap<String, u64>,
    connections: u64,
}

impl DynamoDb {
    /// Starts the server on a free loopback port, with the certificate that [`certificate`] made.
    pub(crate) fn start(config: ServerConfig) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let shared = Arc::<Shared>::default();
        let (server, config) = (Arc::clone(&shared), Arc::new(config));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let _ = stream.set_nodelay(true);
                server.state().connections += 1;
                let session = ServerConnection::new(Arc::clone(&config)).expect("a session");
                let server = Arc::clone(&server);
                thread::spawn(move || {
                    let mut connection = Connection::new(StreamOwned::new(session, stream));
                    while let Some(request) = connection.request() {
                        let (body, delay) = server.answer(request.operation, request.body);
                        thread::sleep(delay);
                        if connection.answer("200 OK", "", body.as_bytes()).is_none() {
                            break;
                        }
                    }
                });
            }
        });
        Self { endpoint: format!("https://localhost:{port}"), shared }
    }

    /// Serves `table` from now on.
    pub(crate) fn serve(&self, table: Table) {
        let mut state = self.shared.state();
        state.table = table;
        state.connections = 0;
        state.known.clear();
    }

    /// Sets how long each response takes.
    pub(crate) fn delay(&self, delay: Duration) {
        self.shared.state().delay = delay;
    }

    /// The connections since the table was set.
    pub(crate) fn connections(&self) -> u64 {
        self.shared.state().connections
    }

    /// The requests since the last call, by operation.
    pub(crate) fn take_calls(&self) -> BTreeMap<String, u64> {
        std::mem::take(&mut self.shared.state().calls)
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, operation: String, body: Vec<u8>) -> (Arc<str>, Duration) {
        let mut state = self.state();
        *state.calls.entry(operation.clone()).or_default() += 1;
        let writes = matches!(operation.as_str(), "TransactWriteItems" | "UpdateItem");
        let key = (operation, if writes { Vec::new() } else { body.clone() });
        let delay = state.delay;
        if let Some(known) = state.known.get(&key) {
            return (Arc::clone(known), delay);
        }
        let (status, answer) = match key.0.as_str() {
            // The time of the last use.
            "UpdateItem" => (200, "{}".to_owned()),
            operation => state.table.answer(operation, &body),
        };
        assert_eq!(status, 200, "{} with {}", key.0, String::from_utf8_lossy(&body));
        let answer: Arc<str> = answer.into();
        state.known.insert(key, Arc::clone(&answer));
        (answer, delay)
    }
}

/// Amazon's root certificates, which the functions trust first.
const AMAZON_ROOTS: &str =
    include_str!("../../../../shared/core/src/store/client/amazon_roots.pem");

/// The system's root certificates.
const SYSTEM_ROOTS: [&str; 2] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];

/// Files with root certificates that verify the canned DynamoDB.
pub(crate) struct Roots {
    /// Only its root.
    pub(crate) own: PathBuf,
    /// Amazon's as well, so that a function has as many to parse as within AWS.
    pub(crate) amazon: PathBuf,
    /// The system's as well.
    pub(crate) system: PathBuf,
}

/// Writes a new root certificate to files in `folder`, and returns them and a server whose certificate it
/// signed.
pub(crate) fn certificate(folder: &Path) -> (Roots, ServerConfig) {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // Node takes a certificate with its issuer's name for one that signed itself.
    authority.distinguished_name.push(DnType::CommonName, "bench root");
    let key = KeyPair::generate().expect("a key");
    let certificate = authority.self_signed(&key).expect("a root");
    let write = |name: &str, others: &str| {
        let file = folder.join(name);
        std::fs::write(&file, certificate.pem() + others).expect("a file");
        file
    };
    let system = SYSTEM_ROOTS.iter().find_map(|file| std::fs::read_to_string(file).ok());
    let roots = Roots {
        own: write("own-root.pem", ""),
        amazon: write("amazon-roots.pem", AMAZON_ROOTS),
        system: write("system-roots.pem", &system.unwrap_or_default()),
    };
    let issuer = Issuer::new(authority, key);

    let server = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    let key = KeyPair::generate().expect("a key");
    let certificate = server.signed_by(&key, &issuer).expect("a certificate");
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions of TLS")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .expect("a certificate with its key");
    (roots, config)
}
