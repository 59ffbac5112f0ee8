//! Finding what a restored table allows and the current one does not.

use std::collections::HashSet;
use std::time::Duration;

use crate::id::{OrganizationId, ServiceAccountId};
use crate::key::Key;
use crate::limit::NothingLeft;
use crate::service::operator::{KeyStatus, OperatorError};
use crate::store::{Deployment, FoundRecords, KeyStore, StoredRecord};
use crate::time::Timestamp;

use super::{Comparison, ComparisonScope, Difference, KeyEnd, Lost};

/// How much newer than the backup a record must be to count as created in the restored table itself. Clocks may
/// disagree by this much.
const BACKUP_TIME_MARGIN: Duration = Duration::from_secs(5 * 60);

/// How long a key must have been expired before the current table may lack it, because its time to live has
/// passed. This clock may be wrong.
const CLEANED_UP_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// Compares the `restored` table with the `current` one. Changes neither.
///
/// Reads both tables as a whole, in pages, with consistent reads. Memory grows only with the number of
/// differences, and of organizations and accounts that have one.
///
/// # Errors
///
/// [`OperatorError::Failed`], also for an item that cannot be read.
pub async fn compare(
    restored: &KeyStore,
    current: &KeyStore,
    scope: &ComparisonScope,
    now: Timestamp,
) -> Result<Comparison, OperatorError> {
    let deployments = Deployments {
        restored: restored.deployment().await?,
        current: current.deployment().await?,
    };
    let mut search = Search { scope, deployments, now, found: Comparison::default() };
    let mut start = None;
    loop {
        let page = restored.records(start).await?;
        let versions = current.same_records(&page.records).await?;
        for record in page.records {
            search.note_difference(record, &versions);
        }
        start = page.next;
        if start.is_none() {
            break;
        }
    }
    loop {
        let page = current.records(start).await?;
        let versions = restored.same_records(&page.records).await?;
        for record in page.records {
            search.note_lost(record, &versions);
        }
        start = page.next;
        if start.is_none() {
            return Ok(search.finished());
        }
    }
}

struct Deployments {
    restored: Deployment,
    current: Deployment,
}

struct Search<'a> {
    scope: &'a ComparisonScope,
    deployments: Deployments,
    now: Timestamp,
    found: Comparison,
}

