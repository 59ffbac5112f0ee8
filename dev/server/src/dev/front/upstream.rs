//! Passing a request on to `cargo lambda watch`, and its response back.

use std::net::Ipv4Addr;

use axum::BoxError;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::uri::{PathAndQuery, Uri};
use axum::http::{HeaderMap, HeaderName, StatusCode, Version, header};
use axum::response::Response;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::reply;

/// The headers of a connection, which are not passed on (RFC 9110, section 7.6.1), besides those that
/// `Connection` names.
const OF_A_CONNECTION: [HeaderName; 6] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Where `cargo lambda watch` listens on loopback.
#[derive(Clone, Copy, Debug)]
pub(super) struct Upstream {
    pub(super) port: u16,
}

/// Passes on everything but what is about the connection, and waits as long as the client does.
pub(super) async fn pass_on(State(upstream): State<Upstream>, request: Request) -> Response {
    match exchange(upstream, request).await {
        Ok(response) => response,
        Err(error) => {
            let text =
                format!("cargo-lambda did not respond: {error}; see the output of `cargo dev`\n");
            reply(StatusCode::BAD_GATEWAY, "text/plain; charset=utf-8", text)
        }
    }
}

/// On a connection of its own, which ends with the response or when the client goes away.
async fn exchange(upstream: Upstream, request: Request) -> Result<Response, BoxError> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, upstream.port)).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Its errors are also those of the request and of the response's body.
    tokio::spawn(async { drop(connection.await) });
    let mut response = sender.send_request(outgoing(request)).await?;
    remove_headers_of_connection(response.headers_mut());
    Ok(response.map(Body::new))
}

fn outgoing(mut request: Request) -> Request {
    let target = request.uri().path_and_query().cloned();
    *request.uri_mut() = Uri::from(target.unwrap_or(PathAndQuery::from_static("/")));
    *request.version_mut() = Version::HTTP_11;
    remove_headers_of_connection(request.headers_mut());
    request
}

fn remove_headers_of_connection(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&OF_A_CONNECTION) {
        headers.remove(name);
    }
}
