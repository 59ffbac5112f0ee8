//! Webhooks and their deliveries, as the callers of an organization see and change them.

use std::time::Duration;

use rand::rngs::SysRng;

use crate::error::Error;
use crate::id::WebhookId;
use crate::principal::AccountPrincipal;
use crate::scope::{WEBHOOKS_READ, WEBHOOKS_WRITE};
use crate::store::Page;
use crate::text::Description;
use crate::webhook::{Delivery, DeliveryId, DeliveryStatus, EventTypes, Webhook, WebhookUrl};

use super::{IdempotentRequest, Latchkey, Replay};

/// The maximum number of deliveries that one read asks for. A megabyte has about 1,000.
const PAGE: usize = 500;

/// How long a search may take, so that its response arrives within the time limit of a request.
const SEARCH_TIMEOUT: Duration = Duration::from_secs(5);

/// What a caller says about a new webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookRequest {
    /// Where the requests go.
    pub url: WebhookUrl,
    /// What people say about it.
    pub description: Description,
    /// Which events it gets.
    pub events: EventTypes,
}

/// A filter for deliveries that meet every given condition. The default accepts all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// The webhook.
    pub webhook: Option<WebhookId>,
    /// What has become of the delivery.
    pub status: Option<DeliveryStatus>,
}

impl DeliveryFilter {
    fn accepts(&self, delivery: &Delivery) -> bool {
        self.webhook.as_ref().is_none_or(|webhook| *webhook == delivery.webhook)
            && self.status.is_none_or(|status| status == delivery.status)
    }
}

impl Latchkey {
    /// Creates a webhook in the caller's organization and returns the result of `respond` for it. For `request`, see
    /// [`Latchkey::mint`].
    ///
    /// # Errors
    ///
    /// [`Error::Denied`] without the scope `webhooks.write`; [`Error::WebhookLimitReached`],
    /// [`Error::OrganizationDisabled`], [`Error::IdempotencyKeyReused`], [`Error::Busy`], [`Error::Store`].
    pub async fn create_webhook<R: Replay>(
        &self,
        caller: &AccountPrincipal,
        wanted: WebhookRequest,
        request: Option<IdempotentRequest>,
        respond: impl FnOnce(&Webhook) -> R,
    ) -> Result<R, Error> {
        let now = self.clock.now();
        self.with_replay(request, now, async |writer| {
            caller.require(&WEBHOOKS_WRITE)?;
            let WebhookRequest { url, description, events } = wanted;
            let webhook = Webhook {
                id: WebhookId::mint(&mut SysRng, now).map_err(Error::Random)?,
                organization: caller.organization.clone(),
                url,
                description,
                events,
                created_at: now,
                updated_at: now,
                disabled: None,
                failing_since: None,
                trouble_at: None,
            };
            let write = async |response: Option<&_>| {
                self.writer(caller).create_webhook(&webhook, now, response).await
            };
            let created = || {
                let (id, endpoint) = (&webhook.id, webhook.url.origin());
                tracing::info!(action = "webhook.create", webhook.id = %id, webhook.endpoint = endpoint, "webhook created");
            };
            writer.write(respond(&webhook), write, created).await
        })
        .await
    }

    /// Returns the webhooks of the caller's organization, oldest first.
    ///
    /// # Errors
    ///
    /// [`Error::Denied`] without the scope `webhooks.read`; [`Error::Store`].
    pub async fn webhooks(&self, caller: &AccountPrincipal) -> Result<Vec<Webhook>, Error> {
        caller.require(&WEBHOOKS_READ)?;
        Ok(self.store.webhooks(&caller.organization).await?)
    }

    /// Deletes a webhook of the caller's organization. Its deliveries can be read until they are 30 days old, but are
    /// not attempted any more.
    ///
    /// # Errors
    ///
    /// [`Error::Denied`] without the scope `webhooks.write`; [`Error::WebhookNotFound`], [`Error::Busy`],
    /// [`Error::Store`].
    pub async fn delete_webhook(
        &self,
        caller: &AccountPrincipal,
        id: &WebhookId,
    ) -> Result<(), Error> {
        caller.require(&WEBHOOKS_WRITE)?;
        let now = self.clock.now();
        self.writer(caller).delete_webhook(&caller.organization, id, now).await?;
        tracing::info!(action = "webhook.delete", webhook.id = %id, "webhook deleted");
        Ok(())
    }

