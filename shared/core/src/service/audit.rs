//! Reading the audit trail.

use std::time::Duration;

use crate::audit::{Event, EventTime};
use crate::error::{Error, Refusal};
use crate::id::OrganizationId;
use crate::principal::AccountPrincipal;
use crate::scope::AUDIT_READ;
use crate::store::{EventRange, KeyStore, Order, StoreError};

use super::Latchkey;

/// The maximum number of events that one read asks for. A megabyte has about 1,600.
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
    /// Returns at most `limit` events of the trail of the caller's organization, the newest before `before`. A search
    /// that takes longer than 5 s ends unfinished.
    ///
    /// # Errors
    ///
    /// [`Error::Denied`] without the scope `audit.read`; [`Error::Unauthenticated`] if the organization was deleted
    /// after the caller was verified; [`Error::Store`].
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
        // It was deleted after the caller was verified.
        let since = since.ok_or(Error::Unauthenticated(Refusal::OrganizationDisabled))?;
        let range = EventRange { since: Some(since), before };
        let accepts = |event: &Event| filter.accepts(event);
        let end = self.now().saturating_add(SEARCH_TIMEOUT);
        let late = || self.now() > end;
        Ok(search(&self.store, Some(organization), range, limit, late, accepts).await?)
    }
}

/// Returns at most `limit` events of a trail that `accepts` accepts, newest first. `None` is the deployment's own
/// trail. Starts no further read once `late` returns true.
///
/// # Errors
///
/// [`StoreError`].
pub(super) async fn search(
    store: &KeyStore,
    trail: Option<&OrganizationId>,
    mut range: EventRange,
    limit: usize,
    late: impl Fn() -> bool,
    accepts: impl Fn(&Event) -> bool,
) -> Result<FoundEvents, StoreError> {
    let mut found = Vec::new();
    // Without a filter, the first read finds everything; otherwise it shows that the search needs larger ones.
    let mut size = limit.min(PAGE);
    while found.len() < limit {
        let page = store.events(trail, &range, Order::NewestFirst, size).await?;
        let oldest = page.events.last().map(|event| event.time);
        let left = limit - found.len();
        found.extend(page.events.into_iter().filter(&accepts).take(left));
        if page.complete {
            break;
        }
        range.before = oldest.or(range.before);
        size = PAGE;
        if found.len() < limit && late() {
            return Ok(FoundEvents { events: found, unfinished: range.before });
        }
    }
    Ok(FoundEvents { events: found, unfinished: None })
}
