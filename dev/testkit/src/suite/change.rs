//! The differences between a request and a sample event.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::sample::SampleKey;

/// A difference from a sample event.
#[derive(Clone, Debug)]
pub struct Change(Kind);

#[derive(Clone, Debug)]
enum Kind {
    By(SampleKey),
    Header(&'static str, String),
    NoKey,
    Method(&'static str),
    Path(String),
    Below(&'static str),
    /// The path segment after this one.
    After(&'static str, String),
    Query(String),
    Body(String),
    BodyAs(&'static str, String),
    NoBody,
    Set(&'static str, Value),
}

/// Presents this key everywhere that the event has one.
pub fn by(key: SampleKey) -> Change {
    Change(Kind::By(key))
}

/// Sends this header instead of the sample's.
pub fn header(name: &'static str, value: impl Into<String>) -> Change {
    Change(Kind::Header(name, value.into()))
}

/// Presents this key with one character of its secret altered.
///
/// # Panics
///
/// If the character is already an `X`.
pub fn altered(key: SampleKey) -> Change {
    let token = key.token();
    let place = token.len() - 8;
    let altered = format!("{}X{}", &token[..place], &token[place + 1..]);
    assert_ne!(altered, token, "another character than an X");
    header("authorization", format!("Bearer {altered}"))
}

/// Presents no key.
pub fn no_key() -> Change {
    Change(Kind::NoKey)
}

/// Presents a user name and a password.
pub fn basic(name: &str, password: &str) -> Change {
    header("authorization", format!("Basic {}", STANDARD.encode(format!("{name}:{password}"))))
}

/// Uses this method.
pub fn method(method: &'static str) -> Change {
    Change(Kind::Method(method))
}

/// Requests this path.
pub fn path(path: impl Into<String>) -> Change {
    Change(Kind::Path(path.into()))
}

/// Requests a path below the sample's.
pub fn below(path: &'static str) -> Change {
    Change(Kind::Below(path))
}

/// Names this service account in the path.
pub fn account(id: &str) -> Change {
    Change(Kind::After("service-accounts", id.to_owned()))
}

/// Names the key with this ID in the path.
pub fn key_id(id: &str) -> Change {
    Change(Kind::After("keys", id.to_owned()))
}

/// Names this webhook in the path.
pub fn webhook(id: &str) -> Change {
    Change(Kind::After("webhooks", id.to_owned()))
}

/// Names this delivery in the path.
pub fn delivery(id: &str) -> Change {
    Change(Kind::After("deliveries", id.to_owned()))
}

/// Names this sample key in the path.
pub fn key(key: SampleKey) -> Change {
    key_id(key.mint().0.id.as_ref())
}

/// Sends this query string.
pub fn query(query: &str) -> Change {
    Change(Kind::Query(query.to_owned()))
}

/// Sends this body. It is JSON unless the sample has a `Content-Type`.
pub fn body(text: impl Into<String>) -> Change {
    Change(Kind::Body(text.into()))
}

/// Sends this body with this `Content-Type`.
pub fn body_as(content_type: &'static str, text: &str) -> Change {
    Change(Kind::BodyAs(content_type, text.to_owned()))
}

/// Sends no body and no `Content-Type`.
pub fn no_body() -> Change {
    Change(Kind::NoBody)
}

/// Sets a value that the event contains, by its JSON pointer.
pub fn set(pointer: &'static str, value: impl Into<Value>) -> Change {
    Change(Kind::Set(pointer, value.into()))
}

impl Change {
    /// Changes the event.
    ///
    /// # Panics
    ///
    /// If the event lacks the value to change.
    pub(super) fn apply(&self, event: &mut Value) {
        match &self.0 {
            Kind::By(key) => present(event, &format!("Bearer {}", key.token())),
            Kind::Header(name, value) => set_header(event, name, Some(value)),
            Kind::NoKey => set_header(event, "authorization", None),
            Kind::Method(method) => {
                let places =
                    ["/requestContext/http/method", "/requestContext/httpMethod", "/httpMethod"];
                assert!(set_known(event, &places, method), "a method");
            }
            Kind::Path(path) => set_path(event, path),
            Kind::Below(below) => {
                let path = format!("{}/{below}", path_of(event));
                set_path(event, &path);
            }
            Kind::After(segment, id) => {
                let path = path_of(event);
                let mut segments: Vec<&str> = path.split('/').collect();
                let place = segments.iter().position(|known| known == segment).expect("a segment");
                segments[place + 1] = id;
                set_path(event, &segments.join("/"));
            }
            Kind::Query(query) => set_query(event, query),
            Kind::Body(text) => {
                event["body"] = text.as_str().into();
                if header_names(&event["headers"], "content-type").is_empty() {
                    set_header(event, "content-type", Some("application/json"));
                }
            }
            Kind::BodyAs(content_type, text) => {
                event["body"] = text.as_str().into();
                set_header(event, "content-type", Some(content_type));
            }
            Kind::NoBody => {
                let fields = event.as_object_mut().expect("an event");
                fields.remove("body").expect("a body");
                set_header(event, "content-type", None);
            }
            Kind::Set(pointer, value) => {
                *event.pointer_mut(pointer).expect(pointer) = value.clone();
            }
        }
    }
}

/// Sets those of `places` that the event contains, and returns whether there is any.
fn set_known(event: &mut Value, places: &[&str], text: &str) -> bool {
    let mut found = false;
    for place in places {
        if let Some(value) = event.pointer_mut(place) {
            *value = text.into();
            found = true;
        }
    }
    found
}

fn path_of(event: &Value) -> String {
    let path = event.pointer("/rawPath").or_else(|| event.pointer("/path"));
    path.and_then(Value::as_str).expect("a path").to_owned()
}

fn set_path(event: &mut Value, path: &str) {
    assert!(set_known(event, &["/rawPath", "/requestContext/http/path", "/path"], path), "a path");
}

/// Puts `bearer` everywhere that the event has a key. An authorizer event has several places.
fn present(event: &mut Value, bearer: &str) {
    if event["authorizationToken"].is_string() {
        event["authorizationToken"] = bearer.into();
    }
    if event["identitySource"].is_array() {
        event["identitySource"] = json!([bearer]);
    }
    if event["headers"].is_object() {
        set_header(event, "authorization", Some(bearer));
    }
}

/// Returns the spellings of `name` in `headers`.
fn header_names(headers: &Value, name: &str) -> Vec<String> {
    let names = headers.as_object().into_iter().flat_map(Map::keys);
    names.filter(|known| known.eq_ignore_ascii_case(name)).cloned().collect()
}

/// Sets or removes a header, in `headers` and, if the event contains it, in `multiValueHeaders`.
fn set_header(event: &mut Value, name: &str, value: Option<&str>) {
    for (place, listed) in [("headers", false), ("multiValueHeaders", true)] {
        if !event[place].is_object() {
            continue;
        }
        let known = header_names(&event[place], name);
        let headers = event[place].as_object_mut().expect("headers");
        for known in &known {
            headers.remove(known);
        }
        if let Some(value) = value {
            let name = known.first().map_or(name, String::as_str).to_owned();
            headers.insert(name, if listed { json!([value]) } else { value.into() });
        }
    }
}

/// Sets the query: payload 2.0 contains it as one string, payload 1.0 as parameters.
fn set_query(event: &mut Value, query: &str) {
    if event["rawQueryString"].is_string() {
        event["rawQueryString"] = query.into();
        return;
    }
    assert!(!query.contains(['%', '+']), "parameters that need no decoding");
    let (mut single, mut multi) = (json!({}), json!({}));
    for (name, value) in query.split('&').map(|pair| pair.split_once('=').expect("a value")) {
        // Of several values, the last one counts.
        single[name] = value.into();
        match multi[name].as_array_mut() {
            Some(values) => values.push(value.into()),
            None => multi[name] = json!([value]),
        }
    }
    event["queryStringParameters"] = single;
    event["multiValueQueryStringParameters"] = multi;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(changes: &[Change], mut event: Value) -> Value {
        changes.iter().for_each(|change| change.apply(&mut event));
        event
    }

    #[test]
    fn payload_1_0_has_each_header_and_parameter_twice() {
        let event = json!({
            "headers": { "Authorization": "Bearer a", "Content-Type": "text/plain" },
            "multiValueHeaders": { "Authorization": ["Bearer a"], "Content-Type": ["text/plain"] },
            "body": "a",
        });
        let changes =
            [header("authorization", "Bearer b"), no_body(), query("limit=1&limit=2&marker=m")];
        let expected = json!({
            "headers": { "Authorization": "Bearer b" },
            "multiValueHeaders": { "Authorization": ["Bearer b"] },
            "queryStringParameters": { "limit": "2", "marker": "m" },
            "multiValueQueryStringParameters": { "limit": ["1", "2"], "marker": ["m"] },
        });
        assert_eq!(changed(&changes, event), expected);
    }

    #[test]
    fn a_key_is_presented_wherever_an_event_has_one() {
        let bearer = format!("Bearer {}", SampleKey::Other.token());
        let event = json!({ "authorizationToken": "a", "identitySource": ["a"], "headers": {} });
        let expected = json!({
            "authorizationToken": bearer,
            "identitySource": [bearer],
            "headers": { "authorization": bearer },
        });
        assert_eq!(changed(&[by(SampleKey::Other)], event), expected);
    }

    #[test]
    fn a_path_names_another_account_and_another_key() {
        let event = json!({ "rawPath": "/v1/service-accounts/A/keys/B/rotate" });
        let changed = changed(&[account("C"), key_id("D"), below("e")], event);
        assert_eq!(changed["rawPath"], "/v1/service-accounts/C/keys/D/rotate/e");
    }

    #[test]
    fn a_body_is_json_unless_the_sample_says_otherwise() {
        for (headers, expected) in [
            (json!({}), "application/json"),
            (json!({ "content-type": "text/plain" }), "text/plain"),
        ] {
            let event = changed(&[body("{}")], json!({ "headers": headers }));
            assert_eq!(
                (&event["body"], &event["headers"]["content-type"]),
                (&json!("{}"), &json!(expected))
            );
        }
    }

    #[test]
    #[should_panic(expected = "/requestContext/stage")]
    fn what_an_event_lacks_is_not_set() {
        changed(&[set("/requestContext/stage", "prod")], json!({}));
    }
}
