//! Reading GitHub's public keys from GitHub.

use std::time::Duration;

use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::byte_stream::ByteStream;

use super::public_keys::{DOCUMENT_BYTES_MAX, KeySource, SourceError};

/// Where GitHub publishes the keys.
/// Source: <https://docs.github.com/en/code-security/secret-scanning/secret-scanning-partnership-program/secret-scanning-partner-program#implement-signature-verification-in-your-secret-alert-service>
const URL: &str = "https://api.github.com/meta/public_keys/secret_scanning";

/// The time limit of the request, including the connection. It leaves time for the report itself within
/// [`latchkey::service::REQUEST_TIMEOUT`].
const TIMEOUT: Duration = Duration::from_secs(3);

/// GitHub rejects requests without a user agent.
/// Source: <https://docs.github.com/en/rest/using-the-rest-api/getting-started-with-the-rest-api#user-agent>
const USER_AGENT: &str = concat!("latchkey/", env!("CARGO_PKG_VERSION"));

/// Creates the source that deployments use.
///
/// It trusts the system's root certificates, which it parses for each copy: at most once a minute, and never
/// at the start.
pub(crate) fn from_github() -> KeySource {
    KeySource::new(|| {
        Box::pin(async {
            let connector = https();
            get(&connector, URL).await
        })
    })
}

fn https() -> Connector {
    let context = TlsContext::builder().with_trust_store(TrustStore::default()).build();
    Connector::builder()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .tls_context(context.expect("roots and nothing else"))
        .build()
}

/// Reads a document in bounded time and size. Follows no redirects.
async fn get(connector: &impl HttpConnector, url: &str) -> Result<Vec<u8>, SourceError> {
    let read = async {
        let mut request = HttpRequest::get(url)?;
        let headers = request.headers_mut();
        headers.insert("accept", "application/json");
        headers.insert("user-agent", USER_AGENT);
        let response = connector.call(request).await?;
        let status = response.status().as_u16();
        if status != 200 {
            return Err(
                format!("GitHub responded to the request for its keys with {status}").into()
            );
        }
        let mut body = ByteStream::new(response.into_body());
        let mut document = Vec::new();
        while let Some(part) = body.next().await {
            let part = part?;
            if document.len() + part.len() > DOCUMENT_BYTES_MAX {
                return Err("GitHub's keys are larger than expected".into());
            }
            document.extend_from_slice(&part);
        }
        Ok(document)
    };
    let late = |_| SourceError::from("GitHub did not respond to the request for its keys in time");
    tokio::time::timeout(TIMEOUT, read).await.map_err(late)?
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::task::JoinHandle;

    use super::*;

    /// A server that sends `response` to one request, and then keeps the connection open; its URL, and the
    /// request.
    async fn server(response: Vec<u8>) -> (String, JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/keys", listener.local_addr().expect("an address"));
        let served = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                request.push(stream.read_u8().await.expect("a request"));
            }
            // A client that gives up earlier closes the connection.
            let _ = stream.write_all(&response).await;
            let _ = stream.read_u8().await;
            String::from_utf8(request).expect("text")
        });
        (url, served)
    }

    async fn ask(response: Vec<u8>) -> (Result<Vec<u8>, String>, String) {
        let (url, served) = server(response).await;
        let connector = https();
        let document = get(&connector, &url).await.map_err(|error| error.to_string());
        // Closes the connection.
        drop(connector);
        (document, served.await.expect("served"))
    }

    #[tokio::test]
    async fn the_document_is_read_with_the_headers_that_github_asks_for() {
        let response = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}".to_vec();
        let (document, request) = ask(response).await;
        assert_eq!(document.as_deref(), Ok(&b"{}"[..]));
        assert!(request.starts_with("GET /keys HTTP/1.1\r\n"), "{request}");
        assert!(request.contains(&format!("user-agent: {USER_AGENT}\r\n")), "{request}");
    }

    #[tokio::test]
    async fn a_redirect_is_not_followed_and_a_refusal_is_an_error() {
        for status in
            ["302 Found\r\nlocation: http://127.0.0.1:1/", "403 Forbidden", "204 No Content"]
        {
            let response = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").into_bytes();
            let (document, _) = ask(response).await;
            assert!(document.expect_err("refused").ends_with(&status[..3]), "{status}");
        }
    }

    #[tokio::test]
    async fn a_document_without_an_end_is_an_error() {
        let mut response = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
        for _ in 0..=DOCUMENT_BYTES_MAX / 1024 {
            response.extend_from_slice(b"400\r\n");
            response.extend_from_slice(&[b' '; 1024]);
            response.extend_from_slice(b"\r\n");
        }
        let (document, _) = ask(response).await;
        assert_eq!(document, Err("GitHub's keys are larger than expected".to_owned()));
    }

    /// The clock goes on whenever all tasks wait, so the test takes no time.
    #[tokio::test(start_paused = true)]
    async fn a_slow_response_is_an_error() {
        for response in ["", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{"] {
            let (document, _) = ask(response.into()).await;
            assert!(document.expect_err("late").ends_with("in time"), "{response}");
        }
    }
}
