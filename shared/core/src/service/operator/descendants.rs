//! The descendants of a key at any depth, for listing them and for revoking them when the key has leaked.
//!
//! A key records the key that authorized it and the key that it replaced. There is no index, so a
//! search reads every key of the organization and builds the tree in memory.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use crate::account::ServiceAccount;
use crate::error::Error;
use crate::id::{KeyId, OrganizationId, ServiceAccountId};
use crate::key::Key;
use crate::policy::KeyPolicy;
use crate::service::Clock;
use crate::store::{KeyStore, Revocation};
use crate::time::Timestamp;

use super::{KeyStatus, OperatorError, account, accounts, keys};

/// The maximum number of searches for new descendants of a revoked key.
const ROUNDS_MAX: usize = 10;

/// The keys to search for descendants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The keys of every account of an organization.
    Organization(OrganizationId),
    /// The root keys.
    Root,
}

/// How a key was created, relative to the key that it descends from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The key itself.
    Itself,
    /// This key authorized it.
    MintedBy(KeyId),
    /// It replaced this key.
    RotatedFrom(KeyId),
}

/// A key in the tree of a key's descendants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relative {
    /// The key.
    pub key: Key,
    /// The number of steps below the first key.
    pub depth: usize,
    /// How the key was created.
    pub origin: Origin,
}

/// The result of revoking a key and its descendants.
#[derive(Clone, Debug, Default)]
pub struct RevokedTree {
    /// The keys that this call revoked, in order of revocation.
    pub revoked: Vec<Key>,
    /// The number of keys in the tree that had already ended.
    pub ended_before: usize,
}

/// Finds where the descendants of a key of `account` are. If the account is gone, `organization` supplies the
/// owner.
///
/// # Errors
///
/// [`OperatorError::Failed`] with [`Error::AccountNotFound`], also if the account belongs to another
/// organization.
pub async fn owner(
    store: &KeyStore,
    account_id: &ServiceAccountId,
    organization: Option<&OrganizationId>,
) -> Result<Owner, OperatorError> {
    if account_id.is_root() {
        return Ok(Owner::Root);
    }
    let found = match account(store, account_id).await {
        Ok(found) => found.organization,
        // Deleting an account deletes its own keys, but not the keys that they minted in other accounts.
        Err(OperatorError::Failed(Error::AccountNotFound(id))) => {
            organization.cloned().ok_or(Error::AccountNotFound(id))?
        }
        Err(error) => return Err(error),
    };
    match organization {
        Some(other) if *other != found => Err(Error::AccountNotFound(account_id.clone()).into()),
        _ => Ok(Owner::Organization(found)),
    }
}

/// Reads the tree of a key: the key itself, if the table still has it, and its descendants. Parents precede
/// children, and siblings are sorted oldest first.
///
/// # Errors
///
/// [`OperatorError::OrganizationNotFound`], [`OperatorError::Failed`].
pub async fn tree(
    store: &KeyStore,
    owner: &Owner,
    root: &KeyId,
) -> Result<Vec<Relative>, OperatorError> {
    let mut found = Vec::new();
    for account in accounts_of(store, owner).await? {
        found.extend(keys(store, &account).await?);
    }
    Ok(grow(found, root))
}

