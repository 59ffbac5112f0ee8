//! Webhooks and their deliveries.

use latchkey_testkit::rows;
use latchkey_testkit::sample::SampleKey::{Other, Reader, Root};
use latchkey_testkit::sample::{DELIVERED_DELIVERY, WEBHOOK};
use latchkey_testkit::suite::change::{body, by, delivery, no_body, query, webhook};
use latchkey_testkit::suite::expectations::{Refusal, Success};
use latchkey_testkit::suite::refusals::ROOT_KEY;

use super::{FOREIGN_CURSOR, NOT_OF_THIS_LIST, OTHER_SELECTED, select};

const READS: &str = "this key lacks the scope `webhooks.read`";
const WRITES: &str = "this key lacks the scope `webhooks.write`";
const NO_WEBHOOK: &str = "this webhook does not exist";
const NO_DELIVERY: &str = "this delivery does not exist";
const UNKNOWN_WEBHOOK: &str = "webhook `0000` does not exist";
const UNKNOWN_DELIVERY: &str = "delivery `0000` does not exist; deliveries are kept for 30 days";
const FOREIGN_WEBHOOK: &str = "webhook `SAMPLEWEBHOOK001` does not exist";
const FOREIGN_DELIVERY: &str =
    "delivery `SAMPLEDELIVERY001` does not exist; deliveries are kept for 30 days";
const LIMIT: &str = "`limit` must be a whole number from 1 to 100";
const EVENT_TYPE: &str = "`events` must contain event types such as `key.revoked`, or only `*`, not \"root_key.created\"";

/// The rest of an item of this webhook.
const SAMPLE_WEBHOOK: &str = r#"{"id":"SAMPLEWEBHOOK001","description":"Made by the samples.","url":"https://hooks.example.com/latchkey","events":["organization.disabled"],"signing_secret_preview":"whsec_*","disabled_at":null,"disabled_reason":null,"created_at":"2026-01-01T00:00:00.000Z","updated_at":"2026-01-01T00:00:00.000Z"}"#;

const PAYLOAD: &str = r#"{"type":"organization.disabled","timestamp":"2026-01-01T00:00:00.000000Z","data":{"version":1,"id":"1767225600000000-5a3c1e07","time":"2026-01-01T00:00:00.000000Z","organization":"sample","action":"organization.disable","actor":{"type":"operator"},"resource":{"type":"organization","id":"sample"},"request":{},"changes":{}}}"#;

/// A delivery of the sample webhook: its ID, its status and the outcome of its attempts, and its times.
fn sample_delivery(id: &str, outcome: &str, times: &str) -> String {
    format!(
        r#"{{"id":"{id}","webhook_id":"SAMPLEWEBHOOK001","event_id":"1767225600000000-5a3c1e07","event_type":"organization.disabled","resource_type":"organization","resource_id":"sample","target_url":"https://hooks.example.com/latchkey",{outcome},"payload":{PAYLOAD},{times},"created_at":"2026-01-01T00:00:00.000Z","updated_at":"2026-01-01T00:00:00.000Z"}}"#
    )
}

