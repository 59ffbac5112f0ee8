//! A small AWS STS on loopback, with the operation that the command line uses.
//!
//! Source: <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The identity that it knows.
pub(crate) const ARN: &str = "arn:aws:sts::123456789012:assumed-role/Admin/alice";

/// A running STS, until the end of the test's process.
pub(crate) struct Sts {
    pub(crate) endpoint: String,
    requests: Arc<AtomicUsize>,
}

impl Sts {
    /// Starts an STS that knows the caller, or refuses it.
    pub(crate) fn start(knows: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let requests = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&requests);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = BufReader::new(stream.expect("a connection"));
                let mut length = 0;
                loop {
                    let mut line = String::new();
                    stream.read_line(&mut line).expect("a header");
                    if line.trim().is_empty() {
                        break;
                    }
                    let header = line.to_ascii_lowercase();
                    if let Some(value) = header.strip_prefix("content-length:") {
                        length = value.trim().parse().expect("a length");
                    }
                }
                let mut body = vec![0; length];
                stream.read_exact(&mut body).expect("a body");
                assert!(String::from_utf8_lossy(&body).contains("Action=GetCallerIdentity"));
                counted.fetch_add(1, Ordering::Relaxed);
                let (status, body) = answer(knows);
                let length = body.len();
                let answer = format!(
                    "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Type: text/xml\r\n\
                     Content-Length: {length}\r\n\r\n{body}"
                );
                stream.get_mut().write_all(answer.as_bytes()).expect("answered");
            }
        });
        Self { endpoint, requests }
    }

    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }
}

fn answer(knows: bool) -> (&'static str, String) {
    match knows {
        true => (
            "200 OK",
            format!(
                "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
                 <GetCallerIdentityResult><Arn>{ARN}</Arn><UserId>A:alice</UserId>\
                 <Account>123456789012</Account></GetCallerIdentityResult>\
                 <ResponseMetadata><RequestId>1</RequestId></ResponseMetadata>\
                 </GetCallerIdentityResponse>"
            ),
        ),
        false => (
            "403 Forbidden",
            "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error>\
             <Type>Sender</Type><Code>InvalidClientTokenId</Code>\
             <Message>The security token included in the request is invalid.</Message></Error>\
             <RequestId>1</RequestId></ErrorResponse>"
                .to_owned(),
        ),
    }
}
