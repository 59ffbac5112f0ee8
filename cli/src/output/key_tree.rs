//! The tree of a key and its descendants, and the keys of such a tree that were revoked.

use latchkey::service::operator::{Origin, Relative, RevokedTree};
use latchkey::time::Timestamp;
use serde::Serialize;

use super::key::KeyRecord;
use super::text::{seconds, table};
use super::{REFUSED_SOON, Report};

/// The origin of a key.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum OriginRecord {
    /// The requested key itself.
    Itself,
    Minted,
    Rotated,
}

#[derive(Serialize)]
struct RelativeRecord {
    depth: usize,
    origin: OriginRecord,
    /// The key that authorized this one, or that this one replaced.
    parent: Option<String>,
    #[serde(flatten)]
    key: KeyRecord,
}

/// What a revocation with descendants would revoke.
#[derive(Serialize)]
pub(crate) struct KeyTreeReport {
    dry_run: bool,
    keys: Vec<RelativeRecord>,
    #[serde(skip)]
    extent: String,
}

/// What a revocation with descendants revoked.
#[derive(Serialize)]
pub(crate) struct RevokedTreeReport {
    revoked_keys: Vec<KeyRecord>,
    ended_before: usize,
}

impl RelativeRecord {
    fn new(relative: &Relative, now: Timestamp) -> Self {
        let (origin, parent) = match &relative.origin {
            Origin::Itself => (OriginRecord::Itself, None),
            Origin::MintedBy(parent) => (OriginRecord::Minted, Some(parent)),
            Origin::RotatedFrom(parent) => (OriginRecord::Rotated, Some(parent)),
        };
        Self {
            depth: relative.depth,
            origin,
            parent: parent.map(ToString::to_string),
            key: KeyRecord::new(&relative.key, now),
        }
    }

    fn row(&self) -> [Option<String>; 5] {
        let parent = self.parent.as_deref().unwrap_or_default();
        let origin = match self.origin {
            OriginRecord::Itself => None,
            OriginRecord::Minted => Some(format!("minted by {parent}")),
            OriginRecord::Rotated => Some(format!("rotated from {parent}")),
        };
        let key = format!("{}{}", "  ".repeat(self.depth), self.key.key_prefix);
        let name = self.key.name.as_ref().map(ToString::to_string);
        let status = Some(self.key.status.to_string());
        [Some(key), Some(self.key.service_account.clone()), status, origin, name]
    }
}

impl KeyTreeReport {
    /// `extent` states how many keys in how many accounts would be revoked.
    pub(crate) fn new(tree: &[Relative], extent: &str, now: Timestamp) -> Self {
        let keys = tree.iter().map(|relative| RelativeRecord::new(relative, now)).collect();
        Self { dry_run: true, keys, extent: extent.to_owned() }
    }
}

impl RevokedTreeReport {
    pub(crate) fn new(done: &RevokedTree, now: Timestamp) -> Self {
        Self {
            revoked_keys: done.revoked.iter().map(|key| KeyRecord::new(key, now)).collect(),
            ended_before: done.ended_before,
        }
    }
}

impl Report for KeyTreeReport {
    fn text(&self) -> String {
        let header = ["KEY", "SERVICE ACCOUNT", "STATUS", "ORIGIN", "NAME"];
        table(header, self.keys.iter().map(RelativeRecord::row))
    }

    fn notes(&self) -> Vec<String> {
        vec![format!("Nothing was changed. Without --dry-run, this revokes {}.", self.extent)]
    }
}

impl Report for RevokedTreeReport {
    fn text(&self) -> String {
        let rows = self.revoked_keys.iter().map(|key| {
            let name = key.name.as_ref().map(ToString::to_string);
            [Some(key.key_prefix.clone()), key.revoked_at.map(seconds), name]
        });
        table(["REVOKED KEY", "REVOKED", "NAME"], rows)
    }

    fn notes(&self) -> Vec<String> {
        let before = (self.ended_before > 0).then(|| {
            format!("Keys that had already expired or been revoked: {}.", self.ended_before)
        });
        let soon = (!self.revoked_keys.is_empty()).then(|| REFUSED_SOON.to_owned());
        before.into_iter().chain(soon).collect()
    }
}