pub(crate) fn successes() -> Vec<Success> {
    let created = |description: &str, url: &str, events: &str| {
        format!(
            r#"{{"webhook":{{"id":"*","description":"{description}","url":"{url}","events":[{events}],"signing_secret_preview":"whsec_*","disabled_at":null,"disabled_reason":null,"created_at":"2026-01-01T00:00:00.000Z","updated_at":"2026-01-01T00:00:00.000Z"}},"signing_secret":"whsec_*"}}"#
        )
    };
    let failed = r#""status":"failed","attempts":1,"last_http_status":500,"last_error":"the endpoint responded with 500""#;
    let delivered = r#""status":"delivered","attempts":1,"last_http_status":204,"last_error":null"#;
    let pending = r#""status":"pending","attempts":0,"last_http_status":null,"last_error":null"#;
    let discarded = r#""status":"discarded","attempts":1,"last_http_status":500,"last_error":"the endpoint responded with 500""#;
    let now = r#""2026-01-01T00:00:00.000Z""#;
    let times = |next: &str, delivered: &str, replayed: &str, discarded: &str, from: &str| {
        format!(
            r#""next_attempt_at":{next},"delivered_at":{delivered},"replayed_at":{replayed},"discarded_at":{discarded},"replayed_from_delivery_id":{from}"#
        )
    };
    let none = "null";
    let failed = sample_delivery("SAMPLEDELIVERY001", failed, &times(none, none, none, none, none));
    let delivered =
        sample_delivery("SAMPLEDELIVERY002", delivered, &times(none, now, none, none, none));
    let list = |deliveries: &str, cursor: &str| {
        format!(r#"{{"deliveries":[{deliveries}],"next_cursor":{cursor}}}"#)
    };
    let discarded =
        sample_delivery("SAMPLEDELIVERY001", discarded, &times(none, none, none, now, none));
    let replay = |from: &str| {
        let from = format!("\"{from}\"");
        sample_delivery("*", pending, &times(now, none, none, none, &from))
    };
    let envelope = |delivery: &str| format!(r#"{{"delivery":{delivery}}}"#);
    let url = "https://hooks.example.com/keys?team=7";
    [
        rows! { "list-webhooks";
            _ => 200, format!(r#"{{"webhooks":[{SAMPLE_WEBHOOK}]}}"#);
            "other-organization" [by(Other)] => 200, r#"{"webhooks":[]}"#.to_owned();
        },
        rows! { "create-webhook";
            _ => 200, created("revoked keys", url, r#""key.revoked","key.leaked""#);
            "all-events" [body(r#"{"url":"https://1.1.1.1:8443","description":null}"#)]
                => 200, created("", "https://1.1.1.1:8443", r#""*""#);
        },
        rows! { "list-deliveries";
            _ => 200, list(&failed, none);
            "all" [query("")] => 200, list(&format!("{delivered},{failed}"), none);
            "first" [query("limit=1")] => 200, list(&delivered, "\"*\"");
            "of-webhook" [query("webhook_id=SAMPLEWEBHOOK001&status=delivered")]
                => 200, list(&delivered, none);
            "of-unknown-webhook" [query("webhook_id=0000")] => 200, list("", none);
            "pending" [query("status=pending&limit=100")] => 200, list("", none);
            "other-organization" [by(Other)] => 200, list("", none);
        },
        rows! { "get-delivery";
            _ => 200, envelope(&failed);
            "delivered" [delivery(DELIVERED_DELIVERY)] => 200, envelope(&delivered);
        },
        rows! { "discard-delivery";
            _ => 200, envelope(&discarded);
            // Nothing changes.
            "again" [query("again=1")] => 200, envelope(&discarded);
        },
        rows! { "replay-delivery";
            _ => 200, envelope(&replay("SAMPLEDELIVERY001"));
            "delivered" [delivery(DELIVERED_DELIVERY)]
                => 200, envelope(&replay("SAMPLEDELIVERY002"));
        },
        rows! { "delete-webhook";
            _ => 204, String::new();
        },
    ]
    .concat()
}

pub(crate) fn refusals() -> Vec<Refusal> {
    [of_webhooks(), of_deliveries()].concat()
}

fn of_webhooks() -> Vec<Refusal> {
    [
        rows! { "list-webhooks";
            "missing-scope" [by(Reader)] => 403, READS;
            "root-key" [by(Root)] => 403, ROOT_KEY;
            "other-account-selected" [select("other")] => 403, OTHER_SELECTED;
        },
        rows! { "create-webhook";
            "missing-url" [body("{}")] => 400, "`url` is required";
            "empty-body" [no_body()] => 400, "`url` is required";
            "null-url" [body(r#"{"url":null}"#)] => 400, "`url` must be a string, not null";
            "http" [body(r#"{"url":"http://hooks.example.com/"}"#)]
                => 400, "`url` must start with `https://`";
            "metadata-address" [body(r#"{"url":"https://169.254.169.254/latest/meta-data/"}"#)]
                => 400, "`url` must not have a private, loopback, link-local, or other special address as its host";
            "short-host" [body(r#"{"url":"https://localhost/"}"#)]
                => 400, "`url` must have a full host name, such as `hooks.example.com`";
            "password" [body(r#"{"url":"https://me:secret@hooks.example.com/"}"#)]
                => 400, "`url` must not contain a user or a password; check the signature of each delivery instead";
            "port" [body(r#"{"url":"https://hooks.example.com:25/"}"#)]
                => 400, "`url` must use port 443, or a port from 1024 to 65535";
            "long-description" [body(r#"{"url":"https://hooks.example.com/","description":"*"}"#.replace('*', &"d".repeat(1025)))]
                => 400, "`description` must be at most 1024 characters";
            "null-events" [body(r#"{"url":"https://hooks.example.com/","events":null}"#)]
                => 400, "`events` must be a list of strings, not null";
            "no-events" [body(r#"{"url":"https://hooks.example.com/","events":[]}"#)]
                => 400, "`events` must name an event type; leave it out to get all events";
            "number-among-events" [body(r#"{"url":"https://hooks.example.com/","events":["*",1]}"#)]
                => 400, "`events[1]` must be a string, not a number";
            "unknown-event" [body(r#"{"url":"https://hooks.example.com/","events":["key.created","root_key.created"]}"#)]
                => 400, EVENT_TYPE;
            "unknown-field" [body(r#"{"url":"https://hooks.example.com/","secret":"s"}"#)]
                => 400, "`secret` is not a field of this request; allowed fields: `url`, `description`, `events`";
            "missing-scope" [by(Reader)] => 403, WRITES;
            "root-key" [by(Root)] => 403, ROOT_KEY;
            "other-account-selected" [select("other")] => 403, OTHER_SELECTED;
        },
        rows! { "delete-webhook";
            "missing-scope" [by(Reader)] => 403, WRITES;
            "bad-id" [webhook("sample-webhook")] => 404, NO_WEBHOOK;
            "no-id" [webhook("deliveries")] => 404, NO_WEBHOOK;
            "unknown" [webhook("0000")] => 404, UNKNOWN_WEBHOOK;
            "other-organization" [by(Other), webhook(WEBHOOK)] => 404, FOREIGN_WEBHOOK;
        },
    ]
    .concat()
}

fn of_deliveries() -> Vec<Refusal> {
    [
        rows! { "list-deliveries";
            "high-limit" [query("limit=101")] => 400, LIMIT;
            "limit-0" [query("limit=0")] => 400, LIMIT;
            "unknown-status" [query("status=sent")]
                => 400, "`status` must be `pending`, `delivered`, `failed`, or `discarded`";
            "two-statuses" [query("status=failed&status=failed")]
                => 400, "the parameter `status` must be sent exactly once";
            "two-webhooks" [query("webhook_id=A&webhook_id=B")]
                => 400, "the parameter `webhook_id` must be sent exactly once";
            "bad-webhook" [query("webhook_id=a")]
                => 400, "`webhook_id` must contain only `A-Z` and `0-9`, not 'a'";
            "foreign-cursor" [query(FOREIGN_CURSOR)] => 400, NOT_OF_THIS_LIST;
            "missing-scope" [by(Reader)] => 403, READS;
        },
        rows! { "get-delivery";
            "missing-scope" [by(Reader)] => 403, READS;
            "bad-id" [delivery("a")] => 404, NO_DELIVERY;
            "unknown" [delivery("0000")] => 404, UNKNOWN_DELIVERY;
            "other-organization" [by(Other)] => 404, FOREIGN_DELIVERY;
        },
        rows! { "replay-delivery";
            "missing-scope" [by(Reader)] => 403, WRITES;
            "bad-id" [delivery("a")] => 404, NO_DELIVERY;
            "unknown" [delivery("0000")] => 404, UNKNOWN_DELIVERY;
            "other-organization" [by(Other)] => 404, FOREIGN_DELIVERY;
        },
        rows! { "discard-delivery";
            "missing-scope" [by(Reader)] => 403, WRITES;
            "bad-id" [delivery("a")] => 404, NO_DELIVERY;
            "unknown" [delivery("0000")] => 404, UNKNOWN_DELIVERY;
            "other-organization" [by(Other)] => 404, FOREIGN_DELIVERY;
            "delivered" [delivery(DELIVERED_DELIVERY)]
                => 409, "delivery `SAMPLEDELIVERY002` cannot be discarded: it is already delivered; there is nothing to discard";
        },
    ]
    .concat()
}
