//! The API's port on `::1`, where `cargo lambda invoke` connects by default.
//!
//! `cargo lambda watch` listens on one address, and the only address that covers both is every interface.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

/// How long to wait after a connection that could not be accepted.
const PAUSE: Duration = Duration::from_millis(100);

/// Forwards connections from `::1` to `127.0.0.1`. This is a convenience: without IPv6 it does nothing.
pub(crate) async fn run(port: u16) {
    let Ok(listener) = TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await else { return };
    loop {
        match listener.accept().await {
            Ok((client, _)) => drop(tokio::spawn(pass_on(client, port))),
            // For example, too many open files, of which there may be fewer a moment later.
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// Errors are ignored: if a connection breaks here, it breaks for its client, who reports it.
async fn pass_on(mut client: TcpStream, port: u16) {
    if let Ok(mut server) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await {
        let _ = copy_bidirectional(&mut client, &mut server).await;
    }
}
