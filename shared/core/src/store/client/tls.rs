//! HTTPS with Amazon's own root certificates first.
//!
//! Amazon Trust Services signs the certificates of all DynamoDB endpoints, so its five roots are enough, and
//! parsing the system's 145 takes more than half of a function's start. If Amazon's roots do not verify the
//! server, the system's do from then on, so a new root of AWS, or an endpoint of your own, still works.
//! `AWS_CA_BUNDLE` replaces both.

use std::error::Error;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use aws_sdk_dynamodb::config::{RuntimeComponents, SharedHttpClient};
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::store::environment::{Environment, InvalidSetting};

/// Amazon Root CA 1 to 4 and Starfield Services Root Certificate Authority - G2, in PEM.
/// Source: <https://www.amazontrust.com/repository/>
const AMAZON_ROOTS: &str = include_str!("amazon_roots.pem");

/// Creates an HTTPS client over rustls and ring that trusts Amazon's roots first, and the system's once a
/// certificate needs them.
pub(super) fn client() -> SharedHttpClient {
    SharedHttpClient::new(AmazonFirst {
        amazon: trusting(TrustStore::empty().with_pem_certificate(AMAZON_ROOTS)),
        system: OnceLock::new(),
        needs_system: Arc::default(),
    })
}

/// Root certificates in PEM, of which each can be parsed.
#[derive(Clone, Debug)]
pub struct CaBundle(Vec<u8>);

impl CaBundle {
    /// Reads the file that `AWS_CA_BUNDLE` names, the variable of all AWS SDKs. Returns `None` without the
    /// variable.
    /// Source: <https://docs.aws.amazon.com/sdkref/latest/guide/feature-gen-config.html>
    ///
    /// # Errors
    ///
    /// Says why the file is not a bundle.
    pub fn from_environment(environment: &Environment) -> Result<Option<Self>, InvalidSetting> {
        environment.read("AWS_CA_BUNDLE", |path| {
            let pem = std::fs::read(path)
                .map_err(|error| format!("must be a readable file, not {path:?}: {error}"))?;
            Self::new(pem).ok_or_else(|| format!("must hold root certificates in PEM: {path:?}"))
        })
    }

    fn new(pem: Vec<u8>) -> Option<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            roots.add(certificate.ok()?).ok()?;
        }
        (!roots.is_empty()).then_some(Self(pem))
    }

    /// Creates an HTTPS client that trusts only these certificates.
    pub(super) fn client(&self) -> SharedHttpClient {
        trusting(TrustStore::empty().with_pem_certificate(self.0.clone()))
    }
}

fn trusting(roots: TrustStore) -> SharedHttpClient {
    let context = TlsContext::builder().with_trust_store(roots).build();
    aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .tls_context(context.expect("roots and nothing else"))
        .build_https()
}

#[derive(Debug)]
struct AmazonFirst {
    amazon: SharedHttpClient,
    system: OnceLock<SharedHttpClient>,
    needs_system: Arc<AtomicBool>,
}

impl HttpClient for AmazonFirst {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        if self.needs_system.load(Ordering::Relaxed) {
            let system = self.system.get_or_init(|| trusting(TrustStore::default()));
            return system.http_connector(settings, components);
        }
        let connector = self.amazon.http_connector(settings, components);
        let needs_system = Arc::clone(&self.needs_system);
        SharedHttpConnector::new(Amazon { connector, needs_system })
    }
}

/// Connects with Amazon's roots.
#[derive(Debug)]
struct Amazon {
    connector: SharedHttpConnector,
    needs_system: Arc<AtomicBool>,
}

impl HttpConnector for Amazon {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let answer = self.connector.call(request);
        let needs_system = Arc::clone(&self.needs_system);
        HttpConnectorFuture::new(async move {
            let error = match answer.await {
                Ok(response) => return Ok(response),
                Err(error) => error,
            };
            if !is_about_certificates(&error) {
                return Err(error);
            }
            if !needs_system.swap(true, Ordering::Relaxed) {
                tracing::warn!(
                    "Amazon's root certificates do not verify DynamoDB; using the system's"
                );
            }
            // The client retries this kind of error at once.
            Err(ConnectorError::io(error.into()))
        })
    }
}

/// Whether the server's certificate was not accepted.
fn is_about_certificates(error: &ConnectorError) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(rustls::Error::InvalidCertificate(_)) = error.downcast_ref() {
            return true;
        }
        // `source` of an I/O error skips the error that it wraps.
        cause = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    false
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    /// The SHA-256 fingerprints that Amazon publishes, in the order of the file.
    /// Source: <https://www.amazontrust.com/repository/>
    const FINGERPRINTS: [&str; 5] = [
        "8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e",
        "1ba5b2aa8c65401a82960118f80bec4f62304d83cec4713a19c39c011ea46db4",
        "18ce6cfe7bf14e60b2e347b8dfe868cb31d02ebb3ada271569f50343b46db3a4",
        "e35d28419ed02025cfa69038cd623962458da5c695fbdea3c22b0bfb25897092",
        "568d6905a2c88708a4b3025190edcfedb1974a606a13c6e5290fcb2ae63edab5",
    ];

    #[test]
    fn the_roots_are_those_that_amazon_publishes() {
        let roots = CertificateDer::pem_slice_iter(AMAZON_ROOTS.as_bytes());
        let fingerprints: Vec<String> = roots
            .map(|root| {
                let digest = Sha256::digest(root.expect("a certificate"));
                digest.iter().map(|byte| format!("{byte:02x}")).collect()
            })
            .collect();
        assert_eq!(fingerprints, FINGERPRINTS);
    }

    #[test]
    fn a_bundle_without_a_root_is_rejected() {
        assert!(CaBundle::new(AMAZON_ROOTS.into()).is_some());
        for text in
            ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
        {
            assert!(CaBundle::new(text.into()).is_none(), "{text:?}");
        }
    }
}
