//! The ports of the API and of `cargo lambda watch`.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener};

/// A loopback port that no other process can take until this is dropped.
#[derive(Debug)]
pub(crate) struct Reserved {
    number: u16,
    listener: TcpListener,
}

impl Reserved {
    /// Reserves `port`, or a free port if it is 0.
    pub(crate) fn take(port: u16) -> Result<Self, String> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .map_err(|error| problem(port, error.kind(), &error.to_string()))?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        Ok(Self { number: address.port(), listener })
    }

    /// The port.
    pub(crate) fn number(&self) -> u16 {
        self.number
    }

    /// The listener, for a server of this process.
    pub(crate) fn into_listener(self) -> Result<tokio::net::TcpListener, String> {
        let failed =
            |error: std::io::Error| format!("cannot listen on port {}: {error}", self.number);
        self.listener.set_nonblocking(true).map_err(failed)?;
        tokio::net::TcpListener::from_std(self.listener).map_err(failed)
    }
}

fn problem(port: u16, kind: ErrorKind, error: &str) -> String {
    let other = if port < 9001 { 9001 } else { 9000 };
    let choice = format!("choose another with `cargo dev --port {other}`, or any with `--port 0`");
    match kind {
        ErrorKind::AddrInUse => {
            format!("port {port} is in use; stop the program that uses it, or {choice}")
        }
        ErrorKind::PermissionDenied => format!("no permission to listen on port {port}; {choice}"),
        _ => format!("cannot listen on port {port}: {error}; {choice}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_named_with_a_way_out() {
        let first = Reserved::take(0).expect("a free port");
        assert_ne!(first.number(), 0);
        let problem = Reserved::take(first.number()).expect_err("taken");
        let expected = format!("port {} is in use; stop the program that uses it", first.number());
        assert!(problem.starts_with(&expected), "{problem}");
        assert!(problem.contains("--port 0"), "{problem}");
    }

    #[test]
    fn the_advice_is_never_the_port_itself() {
        let kind = ErrorKind::AddrInUse;
        assert!(problem(9000, kind, "").contains("--port 9001"));
        assert!(problem(9001, kind, "").contains("--port 9000"));
        assert!(problem(80, ErrorKind::PermissionDenied, "").starts_with("no permission"));
    }
}
