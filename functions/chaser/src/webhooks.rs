//! Webhooks of the caller's account, `/v1/webhooks`, and their deliveries.
//!
//! The vendor's SDK has these calls and names the fields. Ours: the types of events, the values of `status`, and the
//! form of the requests that endpoints get, because no page of the vendor describes them.

use latchkey::id::WebhookId;
use latchkey::principal::AccountPrincipal;
use latchkey::service::{DeliveryFilter, WebhookRequest};
use latchkey::text::Description;
use latchkey::time::Timestamp;
use latchkey::webhook::{Delivery, DeliveryId, DeploymentSecret, EventTypes, Webhook};
use latchkey_http::authenticate::AuthenticatedRequest;
use latchkey_http::body::{InvalidBody, InvalidValue};
use latchkey_http::error::InvalidPage;
use latchkey_http::page::once;
use latchkey_http::{Error, Response, StatusCode};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::App;
use crate::list::{self, Entry};

const URL: &str = "url";
const EVENTS: &str = "events";
const WEBHOOK_ID: &str = "webhook_id";
const STATUS: &str = "status";

/// Lists the webhooks. There are at most as many as the limit allows, so the list has no pages.
pub(crate) async fn list(app: &App, caller: &AccountPrincipal) -> Result<Response, Error> {
    let found = app.latchkey.webhooks(caller).await?;
    let secret = app.webhook_secret().await?;
    let webhooks = found.iter().map(|webhook| WebhookInfo::new(webhook, secret)).collect();
    Ok(Response::json(StatusCode::OK, &Webhooks { webhooks }))
}

/// Creates a webhook. Only this response has the signing secret.
pub(crate) async fn create(
    app: &App,
    caller: &AccountPrincipal,
    request: &AuthenticatedRequest<'_>,
) -> Result<Response, Error> {
    let repeatable = request.idempotency("create-webhook", &[])?;
    let (url, description, events) = request.json(|fields| {
        let url = fields.required_text::<String>(URL);
        (url, fields.nullable_text::<Description>("description"), fields.strings(EVENTS))
    })?;
    let events = match events? {
        None => EventTypes::all(),
        Some(names) => EventTypes::select(names.iter().map(String::as_str)).map_err(|problem| {
            InvalidBody::InvalidValue { field: EVENTS, problem: InvalidValue::from(problem) }
        })?,
    };
    let url = (app.endpoint)(&url?)
        .map_err(|problem| InvalidBody::InvalidValue { field: URL, problem: problem.into() })?;
    let description = description?.flatten().unwrap_or_else(Description::empty);
    let wanted = WebhookRequest { url, description, events };
    let secret = app.webhook_secret().await?;
    let respond = |webhook: &Webhook| {
        let signing_secret = secret.signing_secret(&webhook.organization, &webhook.id).expose();
        let created = CreatedWebhook {
            webhook: WebhookInfo::new(webhook, secret),
            signing_secret: &signing_secret,
        };
        Response::json(StatusCode::OK, &created).no_store()
    };
    Ok(app.latchkey.create_webhook(caller, wanted, repeatable, respond).await?)
}

/// Deletes a webhook.
pub(crate) async fn delete(
    app: &App,
    caller: &AccountPrincipal,
    [id]: [&str; 1],
) -> Result<Response, Error> {
    let id = id.parse().map_err(|_| Error::UnknownWebhook)?;
    app.latchkey.delete_webhook(caller, &id).await?;
    Ok(Response::no_content())
}

/// Lists deliveries, the newest first.
pub(crate) async fn list_deliveries(
    app: &App,
    caller: &AccountPrincipal,
    request: &AuthenticatedRequest<'_>,
) -> Result<Response, Error> {
    let [webhook, status] = [WEBHOOK_ID, STATUS].map(|name| once(request.request(), name));
    let [webhook, status] = [webhook?, status?];
    let filter = DeliveryFilter {
        webhook: parsed::<WebhookId>(WEBHOOK_ID, webhook.as_deref())?,
        status: parsed(STATUS, status.as_deref())?,
    };
    let read = async |limit, after: Option<&str>| {
        // Cursors are sealed, so this one came from the list.
        let after = after.and_then(|after| after.parse::<DeliveryId>().ok());
        app.latchkey.deliveries(caller, &filter, limit, after).await
    };
    let [webhook, status] = [webhook, status].map(Option::unwrap_or_default);
    list::list(app, request, &["deliveries", &webhook, &status], read).await
}

/// Describes a delivery.
pub(crate) async fn get_delivery(
    app: &App,
    caller: &AccountPrincipal,
    [id]: [&str; 1],
) -> Result<Response, Error> {
    respond(&app.latchkey.delivery(caller, &delivery_id(id)?).await?)
}

