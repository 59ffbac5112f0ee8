//! Commands about keys of service accounts.

use std::collections::HashSet;

use latchkey::account::ServiceAccount;
use latchkey::id::{KeyId, ServiceAccountId};
use latchkey::service::RotateRequest;
use latchkey::service::operator::{self, MintSpec, OperatorError, Origin, Owner};

use crate::args::{
    KeyCommand, KeyOwner, KeyReference, ListKeys, MintKey, OneKey, RevokeKey, RotateKey,
};
use crate::confirm::confirm;
use crate::output::{KeyReport, KeysReport, MintedReport, RevokedReport, RotatedReport, print};

use super::revoke::{self, Leaked};
use super::{Context, Failure};

pub(super) async fn run(command: KeyCommand, context: &Context<'_>) -> Result<(), Failure> {
    match command {
        KeyCommand::Mint(new) => mint(new, context).await,
        KeyCommand::List(asked) => list(&asked, context).await,
        KeyCommand::Show(one) => show(&one, context).await,
        KeyCommand::Rotate(one) => rotate(&one, context).await,
        KeyCommand::Revoke(one) => revoke(&one, context).await,
    }
}

async fn revoke(one: &RevokeKey, context: &Context<'_>) -> Result<(), Failure> {
    let (account, key) = one.key.ids()?;
    if one.descendants.with_descendants {
        let leaked = Leaked { account, key, organization: one.organization.clone() };
        return revoke::tree(&leaked, one.descendants, one.consent, context).await;
    }
    let Context { store, policy, clock, format, .. } = context;
    let now = confirm(one.consent, &format!("Revoke key {key} of account {account}?"), clock)?;
    let revoked = operator::revoke_key(store, policy, now, &account, &key).await?;
    Ok(print(&RevokedReport::new(&revoked, now), *format)?)
}

async fn mint(new: MintKey, context: &Context<'_>) -> Result<(), Failure> {
    let Context { store, policy, clock, format, .. } = context;
    let now = clock.now();
    let spec = MintSpec {
        name: new.name,
        scopes: new.scopes.into_iter().collect(),
        expires_at: new.expiry.end(now),
    };
    let minted = operator::mint_key(store, policy, now, &new.account, spec).await?;
    Ok(print(&MintedReport::new(&minted, now), *format)?)
}

async fn list(asked: &ListKeys, context: &Context<'_>) -> Result<(), Failure> {
    let Context { store, clock, format, .. } = context;
    let now = clock.now();
    let filter = asked.filter(now);
    let accounts = accounts(asked, context).await?;
    let made = match &asked.created_by {
        Some(maker) => Some(made_by(maker, &accounts, context).await?),
        None => None,
    };
    let mut keys = Vec::new();
    let mut disabled = Vec::new();
    for (id, account) in accounts {
        let mut found = operator::keys(store, &id).await?;
        found.retain(|key| filter.matches(key, now));
        if let Some(made) = &made {
            found.retain(|key| made.contains(&key.id));
        }
        if account.is_some_and(|account| account.disabled) && !found.is_empty() {
            disabled.push(id);
        }
        keys.extend(found);
    }
    Ok(print(&KeysReport::new(&keys, &disabled, now), *format)?)
}

const NO_OWNER: &str =
    "no service account or organization: pass `--account`, `--organization`, or `--created-by`";

const NO_ORGANIZATION: &str = "no organization: pass `--organization` too, or pass as `--created-by` the key \
                         prefix that lists show, `sk_<account>_<key>_`";

/// Accounts with their IDs; `None` for the account ID of root keys.
type Accounts = Vec<(ServiceAccountId, Option<ServiceAccount>)>;

/// The accounts that the requested keys belong to.
async fn accounts(asked: &ListKeys, context: &Context<'_>) -> Result<Accounts, Failure> {
    let KeyOwner { account, organization } = &asked.owner;
    let found = match (account, organization) {
        (Some(id), _) if id.is_root() => return Ok(vec![(id.clone(), None)]),
        (Some(id), _) => vec![operator::account(context.store, id).await?],
        (None, Some(id)) => operator::accounts(context.store, id).await?,
        (None, None) => {
            let maker = asked.created_by.as_ref().ok_or_else(|| NO_OWNER.to_owned())?;
            let maker = maker.account().ok_or_else(|| NO_ORGANIZATION.to_owned())?;
            match operator::owner(context.store, maker, None).await? {
                Owner::Root => return Ok(vec![(ServiceAccountId::root(), None)]),
                Owner::Organization(id) => operator::accounts(context.store, &id).await?,
            }
        }
    };
    Ok(found.into_iter().map(|account| (account.id.clone(), Some(account))).collect())
}

/// The IDs of all keys that `maker` created and that have the same owner as `accounts`.
async fn made_by(
    maker: &KeyReference,
    accounts: &Accounts,
    context: &Context<'_>,
) -> Result<HashSet<KeyId>, OperatorError> {
    let owner = match accounts.first() {
        Some((_, Some(account))) => Owner::Organization(account.organization.clone()),
        Some((_, None)) => Owner::Root,
        None => return Ok(HashSet::new()),
    };
    let tree = operator::tree(context.store, &owner, maker.key()).await?;
    let made = tree.into_iter().filter(|found| found.origin != Origin::Itself);
    Ok(made.map(|found| found.key.id).collect())
}

async fn show(one: &OneKey, context: &Context<'_>) -> Result<(), Failure> {
    let (account, key) = one.ids()?;
    let found = operator::key(context.store, &account, &key).await?;
    Ok(print(&KeyReport::new(&found, context.clock.now()), context.format)?)
}

async fn rotate(one: &RotateKey, context: &Context<'_>) -> Result<(), Failure> {
    let Context { store, policy, clock, format, .. } = context;
    let now = clock.now();
    let (account, key) = one.key.ids()?;
    let request = RotateRequest { account, key, grace: one.grace };
    let rotated = operator::rotate_key(store, policy, now, &request).await?;
    Ok(print(&RotatedReport::new(&rotated, now), *format)?)
}
