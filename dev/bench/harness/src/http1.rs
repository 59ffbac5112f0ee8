//! HTTP/1.1 as Lambda functions and the AWS SDKs speak it, over blocking connections.

use std::io::{Read, Write};

/// A request.
pub(crate) struct Request {
    /// Method and path.
    pub(crate) line: String,
    /// The DynamoDB operation, such as `GetItem`.
    pub(crate) operation: String,
    pub(crate) body: Vec<u8>,
}

/// A connection with what was read of the next request.
pub(crate) struct Connection<S> {
    stream: S,
    read: Vec<u8>,
}

impl<S: Read + Write> Connection<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, read: Vec::new() }
    }

    /// Reads a request; `None` when the connection ends.
    pub(crate) fn request(&mut self) -> Option<Request> {
        let end = loop {
            match self.read.windows(4).position(|window| window == b"\r\n\r\n") {
                Some(at) => break at + 4,
                None => self.fill()?,
            }
        };
        let head = self.take(end)?;
        let head = String::from_utf8_lossy(&head);
        let mut lines = head.split("\r\n");
        let line = lines.next()?.rsplit_once(' ')?.0.to_owned();
        let (mut length, mut chunked, mut operation) = (0, false, String::new());
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            let value = value.trim();
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().ok()?,
                "transfer-encoding" => chunked = value.eq_ignore_ascii_case("chunked"),
                "x-amz-target" => operation = value.rsplit('.').next()?.to_owned(),
                "expect" => self.write(b"HTTP/1.1 100 Continue\r\n\r\n")?,
                _ => {}
            }
        }
        let body = if chunked { self.chunks()? } else { self.take(length)? };
        Some(Request { line, operation, body })
    }

    /// Writes a response with a body of JSON.
    pub(crate) fn answer(&mut self, status: &str, headers: &str, body: &[u8]) -> Option<()> {
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{headers}content-length: {}\r\n\r\n",
            body.len()
        );
        self.write(&[head.as_bytes(), body].concat())
    }

    fn chunks(&mut self) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let end = loop {
                match self.read.windows(2).position(|window| window == b"\r\n") {
                    Some(at) => break at + 2,
                    None => self.fill()?,
                }
            };
            let line = String::from_utf8(self.take(end)?).ok()?;
            let size = usize::from_str_radix(line.split(';').next()?.trim(), 16).ok()?;
            body.extend_from_slice(&self.take(size + 2)?[..size]);
            if size == 0 {
                return Some(body);
            }
        }
    }

    fn take(&mut self, length: usize) -> Option<Vec<u8>> {
        while self.read.len() < length {
            self.fill()?;
        }
        Some(self.read.drain(..length).collect())
    }

    fn fill(&mut self) -> Option<()> {
        let mut part = [0; 16384];
        let length = self.stream.read(&mut part).ok().filter(|length| *length > 0)?;
        self.read.extend_from_slice(&part[..length]);
        Some(())
    }

    fn write(&mut self, bytes: &[u8]) -> Option<()> {
        self.stream.write_all(bytes).and_then(|()| self.stream.flush()).ok()
    }
}
