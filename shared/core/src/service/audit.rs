//! Reading the audit trail.

use std::time::Duration;

use crate::audit::{Event, EventTime};
use crate::error::Error;
use crate::id::OrganizationId;
use crate::principal::AccountPrincipal;
use crate::scope::AUDIT_READ;
use crate::store::{EventRange, KeyStore, Order, StoreError};

use super::Latchkey;

/// The number of events that one read asks for. A megabyte has about 1,600.
const PAGE: usize = 2000;

/// How long a search of a function may take, so that its response arrives within the time limit of a request.
const SEARCH_TIMEOUT: Duration = Duration::from_secs(5);

/// A filter for events that meet every given condition. The default accepts all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// The action.
    pub action: Option<String>,
    /// The type of what was changed.
    pub resource_kind: Option<String>,
    /// The ID of what was changed.
    pub resource: Option<String>,
}

impl EventFilter {
    /// Returns whether an event meets every condition.
    pub fn accepts(&self, event: &Event) -> bool {
        let meets = |wanted: &Option<String>, found: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted == found)
        };
        meets(&self.action, &event.action)
            && meets(&self.resource_kind, &event.resource.kind)
            && meets(&self.resource, &event.resource.id)
    }
}

/// The result of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundEvents {
    /// The events, newest first.
    pub events: Vec<Event>,
    /// How far an unfinished search got: there may be more events before this time. `None` if `events` has as many
    /// as were asked for, or all that there are.
    pub unfinished: Option<EventTime>,
}

impl Latchkey {
    /// Returns at most `limit` events of the trail of the caller's organization, the newest before `before`.
    ///
    /// # Errors
    ///
    /// [`Error::Denied`] without the scope `audit.read`, [`Error::Store`].
    pub async fn events(
        &self,
        caller: &AccountPrincipal,
        filter: &EventFilter,
        before: Option<EventTime>,
        limit: usize,
    ) -> Result<FoundEvents, Error> {
        caller.require(&AUDIT_READ)?;
        let organization = &caller.organization;
        // Events of an organization that had this ID before are not the caller's.
        let since = self.store.trail_start(organization).await?;
        let range = EventRange { since, before };
        let accepts = |event: &Event| filter.accepts(event);
        let found =
            search(&self.store, Some(organization), range, limit, Some(SEARCH_TIMEOUT), accepts);
        Ok(found.await?)
    }
}

/// Returns at most `limit` events of a trail that `accepts` accepts, newest first. `None` is the deployment's own
/// trail. After `timeout`, starts no further read.
///
/// # Errors
///
/// [`StoreError`].
pub(super) async fn search(
    store: &KeyStore,
    trail: Option<&OrganizationId>,
    mut range: EventRange,
    limit: usize,
    timeout: Option<Duration>,
    accepts: impl Fn(&Event) -> bool,
) -> Result<FoundEvents, StoreError> {
    let started = tokio::time::Instant::now();
    let mut found = Vec::new();
    while found.len() < limit {
        if timeout.is_some_and(|timeout| started.elapsed() > timeout) {
            return Ok(FoundEvents { events: found, unfinished: range.before });
        }
        let page = store.events(trail, &range, Order::NewestFirst, PAGE).await?;
        let oldest = page.events.last().map(|event| event.time);
        let left = limit - found.len();
        found.extend(page.events.into_iter().filter(&accepts).take(left));
        if page.complete {
            break;
        }
        range.before = oldest.or(range.before);
    }
    Ok(FoundEvents { events: found, unfinished: None })
}
