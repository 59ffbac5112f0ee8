//! Chaser for the test suite that all dialects share.

use chaser::{AllowedScopes, App, Operation, ROUTES, handle};
use latchkey::Latchkey;
use latchkey_http::route::Route;
use latchkey_http::webhook_secret::WebhookSecret;
use latchkey_http::{Request, Response};
use latchkey_testkit::sample;
use latchkey_testkit::suite::{self, Dialect, Marker};
use serde_json::{Value, json};

/// Every field in this dialect's responses, all in snake case, also the changed fields in events, and those of
/// the requests that webhooks get.
const FIELDS: &[&str] = &[
    "account",
    "accounts",
    "action",
    "actor",
    "actor_id",
    "actor_type",
    "attempts",
    "changes",
    "code",
    "created_at",
    "created_by",
    "created_by_user_id",
    "data",
    "delivered_at",
    "deliveries",
    "delivery",
    "description",
    "disabled",
    "disabled_at",
    "disabled_reason",
    "discarded_at",
    "endpoint",
    "error",
    "event_id",
    "event_type",
    "events",
    "expires_at",
    "full_access",
    "id",
    "key",
    "key_id",
    "key_prefix",
    "keys",
    "kind",
    "last_error",
    "last_http_status",
    "last_used_at",
    "message",
    "metadata",
    "name",
    "new",
    "next_attempt_at",
    "next_cursor",
    "old",
    "organization",
    "organization_id",
    "payload",
    "personal",
    "reason",
    "replayed_at",
    "replayed_from_delivery_id",
    "request",
    "request_id",
    "resource",
    "resource_id",
    "resource_type",
    "revoked",
    "revoked_at",
    "role",
    "rotated_from",
    "rotated_to",
    "scopes",
    "service_account",
    "service_account_id",
    "service_accounts",
    "signing_secret",
    "signing_secret_preview",
    "source_ip",
    "status",
    "summary",
    "target_url",
    "time",
    "timestamp",
    "type",
    "updated_at",
    "url",
    "user_agent",
    "version",
    "webhook",
    "webhook_id",
    "webhooks",
];

/// The function.
#[derive(Debug)]
pub(crate) struct Chaser(App);

/// The function over a table.
pub(crate) type Function = suite::Function<Chaser>;

impl Dialect for Chaser {
    type Operation = Operation;

    const NAME: &'static str = "chaser";
    const ROUTES: &'static [Route<Operation>] = ROUTES;
    const FIELDS: &'static [&'static str] = FIELDS;
    const SERIALIZES_NULL: bool = true;
    const CREATED: u16 = 200;
    const LISTS_REVOKED: bool = true;
    const WHOLE_LISTS: bool = true;
    const MARKER: Marker = Marker { parameter: "cursor", field: "next_cursor" };
    const ACCOUNTS: &'static str = "/v1/accounts/current/service-accounts";
    const ACCOUNT_BODY: &'static str = r#"{"name":"caller"}"#;
    const IDENTITY: &'static str = "/v1/accounts/current";

    fn over(latchkey: Latchkey) -> Self {
        let scopes = AllowedScopes::parse("").expect("the default");
        let secret = sample::WEBHOOK_SECRET.parse().expect("a secret");
        Self(App::new(latchkey, scopes).with_webhooks(WebhookSecret::known(secret)))
    }

    fn latchkey(&self) -> &Latchkey {
        &self.0.latchkey
    }

    async fn handle(&self, request: Request) -> Response {
        handle(&self.0, request).await
    }

    fn mints(operation: Operation) -> bool {
        use Operation::{CreateKey, CreateOwnKey, RotateKey, RotateOwnKey};
        matches!(operation, CreateKey | CreateOwnKey | RotateKey | RotateOwnKey)
    }

    /// The status decides the code.
    fn refusal(status: u16, message: &str) -> Value {
        let code = code(status);
        json!({ "code": code, "message": message, "error": { "code": code, "message": message } })
    }

    fn account(body: &Value) -> &Value {
        &body["service_account"]
    }
}

fn code(status: u16) -> &'static str {
    match status {
        400 => "invalid_request",
        401 => "unauthorized",
        403 => "forbidden",
        404 => "not_found",
        405 => "method_not_allowed",
        409 => "conflict",
        415 => "unsupported_media_type",
        _ => panic!("no event is refused with {status}"),
    }
}