    /// Returns at most `limit` deliveries of the caller's organization, newest first, starting after the delivery
    /// `after`. A search that takes longer than 5 s returns fewer. The next page starts after `next`, if there may be
    /// more.
    ///
    /// # Errors
    ///
    /// [`Error::Denied`] without the scope `webhooks.read`; [`Error::Store`].
    pub async fn deliveries(
        &self,
        caller: &AccountPrincipal,
        filter: &DeliveryFilter,
        limit: usize,
        mut after: Option<DeliveryId>,
    ) -> Result<Page<Delivery>, Error> {
        caller.require(&WEBHOOKS_READ)?;
        let end = self.now().saturating_add(SEARCH_TIMEOUT);
        let filtered = *filter != DeliveryFilter::default();
        let mut found = Vec::new();
        loop {
            let missing = limit - found.len();
            // One more tells whether there is another page. A filter drops most.
            let size = if filtered { PAGE } else { missing.saturating_add(1).min(PAGE) };
            let page = self.store.deliveries(&caller.organization, size, after.as_ref()).await?;
            let complete = page.next.is_none();
            for delivery in page.items {
                let accepted = filter.accepts(&delivery);
                if accepted && found.len() == limit {
                    let next = after.as_ref().map(ToString::to_string);
                    return Ok(Page { items: found, next });
                }
                after = Some(delivery.id.clone());
                if accepted {
                    found.push(delivery);
                }
            }
            if complete {
                return Ok(Page { items: found, next: None });
            }
            if self.now() > end {
                return Ok(Page { items: found, next: after.as_ref().map(ToString::to_string) });
            }
        }
    }

    /// Returns a delivery of the caller's organization.
    ///
    /// # Errors
    ///
    /// [`Error::Denied`] without the scope `webhooks.read`; [`Error::DeliveryNotFound`], [`Error::Store`].
    pub async fn delivery(
        &self,
        caller: &AccountPrincipal,
        id: &DeliveryId,
    ) -> Result<Delivery, Error> {
        caller.require(&WEBHOOKS_READ)?;
        self.found_delivery(caller, id).await
    }

    /// Creates a delivery that repeats one of the caller's organization, and returns it.
    ///
    /// # Errors
    ///
    /// [`Error::Denied`] without the scope `webhooks.write`; [`Error::DeliveryNotFound`]; [`Error::NotReplayable`] while
    /// it is pending; [`Error::WebhookDisabled`]; [`Error::Busy`], [`Error::Store`].
    pub async fn replay_delivery(
        &self,
        caller: &AccountPrincipal,
        id: &DeliveryId,
    ) -> Result<Delivery, Error> {
        caller.require(&WEBHOOKS_WRITE)?;
        let now = self.clock.now();
        let old = self.found_delivery(caller, id).await?;
        let new_id = DeliveryId::mint(&mut SysRng, now).map_err(Error::Random)?;
        let new = old.replay(new_id, now).map_err(|why| Error::NotReplayable(id.clone(), why))?;
        self.store.replay_delivery(&old, &new).await?;
        tracing::info!(webhook.id = %new.webhook, delivery.id = %new.id, delivery.replayed_from = %id, "delivery replayed");
        Ok(new)
    }

    /// Gives up a delivery of the caller's organization, and returns it.
    ///
    /// # Errors
    ///
    /// [`Error::Denied`] without the scope `webhooks.write`; [`Error::DeliveryNotFound`]; [`Error::NotDiscardable`] if it
    /// is delivered; [`Error::Busy`] if it changes meanwhile; [`Error::Store`].
    pub async fn discard_delivery(
        &self,
        caller: &AccountPrincipal,
        id: &DeliveryId,
    ) -> Result<Delivery, Error> {
        caller.require(&WEBHOOKS_WRITE)?;
        let now = self.clock.now();
        let old = self.found_delivery(caller, id).await?;
        let new = old.discarded(now).map_err(|why| Error::NotDiscardable(id.clone(), why))?;
        if new != old && !self.store.update_delivery(&old, &new).await? {
            return Err(Error::Busy);
        }
        tracing::info!(webhook.id = %new.webhook, delivery.id = %id, "delivery discarded");
        Ok(new)
    }

    async fn found_delivery(
        &self,
        caller: &AccountPrincipal,
        id: &DeliveryId,
    ) -> Result<Delivery, Error> {
        let found = self.store.delivery(&caller.organization, id).await?;
        found.ok_or_else(|| Error::DeliveryNotFound(id.clone()))
    }
}
