//! The audit trail of any organization, and its verification.

use crate::audit::{Action, Break, Change, Event, Head, Value, Walk, WalkRules, Walked};
use crate::error::{Error, StoreError};
use crate::id::{KeyId, OrganizationId, ServiceAccountId};
use crate::service::Clock;
use crate::service::audit::search;
use crate::store::{EventRange, KeyStore, Order};
use crate::time::Timestamp;

use super::{OperatorError, Owner};

/// The number of events that one read asks for.
const PAGE: usize = 2000;

/// The maximum number of walks through a trail that keeps changing.
const WALKS_MAX: usize = 10;

/// What a trail is verified against.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrailCheck {
    /// Heads that were printed before and kept elsewhere.
    pub stored: Vec<(String, Head)>,
    /// What to take for granted.
    pub rules: WalkRules,
}

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

/// Returns the organizations that have a trail, also those that are gone, by scanning the whole table.
///
/// # Errors
///
/// [`OperatorError::Failed`].
pub async fn trails(store: &KeyStore) -> Result<Vec<OrganizationId>, OperatorError> {
    Ok(store.trails().await?)
}

/// Returns what the trail has about a key of `account`, oldest first: the changes of the key, the events of other
/// keys that name it, and what disabled, enabled, or deleted its account or its organization while it existed.
///
/// # Errors
///
/// [`Error::KeyNotFound`] if the trail has no change of the key; [`OperatorError::Failed`].
pub async fn key_trail(
    store: &KeyStore,
    owner: &Owner,
    account: &ServiceAccountId,
    key: &KeyId,
) -> Result<Vec<Event>, OperatorError> {
    let trail = match owner {
        Owner::Root => None,
        Owner::Organization(id) => Some(id),
    };
    let mut found = Vec::new();
    read(store, trail, |event| {
        if is_about(event, key) || is_from_outside(event, account) {
            found.push(event.clone());
        }
        Ok::<_, Break>(())
    })
    .await?
    .ok();
    if !found.iter().any(|event| is_about(event, key)) {
        return Err(Error::KeyNotFound(key.clone()).into());
    }
    Ok(life(found, key))
}

/// Returns whether an event is a change of `key`, or of another key that it replaced or that replaced it.
fn is_about(event: &Event, key: &KeyId) -> bool {
    let names = |field: &str| {
        let new = event.changes.get(field).and_then(|change| change.new.as_ref());
        matches!(new, Some(Value::Text(id)) if id == key.as_ref())
    };
    is_change_of(event, key) || names("rotated_to") || names("rotated_from")
}

fn is_change_of(event: &Event, key: &KeyId) -> bool {
    matches!(event.resource.kind.as_str(), "api_key" | "root_key")
        && event.resource.id == key.as_ref()
}

/// Returns whether an event stops, revives, or ends all keys of `account`.
fn is_from_outside(event: &Event, account: &ServiceAccountId) -> bool {
    let is = |actions: [Action; 3]| actions.iter().any(|action| action.name() == event.action);
    match event.resource.kind.as_str() {
        "service_account" => {
            event.resource.id == account.as_ref()
                && is([Action::DisableAccount, Action::EnableAccount, Action::DeleteAccount])
        }
        "organization" => is([
            Action::DisableOrganization,
            Action::EnableOrganization,
            Action::DeleteOrganization,
        ]),
        _ => false,
    }
}

/// Leaves out what happened to the account and the organization before the key was created and after it ended.
fn life(found: Vec<Event>, key: &KeyId) -> Vec<Event> {
    let created = [Action::CreateKey, Action::CreateRootKey].map(Action::name);
    let is_creation =
        |event: &Event| is_change_of(event, key) && created.contains(&event.action.as_str());
    // Its creation may have expired, or be older than the trail.
    let mut exists = !found.iter().any(is_creation);
    let mut expires_at: Option<Timestamp> = None;
    let mut life = Vec::new();
    for event in found {
        if is_about(&event, key) {
            if is_change_of(&event, key) {
                exists |= is_creation(&event);
                exists &= event.action != Action::RevokeKey.name()
                    && event.action != Action::RevokeRootKey.name();
                if let Some(Change { new, .. }) = event.changes.get("expires_at") {
                    expires_at = match new {
                        Some(Value::Text(time)) => time.parse().ok(),
                        _ => None,
                    };
                }
            }
            life.push(event);
        } else if exists && expires_at.is_none_or(|end| event.time.timestamp() < end) {
            let ends = [Action::DeleteAccount, Action::DeleteOrganization].map(Action::name);
            exists = !ends.contains(&event.action.as_str());
            life.push(event);
        }
    }
    life
}

/// Verifies a trail at a fixed time, as [`check_trail`] does.
///
/// # Errors
///
/// [`OperatorError::Failed`].
pub async fn verify_trail(
    store: &KeyStore,
    trail: Option<&OrganizationId>,
    stored: &[(String, Head)],
    now: Timestamp,
) -> Result<Result<Walked, Break>, OperatorError> {
    let check = TrailCheck { stored: stored.to_vec(), ..TrailCheck::default() };
    check_trail(store, trail, &check, &Clock::new(move || now)).await
}

/// Reads a whole trail and verifies it against the heads in the table and those that `check` has from elsewhere.
/// Who can write to the table could change events and heads alike, but not the latter.
///
/// Changes in the meantime do no harm: a contradiction counts only if a second walk meets it, too.
///
/// # Errors
///
/// [`OperatorError::Failed`]. A trail with a contradiction is no error: the result is its first one.
pub async fn check_trail(
    store: &KeyStore,
    trail: Option<&OrganizationId>,
    check: &TrailCheck,
    clock: &Clock,
) -> Result<Result<Walked, Break>, OperatorError> {
    let mut walked = walk(store, trail, check, clock.now()).await?;
    for _ in 1..WALKS_MAX {
        let Err(broken) = &walked else { break };
        let again = walk(store, trail, check, clock.now()).await?;
        let same = again.as_ref() == Err(broken);
        walked = again;
        if same {
            break;
        }
    }
    Ok(walked)
}

async fn walk(
    store: &KeyStore,
    trail: Option<&OrganizationId>,
    check: &TrailCheck,
    now: Timestamp,
) -> Result<Result<Walked, Break>, OperatorError> {
    let heads = store.heads(trail).await?;
    let mut walk = Walk::new(now, check.rules, &heads, &check.stored);
    match read(store, trail, |event| walk.add(event)).await {
        Ok(Ok(())) => {}
        Ok(Err(broken)) => return Ok(Err(broken)),
        // Only an edited event cannot be read.
        Err(StoreError::Corrupt(item)) => return Ok(Err(Break::Malformed(item.attribute))),
        Err(error) => return Err(error.into()),
    }
    Ok(walk.finish(&store.heads(trail).await?))
}

/// Reads a whole trail, oldest first, until `visit` fails.
async fn read<E>(
    store: &KeyStore,
    trail: Option<&OrganizationId>,
    mut visit: impl FnMut(&Event) -> Result<(), E>,
) -> Result<Result<(), E>, StoreError> {
    let mut range = EventRange::default();
    loop {
        let page = store.events(trail, &range, Order::OldestFirst, PAGE).await?;
        for event in &page.events {
            if let Err(error) = visit(event) {
                return Ok(Err(error));
            }
        }
        if let Some(last) = page.events.last() {
            range.since = Some(last.time.next());
        }
        if page.complete {
            return Ok(Ok(()));
        }
    }
}
