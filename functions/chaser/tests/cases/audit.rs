//! Listing the events of the audit trail.

use latchkey_testkit::rows;
use latchkey_testkit::sample::SampleKey::{Other, Reader, Root};
use latchkey_testkit::suite::change::{by, query};
use latchkey_testkit::suite::expectations::{Refusal, Success};
use latchkey_testkit::suite::refusals::ROOT_KEY;

use super::{OTHER_SELECTED, select};

const SCOPE: &str = "this key lacks the scope `audit.read`";
const LIMIT: &str = "`limit` must be a whole number from 0 to 500";
const STATUS: &str = "`status` must be `success` or `failure`";
const BEFORE: &str =
    "`before` must be an RFC 3339 date-time with an offset, such as `2026-06-01T12:00:00Z`";

pub(crate) fn successes() -> Vec<Success> {
    let nothing = r#"{"events":[]}"#;
    // The sample data was written by an operator without a known AWS identity, and no request.
    let key = r#"{"id":"*","actor_type":"operator","actor_id":"","action":"api_key.create","resource_type":"api_key","resource_id":"*","status":"success","summary":"Created API key *","created_at":"2025-12-31T23:59:59.*","metadata":{"organization_id":"sample","service_account_id":"*","changes":{"name":{"new":"sample"}}}}"#;
    let organization = |id: &str, name: &str| {
        format!(
            r#"{{"events":[{{"id":"*","actor_type":"operator","actor_id":"","action":"organization.create","resource_type":"organization","resource_id":"{id}","status":"success","summary":"Created organization {id}","created_at":"2025-12-31T23:59:59.*","metadata":{{"organization_id":"{id}","changes":{{"name":{{"new":"{name}"}}}}}}}}]}}"#
        )
    };
    rows! { "list-events";
        _ => 200, format!(r#"{{"events":[{key},{key}]}}"#);
        "limit-0" [query("limit=0")] => 200, nothing.to_owned();
        "failures" [query("status=failure")] => 200, nothing.to_owned();
        "later-action" [query("action=webhook.pause")] => 200, nothing.to_owned();
        "before-all" [query("before=2025-12-31T23:59:59Z&limit=500")] => 200, nothing.to_owned();
        "organization" [query("resource_type=organization&status=success")]
            => 200, organization("sample", "Sample Organization");
        "other-organization" [by(Other), query("resource_type=organization")]
            => 200, organization("other", "Other Organization");
    }
}

pub(crate) fn refusals() -> Vec<Refusal> {
    rows! { "list-events";
        "negative-limit" [query("limit=-1")] => 400, LIMIT;
        "high-limit" [query("limit=501")] => 400, LIMIT;
        "empty-limit" [query("limit=")] => 400, LIMIT;
        "two-limits" [query("limit=1&limit=2")]
            => 400, "the parameter `limit` must be sent exactly once";
        "date" [query("before=2026-01-01")] => 400, BEFORE;
        "time-without-offset" [query("before=2026-01-01T00:00:00")] => 400, BEFORE;
        "empty-time" [query("before=")] => 400, BEFORE;
        "unknown-status" [query("status=failed")] => 400, STATUS;
        "empty-status" [query("status=")] => 400, STATUS;
        "two-actions" [query("action=api_key.create&action=api_key.revoke")]
            => 400, "the parameter `action` must be sent exactly once";
        "two-resource-types" [query("resource_type=api_key&resource_type=api_key")]
            => 400, "the parameter `resource_type` must be sent exactly once";
        "missing-scope" [by(Reader)] => 403, SCOPE;
        "missing-scope-failures" [by(Reader), query("status=failure")] => 403, SCOPE;
        "root-key" [by(Root)] => 403, ROOT_KEY;
        "other-account-selected" [select("other")] => 403, OTHER_SELECTED;
    }
}
