//! HTTPS in front of the embedded DynamoDB or another server, with a certificate authority of its own.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// The names of the server: this machine, and an endpoint whose name a test resolves to it.
const NAMES: [&str; 2] = ["localhost", "hooks.example.com"];

/// A server on a free loopback port, which stops with the test.
pub struct TlsFront {
    /// The URL, for `AWS_ENDPOINT_URL_DYNAMODB`.
    pub endpoint: String,
    directory: TempDir,
}

impl TlsFront {
    /// Starts a server that forwards connections to `endpoint`, an `http://` URL.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub async fn start(endpoint: &str) -> Self {
        let behind = endpoint.strip_prefix("http://").expect("an http URL").to_owned();
        let directory = TempDir::new().expect("a directory");
        let config = certificate(&directory.path().join("root.pem"));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, behind) = (acceptor.clone(), behind.clone());
                tokio::spawn(async move {
                    // A client that does not trust the certificate ends the handshake.
                    let Ok(mut front) = acceptor.accept(stream).await else { return };
                    let Ok(mut behind) = TcpStream::connect(behind).await else { return };
                    let _ = tokio::io::copy_bidirectional(&mut front, &mut behind).await;
                });
            }
        });
        Self { endpoint: format!("https://localhost:{port}"), directory }
    }

    /// The file with the root certificate, in PEM.
    pub fn root(&self) -> PathBuf {
        self.directory.path().join("root.pem")
    }
}

/// Writes a new root certificate to `root` and returns a server whose certificate it signed.
fn certificate(root: &Path) -> ServerConfig {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let certificate = authority.self_signed(&key).expect("a root");
    std::fs::write(root, certificate.pem()).expect("a file");
    let issuer = Issuer::new(authority, key);

    let server = CertificateParams::new(NAMES.map(str::to_owned)).expect("a name");
    let key = KeyPair::generate().expect("a key");
    let certificate = server.signed_by(&key, &issuer).expect("a certificate");
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions of TLS")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .expect("a certificate with its key")
}
