//! A webhook's endpoint of a test: it keeps the requests that it gets, and responds as asked for.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::http1::Message;
use crate::tls::TlsFront;

/// The host of every endpoint, which tests resolve to this machine.
pub const HOST: &str = "hooks.example.com";

/// A server on a free loopback port, which stops with the test.
pub struct Endpoint {
    /// The URL over HTTPS, at [`HOST`].
    pub url: String,
    /// Its HTTPS.
    pub tls: TlsFront,
    state: Arc<Mutex<State>>,
}

/// A request that an endpoint got.
#[derive(Clone, Debug)]
pub struct Received {
    /// The first line.
    pub line: String,
    /// The body.
    pub body: String,
    message: Message,
}

impl Received {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.message.header(name)
    }
}

/// How an endpoint responds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// With this status line, such as `204 No Content`, and these headers, each with its line break.
    Status(&'static str, &'static str),
    /// With the start of a body that never ends.
    Endless,
    /// Never.
    Silence,
    /// By closing the connection.
    Close,
}

#[derive(Default)]
struct State {
    replies: VecDeque<Reply>,
    received: Vec<Received>,
}

impl Endpoint {
    /// Starts an endpoint that accepts everything.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let plain = format!("http://{}", listener.local_addr().expect("an address"));
        let state = Arc::<Mutex<State>>::default();
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        let tls = TlsFront::start(&plain).await;
        let port = tls.endpoint.rsplit(':').next().expect("a port");
        Self { url: format!("https://{HOST}:{port}/hook?key=value"), tls, state }
    }

    /// Gives the next requests these replies.
    pub fn next(&self, replies: impl IntoIterator<Item = Reply>) {
        lock(&self.state).replies.extend(replies);
    }

    /// The requests so far.
    pub fn received(&self) -> Vec<Received> {
        lock(&self.state).received.clone()
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(stream: TcpStream, state: Arc<Mutex<State>>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let message = Message::read(&mut stream).await?;
        let reply = {
            let mut state = lock(&state);
            let (line, body) = (message.line().to_owned(), message.body.clone());
            let body = String::from_utf8(body).expect("a text");
            state.received.push(Received { line, body, message });
            state.replies.pop_front().unwrap_or(Reply::Status("204 No Content", ""))
        };
        match reply {
            Reply::Status(status, headers) => {
                let head = format!("HTTP/1.1 {status}\r\n{headers}content-length: 0\r\n\r\n");
                stream.get_mut().write_all(head.as_bytes()).await.ok()?;
            }
            Reply::Endless => {
                let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
                stream.get_mut().write_all(head.as_bytes()).await.ok()?;
                let part = [b"400\r\n".as_slice(), &[b' '; 1024], b"\r\n"].concat();
                // Until the client closes the connection.
                while stream.get_mut().write_all(&part).await.is_ok() {}
                return None;
            }
            Reply::Silence => {
                // Until the client closes the connection.
                Message::read(&mut stream).await?;
            }
            Reply::Close => return None,
        }
    }
}