/// Creates a delivery that repeats another one, and describes the new one.
pub(crate) async fn replay(
    app: &App,
    caller: &AccountPrincipal,
    [id]: [&str; 1],
) -> Result<Response, Error> {
    respond(&app.latchkey.replay_delivery(caller, &delivery_id(id)?).await?)
}

/// Gives up a delivery.
pub(crate) async fn discard(
    app: &App,
    caller: &AccountPrincipal,
    [id]: [&str; 1],
) -> Result<Response, Error> {
    respond(&app.latchkey.discard_delivery(caller, &delivery_id(id)?).await?)
}

fn respond(delivery: &Delivery) -> Result<Response, Error> {
    Ok(Response::json(StatusCode::OK, &DeliveryEnvelope { delivery: delivery.into() }))
}

fn delivery_id(text: &str) -> Result<DeliveryId, Error> {
    text.parse().map_err(|_| Error::UnknownDelivery)
}

fn parsed<T>(parameter: &'static str, text: Option<&str>) -> Result<Option<T>, Error>
where
    T: std::str::FromStr<Err: Into<InvalidPage>>,
{
    let value = text.map(str::parse::<T>).transpose();
    value.map_err(|problem| Error::InvalidPage { parameter, problem: problem.into() })
}

impl Entry for Delivery {
    const LIST: &'static str = "deliveries";
    /// Ours: there may be a delivery for each change of 30 days.
    const WHOLE: bool = false;

    fn id(&self) -> &str {
        self.id.as_ref()
    }

    fn to_json(&self, _: Timestamp) -> String {
        latchkey_http::response::json_text(&DeliveryInfo::from(self))
    }
}

/// `CustomerWebhookInfo`. Ours: `disabled_at` and `disabled_reason`.
#[derive(Serialize)]
struct WebhookInfo<'a> {
    id: &'a str,
    description: &'a str,
    url: &'a str,
    events: Vec<&'a str>,
    signing_secret_preview: String,
    disabled_at: Option<Timestamp>,
    disabled_reason: Option<&'static str>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl<'a> WebhookInfo<'a> {
    fn new(webhook: &'a Webhook, secret: &DeploymentSecret) -> Self {
        Self {
            id: webhook.id.as_ref(),
            description: webhook.description.as_ref(),
            url: webhook.url.as_ref(),
            events: webhook.events.names().collect(),
            signing_secret_preview: secret
                .signing_secret(&webhook.organization, &webhook.id)
                .preview(),
            disabled_at: webhook.disabled.map(|disabled| disabled.at),
            disabled_reason: webhook.disabled.map(|disabled| disabled.reason.name()),
            created_at: webhook.created_at,
            updated_at: webhook.updated_at,
        }
    }
}

#[derive(Serialize)]
struct Webhooks<'a> {
    webhooks: Vec<WebhookInfo<'a>>,
}

/// `CreateCustomerWebhookResponse`
#[derive(Serialize)]
struct CreatedWebhook<'a> {
    webhook: WebhookInfo<'a>,
    signing_secret: &'a str,
}

#[derive(Serialize)]
struct DeliveryEnvelope<'a> {
    delivery: DeliveryInfo<'a>,
}

/// `CustomerWebhookDeliveryInfo`. Ours: `next_attempt_at`.
#[derive(Serialize)]
struct DeliveryInfo<'a> {
    id: &'a str,
    webhook_id: &'a str,
    event_id: &'a str,
    event_type: &'a str,
    resource_type: &'a str,
    resource_id: &'a str,
    target_url: &'a str,
    status: &'static str,
    attempts: u32,
    last_http_status: Option<u16>,
    last_error: Option<&'a str>,
    /// The body of each request, as it is sent.
    payload: Option<&'a RawValue>,
    next_attempt_at: Option<Timestamp>,
    delivered_at: Option<Timestamp>,
    replayed_at: Option<Timestamp>,
    discarded_at: Option<Timestamp>,
    replayed_from_delivery_id: Option<&'a str>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl<'a> From<&'a Delivery> for DeliveryInfo<'a> {
    fn from(delivery: &'a Delivery) -> Self {
        Self {
            id: delivery.id.as_ref(),
            webhook_id: delivery.webhook.as_ref(),
            event_id: &delivery.event,
            event_type: &delivery.event_type,
            resource_type: &delivery.resource_type,
            resource_id: &delivery.resource,
            target_url: delivery.target.as_ref(),
            status: delivery.status.name(),
            attempts: delivery.attempts,
            last_http_status: delivery.last.status,
            last_error: delivery.last.error.as_deref(),
            payload: serde_json::from_str(&delivery.body).ok(),
            next_attempt_at: delivery.next_attempt_at,
            delivered_at: delivery.delivered_at,
            replayed_at: delivery.replayed_at,
            discarded_at: delivery.discarded_at,
            replayed_from_delivery_id: delivery.replayed_from.as_ref().map(AsRef::as_ref),
            created_at: delivery.created_at,
            updated_at: delivery.updated_at,
        }
    }
}
