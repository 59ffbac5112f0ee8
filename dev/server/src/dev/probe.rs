//! Waiting until the functions respond.

use std::net::Ipv4Addr;
use std::time::Duration;

use latchkey_database::sample;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::mint_call::MintCall;

/// The functions are already built: each takes half a second, including `cargo run`.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// How often to try until `cargo lambda watch` listens.
const CONNECT_INTERVAL: Duration = Duration::from_millis(50);

/// The status of every dialect's response to a request without credentials.
const UNAUTHORIZED: u16 = 401;

/// Sends a request to each function, which starts it. One at a time, because starting takes cargo's lock.
pub(crate) async fn all_answer(port: u16, calls: &[MintCall]) -> Result<(), String> {
    for call in calls {
        let function = &call.function;
        match timeout(ANSWER_TIMEOUT, ask(port, call)).await {
            Ok(Ok(UNAUTHORIZED)) => {}
            Ok(Ok(status)) => {
                return Err(format!(
                    "{function} responded with {status} instead of {UNAUTHORIZED}; see above"
                ));
            }
            Ok(Err(error)) => {
                return Err(format!("{function} did not respond: {error}; see above"));
            }
            Err(_) => {
                let seconds = ANSWER_TIMEOUT.as_secs();
                return Err(format!("{function} did not respond within {seconds} s; see above"));
            }
        }
    }
    Ok(())
}

async fn ask(port: u16, call: &MintCall) -> std::io::Result<u16> {
    let path = call.path(sample::ACCOUNT);
    let mut stream = connect(port).await;
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).await?;
    status(&line)
        .ok_or_else(|| std::io::Error::other(format!("{line:?} is not an HTTP status line")))
}

async fn connect(port: u16) -> TcpStream {
    loop {
        match TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await {
            Ok(stream) => return stream,
            Err(_) => sleep(CONNECT_INTERVAL).await,
        }
    }
}

/// Parses the status from `HTTP/1.1 401 Unauthorized`.
fn status(line: &str) -> Option<u16> {
    let mut words = line.split_whitespace();
    words.next().filter(|version| version.starts_with("HTTP/"))?;
    words.next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_line_holds_a_status() {
        assert_eq!(status("HTTP/1.1 401 Unauthorized\r\n"), Some(401));
        assert_eq!(status("HTTP/1.0 200\r\n"), Some(200));
        assert_eq!(status("SSH-2.0-OpenSSH 9\r\n"), None);
        assert_eq!(status("HTTP/1.1 \r\n"), None);
        assert_eq!(status(""), None);
    }
}
