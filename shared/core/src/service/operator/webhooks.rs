//! Webhooks of any organization.

use crate::error::Error;
use crate::id::{OrganizationId, WebhookId};
use crate::store::KeyStore;
use crate::time::Timestamp;
use crate::webhook::Webhook;

use super::OperatorError;

/// Returns the webhooks of an organization, oldest first, including disabled ones.
///
/// # Errors
///
/// [`OperatorError::OrganizationNotFound`], [`OperatorError::Failed`].
pub async fn webhooks(
    store: &KeyStore,
    organization: &OrganizationId,
) -> Result<Vec<Webhook>, OperatorError> {
    require_organization(store, organization).await?;
    Ok(store.webhooks(organization).await?)
}

/// Returns a webhook of an organization.
///
/// # Errors
///
/// [`OperatorError::OrganizationNotFound`]; [`Error::WebhookNotFound`] and [`Error::Store`] as
/// [`OperatorError::Failed`].
pub async fn webhook(
    store: &KeyStore,
    organization: &OrganizationId,
    id: &WebhookId,
) -> Result<Webhook, OperatorError> {
    require_organization(store, organization).await?;
    let webhook = store.webhook(organization, id).await?;
    Ok(webhook.ok_or_else(|| Error::WebhookNotFound(id.clone()))?)
}

/// Deletes a webhook of an organization, even one that cannot be read. Its deliveries remain until they are 30 days old,
/// but are not attempted any more.
///
/// # Errors
///
/// [`OperatorError::OrganizationNotFound`]; [`OperatorError::OrganizationDeleting`], because that deletion deletes the
/// webhook, too; [`Error::WebhookNotFound`], [`Error::Busy`], and [`Error::Store`] as [`OperatorError::Failed`].
pub async fn delete_webhook(
    store: &KeyStore,
    now: Timestamp,
    organization: &OrganizationId,
    id: &WebhookId,
) -> Result<(), OperatorError> {
    require_organization(store, organization).await?;
    match store.delete_webhook(organization, id, now).await {
        // The store has one error for both, and a disabled organization's webhooks can be deleted.
        Err(Error::OrganizationDisabled(id)) => Err(OperatorError::OrganizationDeleting(id)),
        deleted => Ok(deleted?),
    }
}

async fn require_organization(
    store: &KeyStore,
    organization: &OrganizationId,
) -> Result<(), OperatorError> {
    match store.organization(organization).await? {
        Some(_) => Ok(()),
        None => Err(OperatorError::OrganizationNotFound(organization.clone())),
    }
}
