//! DynamoDB over one TLS connection, with a signature by hand.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>

use std::net::TcpStream;
use std::sync::Arc;

use hmac::{Hmac, Mac};
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use sha2::{Digest, Sha256};
use work::hex;

use crate::exchange::exchange;

const SIGNED: &str = "content-type;host;x-amz-date;x-amz-security-token;x-amz-target";

pub(crate) struct DynamoDb {
    host: String,
    stream: StreamOwned<ClientConnection, TcpStream>,
    buffer: Vec<u8>,
    id: String,
    secret: String,
    session: String,
    /// The day and its signing key.
    signing: (String, [u8; 32]),
}

impl DynamoDb {
    pub(crate) fn connect() -> Self {
        let variable = |name: &str| std::env::var(name).expect("a variable of Lambda");
        let endpoint = variable("AWS_ENDPOINT_URL_DYNAMODB");
        let host = endpoint.strip_prefix("https://").expect("an https URL").to_owned();
        let mut roots = RootCertStore::empty();
        let bundle = CertificateDer::pem_file_iter(variable("OWN_ROOT")).expect("a bundle");
        for root in bundle {
            roots.add(root.expect("a certificate")).expect("a root");
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions of TLS")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = host.split(':').next().unwrap_or_default().to_owned();
        let name = name.try_into().expect("a name");
        let mut session = ClientConnection::new(Arc::new(config), name).expect("a session");
        let mut stream = TcpStream::connect(&host).expect("DynamoDB");
        stream.set_nodelay(true).expect("a socket");
        // Before the first event, as Latchkey does.
        while session.is_handshaking() {
            session.complete_io(&mut stream).expect("a handshake");
        }
        Self {
            host,
            stream: StreamOwned::new(session, stream),
            buffer: Vec::with_capacity(32768),
            id: variable("AWS_ACCESS_KEY_ID"),
            secret: variable("AWS_SECRET_ACCESS_KEY"),
            session: variable("AWS_SESSION_TOKEN"),
            signing: (String::new(), [0; 32]),
        }
    }

    /// Sends a request and returns the body of a successful response.
    pub(crate) fn call(&mut self, operation: &str, body: &str) -> Option<Vec<u8>> {
        let date = amz_date(work::now() / 1000);
        let day = &date[..8];
        if self.signing.0 != day {
            let key = sign(format!("AWS4{}", self.secret).as_bytes(), day.as_bytes());
            let key = sign(&sign(&sign(&key, b"us-east-1"), b"dynamodb"), b"aws4_request");
            self.signing = (day.to_owned(), key);
        }
        let Self { host, id, session, .. } = self;
        let target = format!("DynamoDB_20120810.{operation}");
        let request = format!(
            "POST\n/\n\ncontent-type:application/x-amz-json-1.0\nhost:{host}\nx-amz-date:{date}\n\
             x-amz-security-token:{session}\nx-amz-target:{target}\n\n{SIGNED}\n{}",
            hex(&Sha256::digest(body.as_bytes()))
        );
        let scope = format!("{day}/us-east-1/dynamodb/aws4_request");
        let text = format!(
            "AWS4-HMAC-SHA256\n{date}\n{scope}\n{}",
            hex(&Sha256::digest(request.as_bytes()))
        );
        let signature = hex(&sign(&self.signing.1, text.as_bytes()));
        let request = format!(
            "POST / HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/x-amz-json-1.0\r\n\
             x-amz-date: {date}\r\nx-amz-security-token: {session}\r\nx-amz-target: {target}\r\n\
             authorization: AWS4-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={SIGNED}, \
             Signature={signature}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = exchange(&mut self.stream, request.as_bytes(), &mut self.buffer);
        answer.ok().filter(|(head, _)| head.starts_with("http/1.1 200")).map(|(_, body)| body)
    }
}

fn sign(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length");
    mac.update(text);
    mac.finalize().into_bytes().into()
}

/// A time in seconds since the Unix epoch as `YYYYMMDDTHHMMSSZ`.
/// Source of the dates: <https://howardhinnant.github.io/date_algorithms.html#civil_from_days>
fn amz_date(time: u64) -> String {
    let (days, seconds) = (time / 86400 + 719_468, time % 86400);
    let (era, day) = (days / 146_097, days % 146_097);
    let year_of_era = (day - day / 1460 + day / 36524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let date = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}{month:02}{date:02}T{hour:02}{minute:02}{second:02}Z")
}
