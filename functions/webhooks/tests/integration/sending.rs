//! Requests to endpoints, and those that are never sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use latchkey::service::{Answer, Message};
use latchkey::webhook::{SHARED_TIMEOUT, TIMEOUT};
use latchkey_testkit::endpoint::{Endpoint, HOST, Reply};
use webhooks::address::Resolver;
use webhooks::send::Sender;

use crate::common::{resolver, resolving, roots};

fn message(url: &str) -> Message {
    Message {
        url: url.parse().expect("a URL"),
        id: "1767225600000042-e3b0c442".to_owned(),
        timestamp: 1_767_225_600,
        signature: "v1,signature".to_owned(),
        body: r#"{"type":"key.revoked"}"#.to_owned(),
        timeout: TIMEOUT,
    }
}

fn status(status: u16) -> Answer {
    Answer::Response { status, retry_after: None }
}

fn none(reason: &str) -> Answer {
    Answer::None(reason.to_owned())
}

/// Sends a request, with the names that `resolver` resolves.
async fn send(endpoint: &Endpoint, resolver: Resolver) -> Answer {
    Sender::trusting(resolver, roots(&endpoint.tls)).send(message(&endpoint.url)).await
}

#[tokio::test]
async fn a_request_has_its_headers_and_its_body() {
    let endpoint = Endpoint::start().await;
    assert_eq!(send(&endpoint, resolver()).await, status(204));
    let received = endpoint.received().remove(0);
    assert_eq!(received.line, "POST /hook?key=value HTTP/1.1");
    assert_eq!(received.body, r#"{"type":"key.revoked"}"#);
    let agent = concat!("latchkey-webhooks/", env!("CARGO_PKG_VERSION"));
    let port = endpoint.tls.endpoint.rsplit(':').next().expect("a port");
    for (name, value) in [
        ("host", format!("{HOST}:{port}").as_str()),
        ("content-type", "application/json"),
        ("user-agent", agent),
        ("webhook-id", "1767225600000042-e3b0c442"),
        ("webhook-timestamp", "1767225600"),
        ("webhook-signature", "v1,signature"),
    ] {
        assert_eq!(received.header(name), Some(value), "{name}");
    }
}

#[tokio::test]
async fn a_name_with_any_address_that_is_not_public_gets_no_request() {
    let endpoint = Endpoint::start().await;
    for addresses in [
        "127.0.0.1",
        "1.1.1.1 127.0.0.1",
        "127.0.0.1 1.1.1.1",
        "::1",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "10.0.0.1",
        "169.254.169.254",
        "fd00:ec2::254",
        "100.64.0.1",
        "224.0.0.1",
        "2606:4700::1 fe80::1",
    ] {
        let answer = send(&endpoint, resolving(addresses)).await;
        let expected = none("the host has an address that is not on the public internet");
        assert_eq!(answer, expected, "{addresses}");
    }
    let answer = send(&endpoint, resolving("")).await;
    assert_eq!(answer, none("the host name cannot be resolved"));
    assert!(endpoint.received().is_empty());
}

/// The URL has a public address, so only the rules of the sender reject it here.
#[tokio::test]
async fn an_address_in_a_url_is_checked_without_a_resolution() {
    let endpoint = Endpoint::start().await;
    for url in ["https://1.1.1.1/", "https://[2606:4700::1]/"] {
        let nothing = Sender::trusting(resolver(), roots(&endpoint.tls));
        let answer = nothing.send(message(url)).await;
        assert_eq!(answer, none("the host has an address that is not on the public internet"));
    }
}

/// A name whose second resolution has another address reaches the first one, and each request resolves it again.
#[tokio::test]
async fn the_connection_goes_to_the_address_that_was_checked() {
    let endpoint = Endpoint::start().await;
    let lookups = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&lookups);
    let rebinding = Resolver::new(move |_| {
        let earlier = counted.fetch_add(1, Ordering::Relaxed);
        let address = if earlier == 0 { "127.0.0.1" } else { "10.0.0.1" };
        Box::pin(async move { Ok(vec![address.parse().expect("an address")]) })
    });
    let rebinding = rebinding.permitting(|address| address.is_loopback());
    let sender = Sender::trusting(rebinding, roots(&endpoint.tls));
    assert_eq!(sender.send(message(&endpoint.url)).await, status(204));
    assert_eq!(lookups.load(Ordering::Relaxed), 1);
    let answer = sender.send(message(&endpoint.url)).await;
    assert_eq!(answer, none("the host has an address that is not on the public internet"));
    assert_eq!((lookups.load(Ordering::Relaxed), endpoint.received().len()), (2, 1));
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_is_not_followed() {
    let (endpoint, other) = (Endpoint::start().await, Endpoint::start().await);
    let location = format!("location: {}\r\n", other.url).leak();
    for reply in ["301 Moved", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        endpoint.next([Reply::Status(reply, location)]);
        let expected = reply[..3].parse().expect("a status");
        assert_eq!(send(&endpoint, resolver()).await, status(expected));
    }
    assert_eq!((endpoint.received().len(), other.received().len()), (4, 0));
}

#[tokio::test]
async fn a_body_is_not_read() {
    let endpoint = Endpoint::start().await;
    endpoint.next([Reply::Endless]);
    assert_eq!(send(&endpoint, resolver()).await, status(200));
}

#[tokio::test]
async fn an_endpoint_may_ask_to_wait() {
    let endpoint = Endpoint::start().await;
    for (header, seconds) in [
        ("retry-after: 120\r\n", Some(120)),
        ("retry-after: soon\r\n", None),
        ("retry-after: -1\r\n", None),
    ] {
        endpoint.next([Reply::Status("429 Too Many Requests", header)]);
        let retry_after = seconds.map(Duration::from_secs);
        let expected = Answer::Response { status: 429, retry_after };
        assert_eq!(send(&endpoint, resolver()).await, expected, "{header}");
    }
}

#[tokio::test]
async fn an_endpoint_that_nobody_certified_gets_no_request() {
    let (endpoint, other) = (Endpoint::start().await, Endpoint::start().await);
    let sender = Sender::trusting(resolver(), roots(&other.tls));
    let answer = sender.send(message(&endpoint.url)).await;
    assert_eq!(answer, none("the endpoint's TLS certificate is not valid for its name"));
    // The certificate is for another name.
    let url = endpoint.url.replace(HOST, "other.example.com");
    let anywhere =
        Resolver::new(|_| Box::pin(async { Ok(vec!["127.0.0.1".parse().expect("one")]) }));
    let anywhere = anywhere.permitting(|address| address.is_loopback());
    let answer = Sender::trusting(anywhere, roots(&endpoint.tls)).send(message(&url)).await;
    assert_eq!(answer, none("the endpoint's TLS certificate is not valid for its name"));
    assert!(endpoint.received().is_empty());
}

#[tokio::test]
async fn a_connection_that_ends_is_a_failure() {
    let endpoint = Endpoint::start().await;
    endpoint.next([Reply::Close]);
    let answer = send(&endpoint, resolver()).await;
    assert_eq!(answer, none("the connection to the endpoint failed"));
    assert_eq!(endpoint.received().len(), 1);
}

/// The clock goes on whenever all tasks wait, so the test takes no time.
#[tokio::test(start_paused = true)]
async fn an_endpoint_that_never_responds_is_given_up() {
    // This name takes for ever to resolve, so nothing waits for a network.
    let never = Resolver::new(|_| Box::pin(std::future::pending()));
    let sender = Sender::new(never);
    for timeout in [SHARED_TIMEOUT, TIMEOUT] {
        let began = tokio::time::Instant::now();
        let message = Message { timeout, ..message("https://hooks.example.com/") };
        let answer = sender.send(message).await;
        assert!(matches!(answer, Answer::None(_)), "{answer:?}");
        assert!(began.elapsed() <= timeout + Duration::from_millis(100));
    }
}
