//! The audit trail of any organization, and its verification.

use crate::audit::{Break, Event, Head, Walk, Walked, chain_of};
use crate::id::OrganizationId;
use crate::service::audit::search;
use crate::store::{EventRange, KeyStore, Order};
use crate::time::Timestamp;

use super::OperatorError;

/// The number of events that one read asks for.
const PAGE: usize = 2000;

/// Returns at most `limit` events of a trail that `accepts` accepts, newest first. `None` is the deployment's own
/// trail, which has the changes of root keys. The trail of an organization outlives it.
///
/// # Errors
///
/// [`OperatorError::Failed`].
pub async fn events(
    store: &KeyStore,
    trail: Option<&OrganizationId>,
    range: EventRange,
    limit: usize,
    accepts: impl Fn(&Event) -> bool,
) -> Result<Vec<Event>, OperatorError> {
    Ok(search(store, trail, range, limit, || false, accepts).await?.events)
}

/// Returns the heads of the chains of a trail, by the names of the chains, as [`verify_trail`] takes them.
///
/// # Errors
///
/// [`OperatorError::Failed`].
pub async fn trail_heads(
    store: &KeyStore,
    trail: Option<&OrganizationId>,
) -> Result<Vec<(String, Head)>, OperatorError> {
    Ok(store.heads(trail).await?)
}

/// Reads a whole trail and verifies it against the heads in the table and those in `stored`, which were printed
/// before and kept elsewhere. Who can write to the table could change events and heads alike, but not those.
///
/// Changes in the meantime do no harm.
///
/// # Errors
///
/// [`OperatorError::Failed`]. A trail with a contradiction is no error: the result is its first one.
pub async fn verify_trail(
    store: &KeyStore,
    trail: Option<&OrganizationId>,
    stored: &[(String, Head)],
    now: Timestamp,
) -> Result<Result<Walked, Break>, OperatorError> {
    let heads = store.heads(trail).await?;
    let mut walk = Walk::new(now, heads.into_iter().chain(stored.iter().cloned()));
    let mut range = EventRange::default();
    loop {
        let page = store.events(trail, &range, Order::OldestFirst, PAGE).await?;
        for event in &page.events {
            if let Err(broken) = walk.add(event) {
                return Ok(Err(broken));
            }
        }
        if let Some(last) = page.events.last() {
            range.since = Some(last.time.next());
        }
        if page.complete {
            break;
        }
    }
    let walked = match walk.finish() {
        Ok(walked) => walked,
        Err(broken) => return Ok(Err(broken)),
    };
    for name in &walked.open {
        let exists = match chain_of(name, trail) {
            Some(chain) => store.chain_exists(&chain).await?,
            None => false,
        };
        if !exists {
            return Ok(Err(Break::Gone(name.clone())));
        }
    }
    Ok(Ok(walked))
}
