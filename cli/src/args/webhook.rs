//! Arguments about webhooks.

use clap::{Args as ClapArgs, Subcommand};
use latchkey::id::{OrganizationId, WebhookId};

use super::Consent;

#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  latchkey webhook list --organization acme
  latchkey webhook delete --organization acme --webhook 0197CTTLAFLKW3FL --yes

STATUS in a list:
  enabled               gets events
  failing since <TIME>  gets events, but no attempt has succeeded since then
  disabled: gone        gets no events, because its endpoint responded with 410
  disabled: failing     gets no events, because its endpoint failed for 5 days without a success

An organization's keys can create new webhooks. To prevent that, first run `latchkey organization disable`,
which by itself does not stop webhooks.")]
pub(crate) enum WebhookCommand {
    /// List an organization's webhooks, oldest first, including disabled ones.
    ///
    /// Prints whole URLs, which may contain secrets of their endpoints.
    List(ListWebhooks),
    /// Permanently delete a webhook, which stops its requests.
    ///
    /// A request that is already under way may still arrive. Works even if the deployment's webhooks are off.
    Delete(DeleteWebhook),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ListWebhooks {
    /// Organization ID.
    #[arg(long, value_name = "ID")]
    pub(crate) organization: OrganizationId,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct DeleteWebhook {
    /// Organization ID.
    #[arg(long, value_name = "ID")]
    pub(crate) organization: OrganizationId,
    /// Webhook ID.
    #[arg(long, value_name = "ID")]
    pub(crate) webhook: WebhookId,
    #[command(flatten)]
    pub(crate) consent: Consent,
}
