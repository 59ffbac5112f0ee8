//! `/v1/keys`: the keys of the caller's own service account.

use latchkey_testkit::rows;
use latchkey_testkit::sample::ACCOUNT;
use latchkey_testkit::suite::expectations::Success;

pub(crate) fn successes() -> Vec<Success> {
    let made = |name: &str, scopes: &str| {
        format!(
            r#"{{"full_access":false,"id":"*","key":"sk_{ACCOUNT}_*","key_prefix":"sk_{ACCOUNT}_*","name":"{name}","scopes":{scopes}}}"#
        )
    };
    let key = |id: &str, scopes: &str, full_access, expires_at: &str, revoked_at: &str| {
        let revoked = if id == "018HULLP3I1YVBWF" { expires_at } else { revoked_at };
        format!(
            r#"{{"id":"{id}","name":"sample","key_prefix":"sk_{ACCOUNT}_{id}_","scopes":{scopes},"full_access":{full_access},"created_at":"2026-01-01T00:00:00.000Z","expires_at":{expires_at},"last_used_at":null,"revoked":{revoked},"revoked_at":{revoked_at}}}"#
        )
    };
    let (end, ended) = (r#""2035-12-30T00:00:00.000Z""#, r#""2025-12-31T23:59:59.000Z""#);
    let keys = [
        key("018HULLP3HG1YG7U", r#"["keys.write","sessions.read"]"#, false, "null", "null"),
        key("018HULLP3HH0EIZ2", r#"["keys.read"]"#, false, end, "null"),
        key("018HULLP3HTUC8FM", "[]", true, "null", "null"),
        key("018HULLP3HWYG9HJ", "[]", true, "null", r#""2026-01-01T00:00:00.000Z""#),
        key("018HULLP3I1YVBWF", "[]", true, ended, "null"),
    ];
    let list = format!(r#"{{"keys":[{}],"next_cursor":null}}"#, keys.join(","));
    [
        rows! { "list-own-keys";
            _ => 200, list;
        },
        rows! { "create-own-key";
            // The request sends the name with surrounding spaces.
            _ => 200, made("ci", r#"["sessions.read"]"#);
        },
        rows! { "rotate-own-key";
            _ => 200, made("sample", r#"["keys.write","sessions.read"]"#);
        },
        rows! { "revoke-own-key";
            _ => 204, String::new();
        },
    ]
    .concat()
}
