//! The API's port on `::1`, where `cargo lambda invoke` looks unless it is told otherwise.
//!
//! `cargo lambda watch` listens on one address, and the only one that means both is every interface.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

/// How long to wait after a connection that could not be taken.
const PAUSE: Duration = Duration::from_millis(100);

/// Passes connections to `::1` on to `127.0.0.1`. A convenience: without IPv6 it does nothing.
pub(crate) async fn run(port: u16) {
    let Ok(listener) = TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await else { return };
    loop {
        match listener.accept().await {
            Ok((client, _)) => drop(tokio::spawn(pass_on(client, port))),
            // Such as too many open files: a moment later there may be fewer.
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// A connection that breaks here breaks for its client, who says so.
async fn pass_on(mut client: TcpStream, port: u16) {
    if let Ok(mut server) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await {
        let _ = copy_bidirectional(&mut client, &mut server).await;
    }
}
