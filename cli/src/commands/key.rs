//! Commands about keys of service accounts.

use latchkey::account::ServiceAccount;
use latchkey::id::{OrganizationId, ServiceAccountId};
use latchkey::operator::{self, MintSpec, OperatorError};

use crate::args::{KeyCommand, ListKeys, MintKey, OneKey, RotateKey, Whose};
use crate::confirm::confirm;
use crate::output::{KeyReport, KeysReport, MintedReport, RevokedReport, RotatedReport, print};

use super::{Context, Failure};

pub(super) async fn run(command: KeyCommand, context: &Context<'_>) -> Result<(), Failure> {
    match command {
        KeyCommand::Mint(new) => mint(new, context).await,
        KeyCommand::List(asked) => list(&asked, context).await,
        KeyCommand::Show(one) => show(&one, context).await,
        KeyCommand::Rotate(one) => rotate(&one, context).await,
        KeyCommand::Revoke(one) => {
            let (account, key) = one.key.ids()?;
            confirm(one.consent, &format!("Revoke key {key} of account {account}?"))?;
            let Context { store, policy, now, format } = context;
            let revoked = operator::revoke_key(store, policy, *now, &account, &key).await?;
            Ok(print(&RevokedReport::new(&revoked, *now), *format)?)
        }
    }
}

async fn mint(new: MintKey, context: &Context<'_>) -> Result<(), Failure> {
    let Context { store, policy, now, format } = context;
    let spec = MintSpec {
        name: new.name,
        scopes: new.scopes.into_iter().collect(),
        expires_at: new.expiry.end(*now),
    };
    let minted = operator::mint_key(store, policy, *now, &new.account, spec).await?;
    Ok(print(&MintedReport::new(&minted, *now), *format)?)
}

async fn list(asked: &ListKeys, context: &Context<'_>) -> Result<(), Failure> {
    let Context { store, now, format, .. } = context;
    let filter = asked.filter(*now);
    let mut keys = Vec::new();
    let mut disabled = Vec::new();
    for (id, account) in accounts(&asked.whose, context).await? {
        let mut found = operator::keys(store, &id).await?;
        found.retain(|key| filter.matches(key, *now));
        if account.is_some_and(|account| account.disabled) && !found.is_empty() {
            disabled.push(id);
        }
        keys.extend(found);
    }
    Ok(print(&KeysReport::new(&keys, &disabled, *now), *format)?)
}

/// The accounts whose keys are asked for; `None` beside the id that root keys have.
async fn accounts(
    whose: &Whose,
    context: &Context<'_>,
) -> Result<Vec<(ServiceAccountId, Option<ServiceAccount>)>, OperatorError> {
    let of_organization = async |id: &OrganizationId| operator::accounts(context.store, id).await;
    let found = match (&whose.account, &whose.organization) {
        (Some(id), _) if id.is_root() => return Ok(vec![(id.clone(), None)]),
        (Some(id), _) => vec![operator::account(context.store, id).await?],
        (None, Some(id)) => of_organization(id).await?,
        // The arguments demand one of the two.
        (None, None) => Vec::new(),
    };
    Ok(found.into_iter().map(|account| (account.id.clone(), Some(account))).collect())
}

async fn show(one: &OneKey, context: &Context<'_>) -> Result<(), Failure> {
    let (account, key) = one.ids()?;
    let found = operator::key(context.store, &account, &key).await?;
    Ok(print(&KeyReport::new(&found, context.now), context.format)?)
}

async fn rotate(one: &RotateKey, context: &Context<'_>) -> Result<(), Failure> {
    let Context { store, policy, now, format } = context;
    let (account, key) = one.key.ids()?;
    let rotated = operator::rotate_key(store, policy, *now, &account, &key, one.grace).await?;
    Ok(print(&RotatedReport::new(&rotated, *now), *format)?)
}
