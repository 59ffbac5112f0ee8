//! What operations do one after another, which is what they may do at the same time.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::check::Items;
use crate::operation::{Done, Failure, Operation};
use crate::world::World;

/// Attributes that say nothing to a reader, or are different each time.
const IGNORED: &[&str] = &[
    "counted_ended",
    "counted_live",
    "counted_more",
    "counted_more_until",
    "counted_to",
    "digest",
    "ended",
    "fingerprint",
    "full_live",
    "full_revision",
    "full_until",
    "id",
    "next_attempt_at",
    "key_prefix",
    "revision",
    "review",
    "sealed",
];

/// The place of an event in the trail, and the heads, which depend on the order. `trail` checks them.
const PLACES: &[&str] = &["audit_head", "previous", "previous_ttl", "sequence"];

/// Attributes that depend on the clocks.
const TIMES: &[&str] = &[
    "changes",
    "created_at",
    "delivered_at",
    "disabled_at",
    "discarded_at",
    "expires_at",
    "failing_since",
    "last_used_at",
    "replayed_at",
    "review_at",
    "revoked_at",
    "seen",
    "trouble_at",
    "ttl",
    "updated_at",
];

/// Counts, which are at least as high as the truth.
const COUNTS: &[&str] = &["accounts", "live_keys", "organizations"];

/// How much of the table is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Detail {
    /// Whether counts are compared.
    pub(crate) counts: bool,
    /// Whether all clocks agree.
    pub(crate) times: bool,
}

/// The refusals of an operation that comes while its subject is being deleted. Which one it is depends on how
/// far the deletion is.
const GONE: &[&str] = &[
    "AccountNotFound",
    "KeyNotFound",
    "OrganizationNotFound",
    "OrganizationDisabled",
    "OrganizationDeleting",
    "WebhookNotFound",
    "WebhookDisabled",
    "DeliveryNotFound",
];

/// The result of some of the operations, in some order.
#[derive(Debug)]
pub(crate) struct Serial {
    /// What each operation said; `None` for one that did not run.
    pub(crate) said: Vec<Option<String>>,
    exact: String,
    timeless: String,
}

impl Serial {
    pub(crate) fn state(&self, detail: Detail) -> &str {
        if detail.times { &self.exact } else { &self.timeless }
    }
}

/// Runs every subset of `operations` in every order.
pub(crate) async fn serials(world: &World, operations: &[Operation], counts: bool) -> Vec<Serial> {
    let mut results: Vec<Serial> = Vec::new();
    for order in orders(operations.len()) {
        world.stage.restore();
        let mut said = vec![None; operations.len()];
        for at in order {
            let done = operations[at].perform(world, &world.direct(0)).await;
            said[at] = Some(word(world, operations[at], &done));
        }
        let items = world.stage.items();
        let state = |times| state(world, &items, Detail { counts, times });
        let serial = Serial { said, exact: state(true), timeless: state(false) };
        if !results.iter().any(|known| known.said == serial.said && known.exact == serial.exact) {
            results.push(serial);
        }
    }
    results
}

/// Every order of every subset of the numbers below `count`.
fn orders(count: usize) -> Vec<Vec<usize>> {
    let (mut all, mut waiting) = (Vec::new(), vec![Vec::new()]);
    while let Some(order) = waiting.pop() {
        let rest = (0..count).filter(|at| !order.contains(at));
        waiting.extend(rest.map(|at| [order.as_slice(), &[at]].concat()));
        all.push(order);
    }
    all
}

/// What an operation said, without the IDs and secrets that it made up.
pub(crate) fn word(world: &World, operation: Operation, done: &Done) -> String {
    match done {
        // Of two deletions, both may find something to delete.
        Ok(_) if operation.deletes() => "gone".to_owned(),
        Ok(_) => "done".to_owned(),
        Err(Failure::Refused(why)) if GONE.iter().any(|gone| why.starts_with(gone)) => {
            "gone".to_owned()
        }
        Err(Failure::Refused(why)) => renamed(&world.names, why),
        Err(failure) => panic!("{failure:?}, although nothing interfered"),
    }
}

/// The items of the table, sorted, without what is different each time.
pub(crate) fn state(world: &World, items: &Items, detail: Detail) -> String {
    let mut lines: Vec<String> = items
        .values()
        .cloned()
        .map(|mut item| {
            let attributes = item.as_object_mut().expect("attributes");
            if attributes["pk"]["S"].as_str().is_some_and(|pk| pk.starts_with("AUDIT")) {
                attributes.retain(|name, _| !["sk", "ttl"].contains(&name.as_str()));
            }
            attributes.retain(|name, _| {
                !IGNORED.contains(&name.as_str())
                    && !PLACES.contains(&name.as_str())
                    && (detail.counts || !COUNTS.contains(&name.as_str()))
            });
            for (name, value) in attributes.iter_mut() {
                if !detail.times && TIMES.contains(&name.as_str()) {
                    *value = Value::Null;
                }
            }
            renamed(&world.names, &item.to_string())
        })
        .collect();
    lines.sort();
    lines.join("\n")
}

/// Replaces each ID by its name, or by `NEW`.
fn renamed(names: &BTreeMap<String, String>, text: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric();
    let mut result = String::new();
    for word in text.split_inclusive(|c| !is_part(c)) {
        let id = word.trim_end_matches(|c| !is_part(c));
        let is_id = [16, 20].contains(&id.len())
            && id.chars().all(|c| c.is_ascii_digit() || c.is_ascii_uppercase());
        if is_id {
            result.push_str(names.get(id).map_or("NEW", String::as_str));
            result.push_str(&word[id.len()..]);
        } else {
            result.push_str(word);
        }
    }
    result
}
