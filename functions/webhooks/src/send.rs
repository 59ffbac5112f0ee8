//! Sending a request to an endpoint that somebody else chose.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorSettings};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use latchkey::service::{Answer, Message};

use crate::address::{NotPublic, Resolver, Unresolved};

/// The time limit of a connection, including the resolution of the name and the TLS handshake.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What the function calls itself.
const USER_AGENT: &str = concat!("latchkey-webhooks/", env!("CARGO_PKG_VERSION"));

/// Sends requests over HTTPS: to permitted addresses, without redirects, and in bounded time. It reads the status and
/// the headers of a response, and never the body.
#[derive(Debug)]
pub struct Sender {
    connector: Connector,
    resolver: Resolver,
}

impl Sender {
    /// Creates a sender that trusts the system's root certificates.
    pub fn new(resolver: Resolver) -> Self {
        Self::trusting(resolver, TrustStore::default())
    }

    /// Creates a sender that trusts these root certificates.
    pub fn trusting(resolver: Resolver, roots: TrustStore) -> Self {
        let context = TlsContext::builder().with_trust_store(roots).build();
        let settings = HttpConnectorSettings::builder().connect_timeout(CONNECT_TIMEOUT).build();
        let connector = Connector::builder()
            .connector_settings(settings)
            .sleep_impl(TokioSleep::new())
            // A connection that is kept would be one to an address that was checked long ago.
            .pool_max_idle_per_host(0)
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .tls_context(context.expect("roots and nothing else"))
            .build_with_resolver(resolver.clone());
        Self { connector, resolver }
    }

    /// Sends a request once.
    pub async fn send(&self, message: Message) -> Answer {
        // The connector never resolves an address.
        if message.url.address().is_some_and(|address| !self.resolver.permits(address)) {
            return Answer::None(NotPublic.to_string());
        }
        let timeout = message.timeout;
        let sent = async {
            let request = request(message).map_err(|_| "the URL is not valid".to_owned())?;
            self.connector.call(request).await.map_err(|error| reason(&error))
        };
        match tokio::time::timeout(timeout, sent).await {
            Ok(Ok(response)) => Answer::Response {
                status: response.status().as_u16(),
                retry_after: retry_after(&response),
            },
            Ok(Err(reason)) => Answer::None(reason),
            Err(_) => Answer::None(format!(
                "the endpoint did not respond within {} seconds",
                timeout.as_secs()
            )),
        }
    }
}

fn request(message: Message) -> Result<HttpRequest, Box<dyn StdError + Send + Sync>> {
    let mut request = HttpRequest::new(SdkBody::from(message.body));
    request.set_method("POST")?;
    request.set_uri(message.url.as_ref())?;
    for (name, value) in [
        ("content-type", "application/json".to_owned()),
        ("user-agent", USER_AGENT.to_owned()),
        ("webhook-id", message.id),
        ("webhook-timestamp", message.timestamp.to_string()),
        ("webhook-signature", message.signature),
    ] {
        request.headers_mut().try_insert(name, value)?;
    }
    Ok(request)
}

/// The delay in seconds that a response asks for. The other form, a date, is rare and depends on clocks.
fn retry_after(response: &HttpResponse) -> Option<Duration> {
    response.headers().get("retry-after")?.trim().parse().ok().map(Duration::from_secs)
}

/// Why there was no response, for the owner of the webhook. It says nothing of this function's network.
fn reason(error: &(dyn StdError + 'static)) -> String {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref::<NotPublic>() {
            return found.to_string();
        }
        if let Some(found) = error.downcast_ref::<Unresolved>() {
            return found.to_string();
        }
        if error.to_string().contains("certificate") {
            return "the endpoint's TLS certificate is not valid for its name".to_owned();
        }
        // `source` of an I/O error skips the error that it wraps.
        cause = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    "the connection to the endpoint failed".to_owned()
}
