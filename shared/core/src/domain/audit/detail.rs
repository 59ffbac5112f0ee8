//! The published form of an audit event, version 1, on the event bus and in webhooks. `schemas/events/v1/` describes
//! it for consumers.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Action, Change, Event};

/// The version of the format. It increases when a field changes or goes away, not when one is added.
const VERSION: u8 = 1;

/// What a published event says.
#[derive(Clone, Debug, Serialize)]
pub struct Detail<'a> {
    /// The version of the format.
    pub version: u8,
    /// The event's ID. A consumer that gets one twice ignores the second.
    pub id: String,
    /// When it happened: RFC 3339, in UTC, with microseconds.
    pub time: String,
    /// The organization. Absent for root keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<&'a str>,
    /// The action, by its name in the audit trail.
    pub action: &'a str,
    /// Who did it.
    pub actor: Actor<'a>,
    /// What was changed.
    pub resource: Resource<'a>,
    /// The request that did it.
    pub request: Request<'a>,
    /// The changed fields, each with its `old` and `new` value where there is one.
    pub changes: &'a BTreeMap<String, Change>,
}

/// Who did it.
#[derive(Clone, Debug, Serialize)]
pub struct Actor<'a> {
    /// `service_account`, `root_key`, `operator`, or `system`.
    pub r#type: &'a str,
    /// The account's or root key's ID, the operator's AWS ARN, or the system's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<&'a str>,
    /// The ID of the key that authenticated the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_id: Option<&'a str>,
}

/// What was changed.
#[derive(Clone, Debug, Serialize)]
pub struct Resource<'a> {
    /// `api_key`, `root_key`, `service_account`, `organization`, or `webhook`.
    pub r#type: &'a str,
    /// Its ID.
    pub id: &'a str,
    /// The service account of an API key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_id: Option<&'a str>,
}

/// The request that did it. All fields are absent for the command line and for a system.
#[derive(Clone, Debug, Serialize)]
pub struct Request<'a> {
    /// Its ID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<&'a str>,
    /// The caller's IP address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_ip: Option<&'a str>,
    /// What the client calls itself; the command line does, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<&'a str>,
}

impl<'a> From<&'a Event> for Detail<'a> {
    fn from(event: &'a Event) -> Self {
        Self {
            version: VERSION,
            id: event.id(),
            time: event.time.to_string(),
            organization: event.trail.as_ref().map(AsRef::as_ref),
            action: &event.action,
            actor: Actor {
                r#type: &event.actor.kind,
                id: event.actor.id.as_deref(),
                key_id: event.actor.key.as_deref(),
            },
            resource: Resource {
                r#type: &event.resource.kind,
                id: &event.resource.id,
                account_id: event.resource.account.as_deref(),
            },
            request: Request {
                id: event.origin.request.as_deref(),
                source_ip: event.origin.source_ip.as_deref(),
                user_agent: event.origin.user_agent.as_deref(),
            },
            changes: &event.changes,
        }
    }
}

/// The type of an action's events: the `detail-type` on the bus, and the `type` in webhooks.
pub fn detail_type(action: Action) -> &'static str {
    match action {
        Action::CreateKey => "key.created",
        Action::UpdateKey => "key.updated",
        Action::RotateKey => "key.rotated",
        Action::RevokeKey => "key.revoked",
        Action::LeakKey => "key.leaked",
        Action::WarnOfExpiry => "key.expiring",
        Action::WarnOfUnused => "key.unused",
        Action::CreateRootKey => "root_key.created",
        Action::RevokeRootKey => "root_key.revoked",
        Action::WarnOfRootExpiry => "root_key.expiring",
        Action::WarnOfRootUnused => "root_key.unused",
        Action::CreateAccount => "service_account.created",
        Action::UpdateAccount => "service_account.updated",
        Action::DisableAccount => "service_account.disabled",
        Action::EnableAccount => "service_account.enabled",
        Action::DeleteAccount => "service_account.deleted",
        Action::CreateOrganization => "organization.created",
        Action::DisableOrganization => "organization.disabled",
        Action::EnableOrganization => "organization.enabled",
        Action::DeleteOrganization => "organization.deleted",
        Action::CreateWebhook => "webhook.created",
        Action::DisableWebhook => "webhook.disabled",
        Action::DeleteWebhook => "webhook.deleted",
    }
}