impl Search<'_> {
    /// Notes what `record` of the restored table allows beyond its version in the current one.
    fn note_difference(&mut self, record: StoredRecord, versions: &FoundRecords) {
        let found = match record {
            StoredRecord::Organization(stored) => {
                let id = stored.organization.id;
                let version = versions.organizations.get(&id);
                let gone = version.is_none_or(|version| version.deleting);
                let disabled = self.deployments.current.disables(&id)
                    && !self.deployments.restored.disables(&id);
                if gone {
                    let kept = version.is_none() && self.scope.kept_organizations.contains(&id);
                    let new = version.is_none() && self.is_new(stored.organization.created_at);
                    (!kept && !new).then_some(Difference::DeletedOrganization(id))
                } else {
                    disabled.then_some(Difference::DisabledOrganization(id))
                }
            }
            StoredRecord::Account(account) => {
                let version = versions.accounts.get(&account.id);
                match version.filter(|version| version.organization == account.organization) {
                    None => {
                        let (organization, id) = (account.organization, account.id);
                        let kept = self.keeps(&organization, &id);
                        (!kept && !self.is_new(account.created_at))
                            .then_some(Difference::DeletedAccount(organization, id))
                    }
                    Some(version) => (version.disabled && !account.disabled)
                        .then_some(Difference::DisabledAccount(account.organization, account.id)),
                }
            }
            // The restored table has an account that is half deleted: finish the deletion.
            StoredRecord::DeletingAccount(organization, id) => {
                (!versions.accounts.contains_key(&id))
                    .then_some(Difference::DeletedAccount(organization, id))
            }
            StoredRecord::Key(key) => self.difference_of(key, versions),
        };
        self.found.differences.extend(found);
    }

    fn difference_of(&self, key: Key, versions: &FoundRecords) -> Option<Difference> {
        if key.revoked_at.is_some() {
            return None;
        }
        let account = &key.spec.account;
        let end = match versions.version_of(&key).map(|version| (version, key.limited_by(version)))
        {
            Some((_, Ok(limited))) if limited == key => return None,
            Some((version, Ok(_))) => {
                let version = Box::new(version.clone());
                return Some(Difference::LimitedKey(Box::new(key), version));
            }
            Some((_, Err(NothingLeft::Revoked))) => KeyEnd::Revoked,
            Some((_, Err(NothingLeft::Replaced))) => KeyEnd::Replaced,
            Some((_, Err(NothingLeft::NoCommonScope))) => KeyEnd::NoCommonScope,
            // The account is a difference by itself, or is kept with its keys.
            None if !account.is_root() && !versions.accounts.contains_key(account) => return None,
            None if self.keeps_keys_of(account, versions) => return None,
            None if self.is_new(key.created_at) || self.was_cleaned_up(&key) => return None,
            None => KeyEnd::Deleted,
        };
        Some(Difference::EndedKey(Box::new(key), end))
    }

    /// Notes whether the restored table lacks `record` of the current one.
    fn note_lost(&mut self, record: StoredRecord, versions: &FoundRecords) {
        let found = match record {
            StoredRecord::Organization(stored) => {
                let id = &stored.organization.id;
                let enabled = self.deployments.restored.disables(id)
                    && !self.deployments.current.disables(id);
                match versions.organizations.get(id) {
                    _ if stored.deleting => None,
                    None => Some(Lost::Organization(stored.organization)),
                    Some(_) => enabled.then(|| Lost::EnabledOrganization(id.clone())),
                }
            }
            StoredRecord::Account(account) => match versions.accounts.get(&account.id) {
                None => Some(Lost::Account(account)),
                Some(version) => (version.disabled && !account.disabled)
                    .then_some(Lost::EnabledAccount(account.organization, account.id)),
            },
            StoredRecord::DeletingAccount(..) => None,
            StoredRecord::Key(key) => {
                let works = KeyStatus::of(&key, self.now).works();
                let is_lost = works && versions.version_of(&key).is_none();
                is_lost.then(|| Lost::Key(Box::new(key)))
            }
        };
        self.found.lost.extend(found);
    }

    /// Puts the result in order. An organization's deletion includes its accounts.
    fn finished(self) -> Comparison {
        let Comparison { mut differences, mut lost } = self.found;
        let deleted: HashSet<OrganizationId> = differences
            .iter()
            .filter_map(|difference| match difference {
                Difference::DeletedOrganization(id) => Some(id.clone()),
                _ => None,
            })
            .collect();
        differences.retain(|difference| match difference {
            Difference::DeletedAccount(organization, _)
            | Difference::DisabledAccount(organization, _) => !deleted.contains(organization),
            _ => true,
        });
        differences.sort_by(|left, right| left.order().cmp(&right.order()));
        lost.sort_by(|left, right| left.order().cmp(&right.order()));
        Comparison { differences, lost }
    }

    fn keeps(&self, organization: &OrganizationId, account: &ServiceAccountId) -> bool {
        self.scope.kept_organizations.contains(organization)
            || self.scope.kept_accounts.contains(account)
    }

    /// Whether keys that the current table lacks stay, although it has their account.
    fn keeps_keys_of(&self, account: &ServiceAccountId, versions: &FoundRecords) -> bool {
        let organization = versions.accounts.get(account).map(|version| &version.organization);
        self.scope.kept_accounts.contains(account)
            || organization.is_some_and(|id| self.scope.kept_organizations.contains(id))
    }

    /// Whether a record was created in the restored table itself.
    fn is_new(&self, created_at: Timestamp) -> bool {
        let backup = self.scope.backup_time;
        backup.is_some_and(|backup| created_at > backup.saturating_add(BACKUP_TIME_MARGIN))
    }

    /// Whether the current table may lack a key because its time to live has passed.
    fn was_cleaned_up(&self, key: &Key) -> bool {
        key.is_expired(self.now.saturating_sub(CLEANED_UP_AFTER))
    }
}
