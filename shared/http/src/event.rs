//! Conversion of API Gateway and function URL events to requests, and of responses back.
//!
//! `lambda_http` (1.3.2) is not used, because its conversion panics on input that a client controls: a query
//! with a space, a quote, or an angle bracket is not a valid URL. With `panic = "abort"`, that would end the
//! environment.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use latchkey::audit::Origin;
use serde::{Deserialize, Serialize};

use crate::request::Request;
use crate::response::Response;

/// An event of an HTTP API or a function URL (payload 2.0), or of a REST API (payload 1.0).
///
/// Every field is optional, so that every event of these services can be parsed.
/// Source: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Event {
    // Missing in events of REST APIs.
    version: Option<String>,
    // Payload 2.0.
    raw_path: Option<String>,
    raw_query_string: Option<String>,
    // Payload 1.0.
    path: Option<String>,
    http_method: Option<String>,
    multi_value_headers: Option<BTreeMap<String, Option<Vec<String>>>>,
    multi_value_query_string_parameters: Option<BTreeMap<String, Option<Vec<String>>>>,
    // Both.
    headers: Option<BTreeMap<String, Option<String>>>,
    body: Option<String>,
    is_base64_encoded: Option<bool>,
    request_context: Option<EventContext>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct EventContext {
    stage: Option<String>,
    // Payload 2.0.
    http: Option<EventHttp>,
    // Payload 1.0.
    identity: Option<EventHttp>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct EventHttp {
    method: Option<String>,
    source_ip: Option<String>,
    user_agent: Option<String>,
}

/// The payload format of an event and its response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// REST APIs.
    V1,
    /// HTTP APIs and function URLs.
    V2,
}

impl Event {
    /// Returns the event's payload format.
    pub fn payload(&self) -> Payload {
        // Uses the version rather than other fields, because `cargo lambda watch` also sends an `httpMethod`.
        if self.version.as_deref() == Some("2.0") { Payload::V2 } else { Payload::V1 }
    }
}

impl From<Event> for Request {
    fn from(event: Event) -> Self {
        let context = event.request_context.unwrap_or_default();
        let EventHttp { method, source_ip, user_agent } =
            context.http.or(context.identity).unwrap_or_default();
        let method = method.or(event.http_method);
        let path = event.raw_path.or(event.path).unwrap_or_default();
        let method = method.and_then(|method| Method::from_bytes(method.as_bytes()).ok());
        let multi = event.multi_value_query_string_parameters;
        Self {
            // A missing or malformed method becomes `CONNECT`, which only `ANY` routes match.
            method: method.unwrap_or(Method::CONNECT),
            path,
            query: event.raw_query_string.unwrap_or_else(|| encode_query(multi)),
            stage: context.stage,
            headers: headers(event.headers, event.multi_value_headers),
            body: body(event.body, event.is_base64_encoded.unwrap_or(false)),
            origin: Origin::new(None, source_ip.as_deref(), user_agent.as_deref()),
        }
    }
}

fn body(body: Option<String>, base64: bool) -> Option<Vec<u8>> {
    let body = body.unwrap_or_default();
    if base64 { STANDARD.decode(&body).ok() } else { Some(body.into_bytes()) }
}

/// Encodes the query parameters. Payload 1.0 sends them decoded, each with all of its values.
fn encode_query(multi: Option<BTreeMap<String, Option<Vec<String>>>>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, values) in multi.unwrap_or_default() {
        for value in values.unwrap_or_default() {
            query.append_pair(&name, &value);
        }
    }
    query.finish()
}

/// Reads the headers. Payload 1.0 sends each header twice, and only the list with all values is used.
fn headers(
    single: Option<BTreeMap<String, Option<String>>>,
    multi: Option<BTreeMap<String, Option<Vec<String>>>>,
) -> HeaderMap {
    let all: Vec<(String, String)> = match multi.filter(|multi| !multi.is_empty()) {
        Some(multi) => multi
            .into_iter()
            .flat_map(|(name, values)| {
                values.unwrap_or_default().into_iter().map(move |value| (name.clone(), value))
            })
            .collect(),
        None => single
            .unwrap_or_default()
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect(),
    };
    let mut headers = HeaderMap::with_capacity(all.len());
    for (name, value) in all {
        // Headers that are not valid in HTTP are dropped.
        let name = HeaderName::from_bytes(name.as_bytes());
        let value = HeaderValue::from_bytes(value.as_bytes());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    headers
}

/// A response in the form that API Gateway and function URLs expect.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EventResponse {
    status_code: u16,
    headers: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    is_base64_encoded: bool,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    payload_v2: Option<PayloadV2>,
}

/// Fields that tools for payload 2.0 require, such as `cargo lambda watch`. A REST API does not know
/// `cookies`.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct PayloadV2 {
    multi_value_headers: BTreeMap<String, String>,
    cookies: [String; 0],
}

