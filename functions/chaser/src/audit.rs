//! The audit trail of the caller's account, `/v1/audit/events`.
//!
//! The vendor documents the parameters and the fields of an event. Ours: what `summary` and `metadata` contain, the
//! names of the actions that the vendor does not have, and what happens if a response cannot have every event that
//! it should have. Pages go on with the `created_at` of the last event as `before`, and the SDK's users take a page
//! with fewer events than `limit` for the last one, so such a request is rejected.

use std::collections::BTreeMap;

use latchkey::audit::{Change, Event, EventTime};
use latchkey::principal::AccountPrincipal;
use latchkey::service::EventFilter;
use latchkey_http::error::InvalidPage;
use latchkey_http::page::{LIMIT, limit, once};
use latchkey_http::response::json_text;
use latchkey_http::{Error, Request, Response, StatusCode};
use serde::Serialize;

use crate::App;
use crate::list::{WEIGHT_MAX, weight};

/// The number of events in a response without `limit`, as the vendor documents it.
const LIMIT_DEFAULT: usize = 100;

/// The maximum of `limit`, as the vendor documents it.
const LIMIT_MAX: usize = 500;

const BEFORE: &str = "before";
const STATUS: &str = "status";

/// The status of every event: a rejected request changes nothing and is only in the log.
const SUCCESS: &str = "success";

/// Lists the events of the caller's account, the newest first.
pub(crate) async fn list(
    app: &App,
    caller: &AccountPrincipal,
    request: &Request,
) -> Result<Response, Error> {
    let limit = limit(request, 0, LIMIT_MAX)?.unwrap_or(LIMIT_DEFAULT);
    let before = match once(request, BEFORE)? {
        None => None,
        Some(text) => Some(text.parse::<EventTime>().map_err(|error| invalid(BEFORE, error))?),
    };
    let limit = match once(request, STATUS)?.as_deref() {
        None | Some(SUCCESS) => limit,
        Some("failure") => 0,
        Some(_) => return Err(invalid(STATUS, InvalidPage::Outcome)),
    };
    let filter = EventFilter {
        action: once(request, "action")?,
        resource_kind: once(request, "resource_type")?,
        resource: once(request, "resource_id")?,
    };
    let found = app.latchkey.events(caller, &filter, before, limit).await?;
    match (found.unfinished, found.events.len()) {
        (None, _) => {}
        (Some(reached), 0) => return Err(invalid(BEFORE, InvalidPage::NotYetFound(reached))),
        (Some(_), count) => return Err(invalid(LIMIT, InvalidPage::TooSlow(count))),
    }
    let mut text = r#"{"events":["#.to_owned();
    let mut weight = weight(&text);
    for (place, event) in found.events.iter().enumerate() {
        let json = json_text(&EventInfo::from(event));
        weight += self::weight(&json) + 1;
        if weight > WEIGHT_MAX {
            return Err(invalid(LIMIT, InvalidPage::TooLarge(place)));
        }
        if place > 0 {
            text.push(',');
        }
        text.push_str(&json);
    }
    text.push_str("]}");
    Ok(Response::json_text(StatusCode::OK, text))
}

fn invalid(parameter: &'static str, problem: impl Into<InvalidPage>) -> Error {
    Error::InvalidPage { parameter, problem: problem.into() }
}

/// `AuditEventInfo`
#[derive(Serialize)]
struct EventInfo<'a> {
    id: String,
    actor_type: &'a str,
    /// The vendor documents a string, so it is empty for an operator whose AWS identity is unknown.
    actor_id: &'a str,
    action: &'a str,
    resource_type: &'a str,
    resource_id: &'a str,
    status: &'static str,
    summary: String,
    created_at: EventTime,
    metadata: Metadata<'a>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    organization_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_account_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_ip: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    changes: &'a BTreeMap<String, Change>,
}

impl<'a> From<&'a Event> for EventInfo<'a> {
    fn from(event: &'a Event) -> Self {
        Self {
            id: event.id(),
            actor_type: &event.actor.kind,
            actor_id: event.actor.id.as_deref().unwrap_or_default(),
            action: &event.action,
            resource_type: &event.resource.kind,
            resource_id: &event.resource.id,
            status: SUCCESS,
            summary: summary(&event.action, &event.resource.kind, &event.resource.id),
            created_at: event.time,
            metadata: Metadata {
                organization_id: event.trail.as_ref().map(AsRef::as_ref),
                key_id: event.actor.key.as_deref(),
                service_account_id: event.resource.account.as_deref(),
                request_id: event.origin.request.as_deref(),
                source_ip: event.origin.source_ip.as_deref(),
                user_agent: event.origin.user_agent.as_deref(),
                changes: &event.changes,
            },
        }
    }
}

/// Says what was done, for people. Of an action that this version does not know, gives only the names.
fn summary(action: &str, kind: &str, id: &str) -> String {
    let noun = match kind {
        "api_key" => "API key",
        "root_key" => "root key",
        "service_account" => "service account",
        kind => kind,
    };
    let verb = match action.rsplit_once('.').map_or("", |(_, verb)| verb) {
        "create" => "Created",
        "update" => "Updated",
        "rotate" => "Rotated",
        "revoke" => "Revoked",
        "disable" => "Disabled",
        "enable" => "Enabled",
        "delete" => "Deleted",
        "leak" => "Received a leak report for",
        "expiring" => "Warned of the expiry of",
        "unused" => "Warned that nobody uses",
        _ => return format!("{action}: {noun} {id}"),
    };
    format!("{verb} {noun} {id}")
}

#[cfg(test)]
mod tests {
    use latchkey::audit::Action;

    use super::*;

    #[test]
    fn every_action_has_a_sentence_and_later_ones_have_their_names() {
        for action in Action::ALL {
            let (kind, _) = action.name().split_once('.').expect("a kind");
            let found = summary(action.name(), kind, "ID");
            assert!(!found.contains(action.name()) && found.ends_with(" ID"), "{found}");
        }
        for (action, kind, expected) in [
            ("api_key.revoke", "api_key", "Revoked API key ID"),
            ("service_account.disable", "service_account", "Disabled service account ID"),
            ("organization.delete", "organization", "Deleted organization ID"),
            ("api_key.leak", "api_key", "Received a leak report for API key ID"),
            ("webhook.pause", "webhook", "webhook.pause: webhook ID"),
            ("later", "api_key", "later: API key ID"),
        ] {
            assert_eq!(summary(action, kind, "ID"), expected);
        }
    }
}
