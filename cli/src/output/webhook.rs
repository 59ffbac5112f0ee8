//! Reports about webhooks, which never contain a signing secret.

use latchkey::id::{OrganizationId, WebhookId};
use latchkey::time::Timestamp;
use latchkey::webhook::Webhook;
use serde::Serialize;

use super::text::{in_one_line, lines, seconds, table};
use super::{Report, each_line};

/// A webhook. Its fields have the names of the API, which has no `status` and no `failing_since`.
#[derive(Serialize)]
struct WebhookRecord {
    id: String,
    organization: String,
    /// The whole URL. Only the log and the audit trail leave out its path and its query.
    url: String,
    description: String,
    events: Vec<String>,
    status: Status,
    failing_since: Option<Timestamp>,
    disabled_at: Option<Timestamp>,
    disabled_reason: Option<&'static str>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Enabled,
    /// Enabled, but no attempt has succeeded since one failed.
    Failing,
    Disabled,
}

/// An organization's webhooks.
#[derive(Serialize)]
pub(crate) struct WebhooksReport {
    webhooks: Vec<WebhookRecord>,
}

/// A deleted webhook.
#[derive(Serialize)]
pub(crate) struct DeletedWebhookReport {
    deleted_webhook: DeletedWebhook,
}

#[derive(Serialize)]
struct DeletedWebhook {
    id: String,
    organization: String,
}

impl From<&Webhook> for WebhookRecord {
    fn from(webhook: &Webhook) -> Self {
        let status = match (webhook.disabled, webhook.failing_since) {
            (Some(_), _) => Status::Disabled,
            (None, Some(_)) => Status::Failing,
            (None, None) => Status::Enabled,
        };
        Self {
            id: webhook.id.to_string(),
            organization: webhook.organization.to_string(),
            url: webhook.url.to_string(),
            description: webhook.description.to_string(),
            events: webhook.events.names().map(str::to_owned).collect(),
            status,
            failing_since: webhook.failing_since,
            disabled_at: webhook.disabled.map(|disabled| disabled.at),
            disabled_reason: webhook.disabled.map(|disabled| disabled.reason.name()),
            created_at: webhook.created_at,
            updated_at: webhook.updated_at,
        }
    }
}

impl WebhookRecord {
    fn status(&self) -> String {
        match (self.disabled_reason, self.failing_since) {
            (Some(reason), _) => format!("disabled: {reason}"),
            (None, Some(since)) => format!("failing since {}", seconds(since)),
            (None, None) => "enabled".to_owned(),
        }
    }
}

impl WebhooksReport {
    pub(crate) fn new(webhooks: &[Webhook]) -> Self {
        Self { webhooks: webhooks.iter().map(Into::into).collect() }
    }
}

impl DeletedWebhookReport {
    pub(crate) fn new(id: &WebhookId, organization: &OrganizationId) -> Self {
        let deleted = DeletedWebhook { id: id.to_string(), organization: organization.to_string() };
        Self { deleted_webhook: deleted }
    }
}

impl Report for WebhooksReport {
    fn json_lines(&self) -> Result<Vec<String>, serde_json::Error> {
        each_line(&self.webhooks)
    }

    fn text(&self) -> String {
        let rows = self.webhooks.iter().map(|webhook| {
            let WebhookRecord { id, url, description, events, created_at, .. } = webhook;
            let (created, events) = (seconds(*created_at), events.join(" "));
            let description = in_one_line(description);
            [id.clone(), webhook.status(), created, events, url.clone(), description].map(Some)
        });
        table(["WEBHOOK", "STATUS", "CREATED", "EVENTS", "URL", "DESCRIPTION"], rows)
    }
}

impl Report for DeletedWebhookReport {
    fn text(&self) -> String {
        let deleted = &self.deleted_webhook;
        lines([
            ("deleted webhook", Some(deleted.id.clone())),
            ("organization", Some(deleted.organization.clone())),
        ])
    }

    fn notes(&self) -> Vec<String> {
        vec!["A request that is already under way may still arrive.".to_owned()]
    }
}
