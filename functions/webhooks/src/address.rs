//! Resolving the name of an endpoint, to public addresses only.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns, ResolveDnsError};
use latchkey::webhook::is_public;

/// The addresses of a name.
pub type Addresses = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Resolves the names of endpoints, and decides which addresses a request may reach.
///
/// The connection is made to the addresses that were checked, without resolving the name again. So a name cannot
/// have a public address for the check and another one for the connection.
#[derive(Clone)]
pub struct Resolver {
    lookup: Arc<dyn Fn(String) -> Addresses + Send + Sync>,
    permit: fn(IpAddr) -> bool,
}

/// A name has an address that a request must not reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the host has an address that is not on the public internet")]
pub struct NotPublic;

/// A name has no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the host name cannot be resolved")]
pub struct Unresolved;

impl Resolver {
    /// Resolves names as this machine does, and permits public addresses.
    pub fn public() -> Self {
        Self::new(|name| {
            Box::pin(async move {
                let found = tokio::net::lookup_host((name, 0)).await?;
                Ok(found.map(|address| address.ip()).collect())
            })
        })
    }

    /// Resolves names with `lookup`, and permits public addresses.
    pub fn new(lookup: impl Fn(String) -> Addresses + Send + Sync + 'static) -> Self {
        Self { lookup: Arc::new(lookup), permit: is_public }
    }

    /// Permits the addresses that `permit` accepts instead.
    #[must_use]
    pub fn permitting(self, permit: fn(IpAddr) -> bool) -> Self {
        Self { permit, ..self }
    }

    /// Whether a request may reach an address, which a URL can have in place of a name.
    pub(crate) fn permits(&self, address: IpAddr) -> bool {
        (self.permit)(address)
    }

    async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, ResolveDnsError> {
        let found = (self.lookup)(name.to_owned()).await.unwrap_or_default();
        if found.is_empty() {
            return Err(ResolveDnsError::new(Unresolved));
        }
        // All or none: a name that also has another address is an attempt to reach it.
        if !found.iter().all(|address| self.permits(*address)) {
            return Err(ResolveDnsError::new(NotPublic));
        }
        Ok(found)
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resolver")
    }
}

impl ResolveDns for Resolver {
    fn resolve_dns<'a>(&'a self, name: &'a str) -> DnsFuture<'a> {
        DnsFuture::new(self.resolve(name))
    }
}