/// Revokes a key and all of its descendants. Revokes the key first, so that it cannot create more. Then
/// repeats searches and revocations until a search finds no working key.
///
/// A request that was authorized before the revocation may still write for `settling`. So the last search
/// runs at least that long after the last revocation of any key in the tree, by any caller.
///
/// If interrupted, the same call finishes the work.
///
/// # Errors
///
/// [`Error::KeyNotFound`] if the table has neither the key nor a descendant;
/// [`OperatorError::DescendantsLeft`] if new keys kept appearing. Revoked keys stay revoked.
pub async fn revoke_tree(
    store: &KeyStore,
    policy: &KeyPolicy,
    clock: &Clock,
    owner: &Owner,
    root: &KeyId,
    settling: Duration,
) -> Result<RevokedTree, OperatorError> {
    let mut done = RevokedTree::default();
    for round in 0..ROUNDS_MAX {
        let relatives = tree(store, owner, root).await?;
        if relatives.is_empty() && round == 0 {
            return Err(Error::KeyNotFound(root.clone()).into());
        }
        let now = clock.now();
        let is_left = |relative: &&Relative| works(&relative.key, now);
        let mut left: Vec<&Key> = relatives.iter().filter(is_left).map(|left| &left.key).collect();
        // Like a plain revocation, this revokes the key even if it has expired.
        let leaked = relatives.first().filter(|first| first.origin == Origin::Itself);
        let leaked = leaked.map(|first| &first.key).filter(|key| key.revoked_at.is_none());
        left.retain(|key| leaked.is_none_or(|leaked| leaked.id != key.id));
        if round == 0 {
            done.ended_before = relatives.len() - left.len() - usize::from(leaked.is_some());
        }
        if left.is_empty() && leaked.is_none() {
            let Some(wait) = unsettled(&relatives, now, settling) else { return Ok(done) };
            tokio::time::sleep(wait).await;
            continue;
        }
        for key in leaked.into_iter().chain(left) {
            let revoked = store.revoke_key(None, &key.spec.account, &key.id, policy, clock.now());
            match revoked.await {
                Ok(Revocation::Revoked(key)) => done.revoked.push(key),
                // Another caller has revoked it, or it was deleted with its account.
                Ok(Revocation::AlreadyRevoked(_)) | Err(Error::KeyNotFound(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Err(OperatorError::DescendantsLeft(root.clone()))
}

/// Returns how long requests authorized by a key of the tree before its revocation may still write.
fn unsettled(relatives: &[Relative], now: Timestamp, settling: Duration) -> Option<Duration> {
    let revoked_at = relatives.iter().filter_map(|relative| relative.key.revoked_at).max()?;
    let settled_at = revoked_at.saturating_add(settling);
    let left = u64::try_from(settled_at.as_millis() - now.as_millis()).ok()?;
    // A clock ahead of this one does not extend the wait.
    (left > 0).then(|| Duration::from_millis(left).min(settling))
}

fn works(key: &Key, now: Timestamp) -> bool {
    KeyStatus::of(key, now).works()
}

async fn accounts_of(
    store: &KeyStore,
    owner: &Owner,
) -> Result<Vec<ServiceAccountId>, OperatorError> {
    match owner {
        Owner::Root => Ok(vec![ServiceAccountId::root()]),
        Owner::Organization(organization) => {
            let found: Vec<ServiceAccount> = accounts(store, organization).await?;
            Ok(found.into_iter().map(|account| account.id).collect())
        }
    }
}

/// Returns the tree of `root` among `keys`. Only the IDs of parents are needed, so a deleted root still has
/// its children.
fn grow(mut keys: Vec<Key>, root: &KeyId) -> Vec<Relative> {
    keys.sort_by(|left, right| left.id.cmp(&right.id));
    let mut tree = Vec::new();
    let mut children: HashMap<KeyId, Vec<(Key, Origin)>> = HashMap::new();
    for key in keys {
        if key.id == *root {
            tree.push(Relative { key, depth: 0, origin: Origin::Itself });
            continue;
        }
        // Either relation makes a key a descendant. A key with two parents in the tree appears below the
        // first one visited.
        if let Some(replaced) = key.rotated_from.clone() {
            let origin = Origin::RotatedFrom(replaced.clone());
            children.entry(replaced).or_default().push((key.clone(), origin));
        }
        if let Some(minter) = key.spec.created_by.clone() {
            let origin = Origin::MintedBy(minter.clone());
            children.entry(minter).or_default().push((key, origin));
        }
    }
    // A stack instead of recursion, because a chain of rotations is as deep as it is long.
    let mut waiting = Vec::new();
    let mut below = |parent: &KeyId, depth: usize, waiting: &mut Vec<Relative>| {
        let found = children.remove(parent).unwrap_or_default().into_iter().rev();
        waiting.extend(found.map(|(key, origin)| Relative { key, depth, origin }));
    };
    below(root, 1, &mut waiting);
    let mut seen = HashSet::from([root.clone()]);
    while let Some(relative) = waiting.pop() {
        if seen.insert(relative.key.id.clone()) {
            below(&relative.key.id, relative.depth + 1, &mut waiting);
            tree.push(relative);
        }
    }
    tree
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;
    use crate::key::KeySpec;
    use crate::scope::Scopes;
    use crate::token::Prefix;

    /// A key with the ID `K<number>`.
    fn key(number: u32, minted_by: Option<u32>, rotated_from: Option<u32>) -> Key {
        let spec = KeySpec {
            account: ServiceAccountId::root(),
            name: None,
            scopes: Scopes::full_access(),
            expires_at: None,
            created_by: minted_by.map(id),
        };
        let (now, prefix) = (Timestamp::from_millis(1).expect("in range"), Prefix::default());
        let mut rng = StdRng::seed_from_u64(number.into());
        let (key, _) = Key::mint(&mut rng, now, &prefix, spec).expect("infallible");
        Key { id: id(number), rotated_from: rotated_from.map(id), ..key }
    }

    fn id(number: u32) -> KeyId {
        format!("K{number}").parse().expect("an id")
    }

    fn grown(keys: Vec<Key>, root: u32) -> Vec<(String, usize)> {
        let tree = grow(keys, &id(root));
        tree.into_iter().map(|found| (found.key.id.to_string(), found.depth)).collect()
    }

    fn shown(tree: &[(&str, usize)]) -> Vec<(String, usize)> {
        tree.iter().map(|(id, depth)| ((*id).to_owned(), *depth)).collect()
    }

    #[test]
    fn a_tree_has_minted_keys_and_successors_and_nothing_else() {
        let keys = vec![
            key(6, Some(9), None),
            key(5, None, Some(4)),
            key(4, Some(2), None),
            key(3, Some(1), None),
            key(2, Some(1), Some(0)),
            key(1, Some(0), None),
            key(0, None, None),
        ];
        assert_eq!(
            grown(keys.clone(), 1),
            shown(&[("K1", 0), ("K2", 1), ("K4", 2), ("K5", 3), ("K3", 1)])
        );
        assert_eq!(grown(keys.clone(), 9), shown(&[("K6", 1)]), "the root itself is gone");
        assert_eq!(grown(keys, 8), []);
    }

    #[test]
    fn a_key_is_in_the_tree_once_and_a_circle_ends() {
        let twice = vec![key(1, None, None), key(2, Some(1), None), key(3, Some(1), Some(2))];
        assert_eq!(grown(twice, 1), shown(&[("K1", 0), ("K2", 1), ("K3", 2)]));
        let circle = vec![key(1, Some(2), None), key(2, Some(1), None), key(3, Some(3), None)];
        assert_eq!(grown(circle, 1), shown(&[("K1", 0), ("K2", 1)]));
    }

    #[test]
    fn a_chain_may_be_long() {
        let chain = (0..20_000).map(|number| key(number, None, number.checked_sub(1))).collect();
        assert_eq!(grow(chain, &id(0)).len(), 20_000);
    }

    #[test]
    fn only_a_recent_revocation_is_waited_for() {
        let at = |millis| Timestamp::from_millis(millis).expect("in range");
        let wait = |revoked_at, now| {
            let key = Key { revoked_at, ..key(1, None, None) };
            let tree = [Relative { key, depth: 0, origin: Origin::Itself }];
            unsettled(&tree, at(now), Duration::from_secs(10)).map(|wait| wait.as_millis())
        };
        assert_eq!(wait(None, 0), None);
        assert_eq!(wait(Some(at(1000)), 1000), Some(10_000));
        assert_eq!(wait(Some(at(1000)), 10_999), Some(1));
        assert_eq!(wait(Some(at(1000)), 11_000), None);
        assert_eq!(wait(Some(at(60_000)), 1000), Some(10_000), "another clock is ahead");
    }
}