impl EventResponse {
    /// Creates `response` in the format of `payload`.
    pub fn new(response: Response, payload: Payload) -> Self {
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = response.headers.iter().map(|(name, value)| (name.to_string(), text(value)));
        Self {
            status_code: response.status.as_u16(),
            headers: headers.collect(),
            body: (!response.body.is_empty()).then_some(response.body),
            is_base64_encoded: false,
            payload_v2: (payload == Payload::V2).then(PayloadV2::default),
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_lambda_events::apigw::ApiGatewayV2httpResponse;
    use aws_lambda_events::encodings::Body;
    use http::StatusCode;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn request(event: Value) -> Request {
        serde_json::from_value::<Event>(event).expect("an event").into()
    }

    #[test]
    fn each_payload_gives_the_same_request() {
        let http_api = request(json!({
            "version": "2.0", "rawPath": "/prod/a/b", "headers": {"x-one": "1"}, "body": "{}",
            "rawQueryString": "a=1&a=%20",
            "requestContext": {"stage": "prod", "http": {
                "method": "POST", "sourceIp": "192.0.2.1", "userAgent": "curl/8.0\n",
            }},
        }));
        let rest_api = request(json!({
            "path": "/prod/a/b", "httpMethod": "POST", "headers": {"X-One": "1"},
            "multiValueHeaders": {"X-One": ["1"]}, "body": "e30=", "isBase64Encoded": true,
            "queryStringParameters": {"a": " "}, "multiValueQueryStringParameters": {"a": ["1", " "]},
            "requestContext": {"stage": "prod", "identity": {
                "sourceIp": "192.0.2.1", "userAgent": "curl/8.0\n",
            }},
        }));
        for request in [http_api, rest_api] {
            assert_eq!(request.method, Method::POST);
            assert_eq!(request.path, "/prod/a/b");
            assert_eq!(request.stage.as_deref(), Some("prod"));
            assert_eq!(request.headers["x-one"], "1");
            assert_eq!(request.body.as_deref(), Some(&b"{}"[..]));
            assert_eq!(request.origin.source_ip.as_deref(), Some("192.0.2.1"));
            assert_eq!(request.origin.user_agent.as_deref(), Some("curl/8.0 "));
            let query = form_urlencoded::parse(request.query.as_bytes());
            let query: Vec<(String, String)> = query.into_owned().collect();
            assert_eq!(query, [("a".into(), "1".into()), ("a".into(), " ".into())]);
        }
    }

    #[test]
    fn what_breaks_an_url_or_a_header_breaks_no_request() {
        let request = request(json!({
            "rawPath": "/a", "body": "!!!", "isBase64Encoded": true,
            "headers": {"host": "[", "x-forwarded-proto": "a b", "x-é": "1", "x-nul": "\u{0}", "x-null": null, "x-utf8": "é"},
            "requestContext": {"http": {"method": "PO ST"}},
        }));
        assert_eq!(request.headers.len(), 3);
        assert_eq!(request.method, Method::CONNECT);
        assert_eq!(request.body, None);
    }

    #[test]
    fn every_value_of_a_repeated_header_counts() {
        let request = request(json!({
            "headers": {"authorization": "b"}, "multiValueHeaders": {"authorization": ["a", "b"]},
        }));
        assert_eq!(request.headers.get_all("authorization").iter().count(), 2);
    }

    fn response() -> Response {
        let headers = HeaderMap::from_iter([(
            HeaderName::from_static("x-one"),
            HeaderValue::from_static("1"),
        )]);
        Response { status: StatusCode::OK, headers, body: "{}".to_owned() }
    }

    #[test]
    fn a_response_is_what_tools_for_payload_2_0_read() {
        let event = serde_json::to_value(EventResponse::new(response(), Payload::V2));
        let event = event.expect("JSON");
        let read: ApiGatewayV2httpResponse = serde_json::from_value(event).expect("a response");
        assert_eq!((read.status_code, read.is_base64_encoded), (200, false));
        assert_eq!(read.headers["x-one"], "1");
        assert_eq!(read.body, Some(Body::Text("{}".to_owned())));
    }

    #[test]
    fn a_rest_api_gets_only_the_fields_that_it_knows() {
        let event = serde_json::to_value(EventResponse::new(response(), Payload::V1));
        let expected = json!({
            "statusCode": 200, "headers": {"x-one": "1"}, "body": "{}", "isBase64Encoded": false,
        });
        assert_eq!(event.expect("JSON"), expected);
    }

    #[test]
    fn the_version_tells_the_payloads_apart() {
        let payload =
            |event: Value| serde_json::from_value::<Event>(event).expect("an event").payload();
        assert_eq!(payload(json!({"httpMethod": "POST"})), Payload::V1);
        assert_eq!(payload(json!({"version": "1.0"})), Payload::V1);
        assert_eq!(payload(json!({"version": "2.0", "httpMethod": "POST"})), Payload::V2);
    }

    proptest! {
        #[test]
        fn no_event_panics(path in "\\PC{0,20}", name in "\\PC{0,8}", value in "\\PC{0,8}", method in "\\PC{0,8}", body in "\\PC{0,20}", base64: bool) {
            let _ = request(json!({
                "rawPath": path, "headers": {name: value}, "body": body, "isBase64Encoded": base64,
                "requestContext": {"http": {"method": method}},
            }));
        }
    }
}
