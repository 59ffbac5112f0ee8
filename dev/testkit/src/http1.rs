//! HTTP/1.1 messages as they are sent, for servers that must be able to answer wrongly.

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::TcpStream;

/// A request or a response whose `Content-Length` is its length.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    /// The first line and the headers, each with its line break.
    pub(crate) head: String,
    /// The body.
    pub(crate) body: Vec<u8>,
}

impl Message {
    /// Reads the next message of a connection; `None` if the connection ends first.
    pub(crate) async fn read(stream: &mut BufReader<TcpStream>) -> Option<Self> {
        let mut head = String::new();
        loop {
            let read = stream.read_line(&mut head).await.ok()?;
            match &head[head.len() - read..] {
                "" => return None,
                "\r\n" => break,
                _ => {}
            }
        }
        let mut message = Self { head, body: Vec::new() };
        if let Some(length) = message.header("content-length") {
            message.body = vec![0; length.parse().ok()?];
        }
        stream.read_exact(&mut message.body).await.ok()?;
        Some(message)
    }

    /// A response with a JSON body.
    pub(crate) fn json(status: &str, headers: &str, body: &str) -> Self {
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status}\r\n{headers}content-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        );
        Self { head, body: body.as_bytes().to_vec() }
    }

    /// The first line.
    pub(crate) fn line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        headers.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// The message as it is sent.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        [self.head.as_bytes(), &self.body].concat()
    }
}
