//! Creating an organization, and printing its first key or putting it into AWS Secrets Manager.

use latchkey::error::{Error, StoreError};
use latchkey::service::operator::{self, OperatorError};

use crate::args::{Bootstrap, SecretTarget};
use crate::output::{BootstrapReport, StoredBootstrapReport, print};
use crate::secret::{Secret, Vacancy};

use super::{Context, Failure};

pub(super) async fn run(new: Bootstrap, context: &Context<'_>) -> Result<(), Failure> {
    let Context { store, policy, clock, format, .. } = context;
    if let Some(target) = new.secret.clone().into_target() {
        return into_secret(new, target, context).await;
    }
    let (id, name, account_name) = (new.organization, new.name, new.account_name);
    let now = clock.now();
    let made = operator::bootstrap(store, policy, now, id, name, account_name).await?;
    print(&BootstrapReport::new(&made, now), *format)?;
    warn_if_several(context).await;
    Ok(())
}

/// Writes the secret before the table, so that no failure can lose a working key. Until the table has the key, the
/// secret's value does not work.
async fn into_secret(
    new: Bootstrap,
    target: SecretTarget,
    context: &Context<'_>,
) -> Result<(), Failure> {
    let Context { store, aws, policy, clock, format, .. } = context;
    let secret = Secret::new(aws, target);
    let vacancy = secret.check_vacant().await?;
    match operator::organization(store, &new.organization).await {
        Ok(_) => return Err(OperatorError::OrganizationExists(new.organization).into()),
        Err(OperatorError::OrganizationNotFound(_)) => {}
        Err(error) => return Err(error.into()),
    }
    let (id, name, account_name) = (new.organization, new.name, new.account_name);
    let now = clock.now();
    let made = operator::generate_bootstrap(policy, now, id, name, account_name)?;
    let (key, organization) = (&made.minted.key, &made.organization.id);
    let description =
        format!("Latchkey: full-access key {} of organization {organization}", key.id);
    let stored = secret.store(vacancy, made.minted.token.expose(), &description).await?;
    if let Err(error) = operator::write_bootstrap(store, policy, &made).await {
        let found = operator::key(store, &key.spec.account, &key.id).await;
        let absent = matches!(
            found,
            Err(OperatorError::Failed(Error::AccountNotFound(_) | Error::KeyNotFound(_)))
        );
        if found.is_err() {
            let left = if absent && !may_arrive(&error) && vacancy == Vacancy::Absent {
                secret.remove().await.err()
            } else {
                Some(secret.left_behind(!absent || may_arrive(&error)))
            };
            return Err(match left {
                Some(note) => Failure::Noted(error, note),
                None => error.into(),
            });
        }
        // Only the response was lost.
    }
    print(&StoredBootstrapReport::new(&made, &stored, now), *format)?;
    warn_if_several(context).await;
    Ok(())
}

/// Whether the write that failed with `error` may still reach the table.
fn may_arrive(error: &OperatorError) -> bool {
    matches!(error, OperatorError::Failed(Error::Busy | Error::Store(StoreError::Unavailable(_))))
}

/// Warns on standard error, also in scripts: a second organization changes how keys must be verified.
async fn warn_if_several(context: &Context<'_>) {
    // The organization exists and its key is printed, so a failure from here on must not end the command.
    let count = operator::count_organizations(context.store).await.ok().flatten();
    if let Some(count) = count.filter(|count| *count > 1) {
        eprintln!(
            "warning: this deployment now has {count} organizations, and verification accepts keys of \
             all of them.\n  \
             To restrict it, set the template parameters `VerifyOrganizations` and \
             `AuthorizerOrganizations`, or call `/verify?organization=<ID>`."
        );
    }
}
