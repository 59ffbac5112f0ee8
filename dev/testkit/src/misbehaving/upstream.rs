//! The connection to the embedded database.

use std::net::SocketAddr;

use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::http1::Message;

/// A connection to the embedded database, which opens when it is needed.
#[derive(Debug)]
pub(super) struct Upstream {
    address: SocketAddr,
    stream: Option<BufReader<TcpStream>>,
}

impl Upstream {
    pub(super) fn new(address: SocketAddr) -> Self {
        Self { address, stream: None }
    }

    /// Sends a request; `None` if the connection ends before the response.
    pub(super) async fn exchange(&mut self, request: &Message) -> Option<Message> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect(self.address).await.ok()?;
                stream.set_nodelay(true).ok()?;
                BufReader::new(stream)
            }
        };
        stream.get_mut().write_all(&request.bytes()).await.ok()?;
        let answer = Message::read(&mut stream).await?;
        self.stream = Some(stream);
        Some(answer)
    }
}
