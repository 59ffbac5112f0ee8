//! The true state: what the table holds.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use latchkey_testkit::sample;

use super::state::{Key, Millis, Model, Standing};

type Item = HashMap<String, AttributeValue>;

/// The accounts and keys in the table, without the samples that the model lacks.
#[derive(Debug, Default)]
pub(crate) struct Table {
    accounts: BTreeMap<String, StoredAccount>,
    /// Whether the directory says that an account is being deleted.
    directory: BTreeMap<String, bool>,
    /// By account and ID.
    keys: BTreeMap<(String, String), StoredKey>,
}

#[derive(Debug, PartialEq, Eq)]
struct StoredAccount {
    organization: String,
    disabled: bool,
    live_keys: usize,
}

#[derive(Debug, PartialEq, Eq)]
struct StoredKey {
    name: Option<String>,
    scopes: BTreeSet<String>,
    created_at: Millis,
    expires_at: Option<Millis>,
    revoked: bool,
    rotated_to: Option<String>,
    rotated_from: Option<String>,
}

impl Table {
    pub(crate) fn read(items: &[Item]) -> Self {
        let mut table = Self::default();
        for item in items {
            let (pk, sk) = (text(item, "pk").expect("a pk"), text(item, "sk").expect("an sk"));
            let account = pk.strip_prefix("ACCOUNT#").unwrap_or_default();
            if let Some(id) = sk.strip_prefix("ACCOUNT#") {
                table.directory.insert(id.to_owned(), item.contains_key("deleting"));
            } else if let Some(id) = sk.strip_prefix("KEY#") {
                table.keys.insert((account.to_owned(), id.to_owned()), key(item));
            } else if sk == "ACCOUNT" {
                let live_keys = number(item, "live_keys").expect("a count").try_into();
                let stored = StoredAccount {
                    organization: text(item, "organization").expect("an organization"),
                    disabled: item["disabled"].as_bool() == Ok(&true),
                    live_keys: live_keys.expect("a count"),
                };
                table.accounts.insert(account.to_owned(), stored);
            }
        }
        table
    }

    /// Removes what is in `other` and unknown to the model.
    pub(crate) fn without(mut self, other: &Self, model: &Model) -> Self {
        let is_known = |id: &String| model.accounts.iter().any(|account| account.id == *id);
        let is_extra = |id: &String| other.accounts.contains_key(id) && !is_known(id);
        self.accounts.retain(|id, _| !is_extra(id));
        self.directory.retain(|id, _| !is_extra(id));
        let known = |id: &String| model.keys.iter().any(|key| key.id == *id);
        self.keys.retain(|id, _| !other.keys.contains_key(id) || known(&id.1));
        self
    }

    /// An account that the model does not know and no response names.
    pub(crate) fn unknown_account(&self, model: &Model, claimed: &[String]) -> Option<String> {
        let known = |id: &&String| model.accounts.iter().any(|account| account.id == **id);
        self.directory.keys().find(|id| !claimed.contains(id) && !known(id)).cloned()
    }

    /// A key that the model does not know and no response names, and that replaced the key `replaced`.
    pub(crate) fn unknown_key(
        &self,
        model: &Model,
        account: usize,
        replaced: Option<&Key>,
        claimed: &[String],
    ) -> Option<String> {
        let account = &model.accounts[account].id;
        let known = |id: &String| model.keys.iter().any(|key| key.id == *id);
        let fits = |((owner, id), stored): &(&(String, String), &StoredKey)| {
            owner == account
                && !claimed.contains(id)
                && !known(id)
                && stored.rotated_from.as_ref() == replaced.map(|key| &key.id)
        };
        self.keys.iter().find(fits).map(|((_, id), _)| id.clone())
    }

    /// Says how the table differs from the model.
    pub(crate) fn difference(&self, model: &Model) -> Option<String> {
        let mut keys = self.keys.keys().collect::<BTreeSet<_>>();
        for (at, account) in model.accounts.iter().enumerate() {
            let (id, standing) = (&account.id, account.standing);
            let entry = match standing {
                Standing::Present => Some(&false),
                Standing::Leaving => Some(&true),
                Standing::Gone => None,
            };
            if self.directory.get(id) != entry {
                return Some(format!("the directory does not say that A{at} is {standing:?}"));
            }
            let stored = self.accounts.get(id);
            let same = match stored {
                Some(stored) => {
                    standing == Standing::Present
                        && stored.organization == account.organization
                        && stored.disabled == account.disabled
                }
                None => standing != Standing::Present,
            };
            if !same {
                return Some(format!("A{at} should be {account:?} and is {stored:?}"));
            }
            // An interrupted deletion leaves some of the keys, which are no longer accepted.
            keys.retain(|(owner, _)| standing != Standing::Leaving || owner != id);
        }
        for (at, key) in model.keys.iter().enumerate() {
            let account = &model.accounts[key.account];
            if account.standing != Standing::Present {
                continue;
            }
            let place = (account.id.clone(), key.id.clone());
            let Some(stored) = self.keys.get(&place) else {
                return Some(format!("K{at} is missing: {key:?}"));
            };
            let same = stored.name == key.name
                && stored.scopes == key.scopes
                && stored.created_at == key.created_at
                && stored.expires_at == key.expires_at
                && stored.revoked == key.revoked
                && stored.rotated_to.is_some() == key.rotated
                && stored.rotated_from.is_some() == key.successor;
            if !same {
                return Some(format!("K{at} should be {key:?} and is {stored:?}"));
            }
            keys.remove(&place);
        }
        (!keys.is_empty()).then(|| format!("there are more keys: {keys:?}"))
    }

    /// Says which count that enforces the limit is too low.
    pub(crate) fn low_count(&self, model: &Model) -> Option<String> {
        model.accounts.iter().enumerate().find_map(|(at, account)| {
            let stored = self.accounts.get(&account.id)?;
            let (count, truth) = (stored.live_keys, model.live_keys(at, model.horizon));
            (count < truth).then(|| format!("A{at} counts {count} of {truth} live keys"))
        })
    }
}

fn key(item: &Item) -> StoredKey {
    let start = sample::now().as_millis();
    let scopes = item.get("scopes").and_then(|scopes| match scopes {
        AttributeValue::Ss(scopes) => Some(scopes.clone()),
        AttributeValue::L(scopes) => {
            scopes.iter().map(|scope| scope.as_s().ok().cloned()).collect()
        }
        _ => None,
    });
    StoredKey {
        name: text(item, "name"),
        scopes: scopes.into_iter().flatten().collect(),
        created_at: number(item, "created_at").expect("a time") - start,
        expires_at: number(item, "expires_at").map(|end| end - start),
        revoked: item.contains_key("revoked_at"),
        rotated_to: text(item, "rotated_to"),
        rotated_from: text(item, "rotated_from"),
    }
}

fn text(item: &Item, attribute: &str) -> Option<String> {
    item.get(attribute)?.as_s().ok().cloned()
}

fn number(item: &Item, attribute: &str) -> Option<i64> {
    item.get(attribute)?.as_n().ok()?.parse().ok()
}
