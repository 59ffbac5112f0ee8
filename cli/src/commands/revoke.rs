//! Revoking a leaked key and everything that it created.

use std::collections::BTreeSet;
use std::time::Duration;

use latchkey::id::{KeyId, OrganizationId, ServiceAccountId};
use latchkey::service::REQUEST_TIMEOUT;
use latchkey::service::operator::{self, KeyStatus, Origin};

use crate::args::{Consent, Descendants};
use crate::confirm::confirm;
use crate::output::{KeyTreeReport, RevokedTreeReport, print};

use super::{Context, Failure};

/// How long a request that was authorized before its key was revoked may still create a key.
///
/// The sum of the request timeout and a reserve for the difference between two clocks.
const SETTLING: Duration = REQUEST_TIMEOUT.saturating_add(Duration::from_secs(2));

/// A key to revoke with its descendants.
pub(super) struct Leaked {
    pub(super) account: ServiceAccountId,
    pub(super) key: KeyId,
    /// For a deleted account.
    pub(super) organization: Option<OrganizationId>,
}

/// Shows the tree of a leaked key, or revokes all of it.
pub(super) async fn tree(
    leaked: &Leaked,
    asked: Descendants,
    consent: Consent,
    context: &Context<'_>,
) -> Result<(), Failure> {
    let Context { store, policy, clock, format, .. } = context;
    let Leaked { account, key, organization } = leaked;
    let owner = operator::owner(store, account, organization.as_ref()).await?;
    if asked.dry_run || !consent.yes {
        let tree = operator::tree(store, &owner, key).await?;
        let now = clock.now();
        let is_due = |found: &&operator::Relative| {
            let status = KeyStatus::of(&found.key, now);
            status.works() || (found.origin == Origin::Itself && status != KeyStatus::Revoked)
        };
        let due: Vec<_> = tree.iter().filter(is_due).collect();
        let accounts: BTreeSet<_> = due.iter().map(|found| &found.key.spec.account).collect();
        let extent = format!("{} in {}", count(due.len(), "key"), count(accounts.len(), "account"));
        if asked.dry_run {
            return Ok(print(&KeyTreeReport::new(&tree, &extent, now), *format)?);
        }
        confirm(
            consent,
            &format!(
                "Revoke key {key} of account {account} and all of its descendants ({extent} in total)?"
            ),
            clock,
        )?;
    }
    let done = operator::revoke_tree(store, policy, clock, &owner, key, SETTLING).await?;
    Ok(print(&RevokedTreeReport::new(&done, clock.now()), *format)?)
}

fn count(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}
