//! A test's own Lambda runtime API, for the real binary of a function.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot};

use crate::http1::Message;

/// The API, and the requests that a function sent to it.
pub struct RuntimeApi {
    address: SocketAddr,
    calls: mpsc::UnboundedReceiver<Call>,
}

/// A function's request, which waits for its reply.
#[derive(Debug)]
pub struct Call {
    /// For example, `GET /2018-06-01/runtime/invocation/next`.
    pub line: String,
    /// The body; for a response, what the function returned.
    pub body: Vec<u8>,
    reply: oneshot::Sender<Message>,
}

impl RuntimeApi {
    /// Starts an API on a free loopback port.
    ///
    /// # Panics
    ///
    /// If no port is free.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (sender, calls) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, sender.clone()));
            }
        });
        Self { address, calls }
    }

    /// Starts a function's binary, which ends when the returned value is dropped.
    ///
    /// Its standard output is piped.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn spawn(&self, binary: &Path, environment: &[(&str, &str)]) -> Child {
        let mut command = Command::new(binary);
        command
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", self.address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", "function")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        command.spawn().expect("a function that starts")
    }

    /// The function's next request.
    ///
    /// # Panics
    ///
    /// If the function sends no more requests.
    pub async fn call(&mut self) -> Call {
        self.calls.recv().await.expect("a request")
    }
}

impl Call {
    /// Whether the function requests the next event.
    pub fn is_next(&self) -> bool {
        self.line.starts_with("GET ") && self.line.ends_with("/invocation/next")
    }

    /// Whether the function responds to an event.
    pub fn is_response(&self) -> bool {
        self.line.starts_with("POST ") && self.line.ends_with("/response")
    }

    /// Delivers an event, or accepts a response if `event` is empty.
    pub fn reply(self, event: &str) {
        let (status, headers) = match event {
            "" => ("202 Accepted", ""),
            // Far in the future: the year 2100.
            _ => (
                "200 OK",
                "lambda-runtime-aws-request-id: request\r\n\
                 lambda-runtime-deadline-ms: 4102444800000\r\n\
                 lambda-runtime-invoked-function-arn: arn:aws:lambda:us-east-1:1:function:f\r\n",
            ),
        };
        let _ = self.reply.send(Message::json(status, headers, event));
    }
}

/// Serves one connection, one request at a time.
async fn serve(stream: TcpStream, calls: mpsc::UnboundedSender<Call>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let request = Message::read(&mut stream).await?;
        let (reply, replied) = oneshot::channel();
        let line = request.line().strip_suffix(" HTTP/1.1")?.to_owned();
        calls.send(Call { line, body: request.body, reply }).ok()?;
        stream.get_mut().write_all(&replied.await.ok()?.bytes()).await.ok()?;
    }
}
