//! An authorizer's event, in all of its forms.

use std::collections::BTreeMap;

use latchkey_http::bearer;
use serde::Deserialize;

/// An authorizer event. Every part is optional, so that every API Gateway or AppSync event parses.
///
/// Sources:
/// - <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html>
/// - <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-input.html>
/// - <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-lambda-auth.html>
/// - <https://docs.aws.amazon.com/appsync/latest/devguide/security-authz.html>
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Event {
    version: Option<String>,
    headers: Option<BTreeMap<String, Option<String>>>,
    multi_value_headers: Option<BTreeMap<String, Option<Vec<String>>>>,
    // HTTP APIs, payload 2.0.
    route_arn: Option<String>,
    route_key: Option<String>,
    // HTTP APIs with payload 1.0, REST APIs, and WebSocket APIs, which send only the ARN.
    method_arn: Option<String>,
    http_method: Option<String>,
    resource: Option<String>,
    // `TOKEN` authorizers of REST APIs: the whole value of the header that they watch. AppSync: the whole
    // value of `Authorization`.
    authorization_token: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    request_context: Option<RequestContext>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RequestContext {
    // HTTP APIs, payload 2.0.
    http: Option<Http>,
    // WebSocket APIs send it only here.
    route_key: Option<String>,
    // AppSync sends it only here.
    api_id: Option<String>,
    // AppSync Event APIs, such as `EVENT_PUBLISH`.
    operation: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Http {
    method: Option<String>,
}

/// The name for an AppSync GraphQL API, which has no routes.
pub(crate) const APP_SYNC: &str = "$appsync";

/// The only WebSocket API route that API Gateway authorizes.
pub(crate) const CONNECT: &str = "$connect";

/// The HTTP API route that matches when no other does.
pub(crate) const DEFAULT: &str = "$default";

impl Event {
    /// Whether this is payload 2.0, the only version that accepts a simple response.
    pub(crate) fn is_v2(&self) -> bool {
        self.version.as_deref() == Some("2.0")
    }

    /// The ARN of the requested method or route.
    pub(crate) fn arn(&self) -> Option<&str> {
        self.route_arn.as_deref().or(self.method_arn.as_deref())
    }

    /// Whether the event is from an AppSync GraphQL API.
    ///
    /// An Event API expects another response, so it gets none.
    pub(crate) fn is_app_sync(&self) -> bool {
        let of_app_sync =
            |context: &RequestContext| context.api_id.is_some() && context.operation.is_none();
        self.version.is_none()
            && self.kind.is_none()
            && self.arn().is_none()
            && self.authorization_token.is_some()
            && self.request_context.as_ref().is_some_and(of_app_sync)
    }

    /// The names of the requested route, the most specific one first.
    ///
    /// For example, `POST /orders`, then `ANY /orders`. Empty if the event names no route, as with a
    /// `TOKEN` authorizer.
    ///
    /// The path is the one that the API declares, not the one requested: the gateway has already matched
    /// it, however the caller spelled it. The method is the request's, because a route for all methods is
    /// declared as `ANY`.
    pub(crate) fn routes(&self) -> Vec<String> {
        if self.is_app_sync() {
            return vec![APP_SYNC.to_owned()];
        }
        let context = self.request_context.as_ref();
        let asked = context.and_then(|context| context.http.as_ref()?.method.as_ref());
        match (&self.route_key, &self.http_method, &self.resource) {
            (Some(route), _, _) => match route.split_once(' ') {
                Some((declared, path)) => {
                    named([asked.map_or(declared, String::as_str), declared], path)
                }
                // `$default` contains no path.
                None => vec![route.clone()],
            },
            (None, _, Some(route)) if route == DEFAULT => vec![route.clone()],
            (None, Some(method), Some(path)) => named([method], path),
            (None, None, None) => {
                let route = context.and_then(|context| context.route_key.clone());
                route.filter(|route| route == CONNECT).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    /// The key in the header `name`; `None` if the header is missing or repeated.
    ///
    /// `Authorization` accepts only `Bearer <key>`; any other header accepts the key with or without
    /// `Bearer`. AppSync passes on only `Authorization`, and its clients send their tokens bare.
    pub(crate) fn credential(&self, name: &str) -> Option<&str> {
        let app_sync = self.is_app_sync();
        let value = if app_sync || self.kind.as_deref() == Some("TOKEN") {
            self.authorization_token.as_deref()?
        } else {
            self.header(name)?
        };
        let bare = app_sync || !name.eq_ignore_ascii_case("Authorization");
        let value = value.trim();
        let alone = bare && !value.is_empty() && !value.contains(' ');
        bearer::token(value).or_else(|| alone.then_some(value))
    }

    fn header(&self, name: &str) -> Option<&str> {
        let named = |known: &String| known.eq_ignore_ascii_case(name);
        let multi = self.multi_value_headers.iter().flatten().filter(|(known, _)| named(known));
        let repeated = multi.flat_map(|(_, values)| values.iter().flatten()).count() > 1;
        let mut single = self.headers.iter().flatten().filter(|(known, _)| named(known));
        match (single.next(), single.next()) {
            (Some((_, value)), None) if !repeated => value.as_deref(),
            _ => None,
        }
    }
}

/// `path` with each of `methods`, and with `ANY`, which stands for all of them.
///
/// Methods are compared in upper case, as they are listed: a backend may treat `post` as `POST`, and `ANY`
/// must not match that.
fn named<const N: usize>(methods: [&str; N], path: &str) -> Vec<String> {
    let methods = methods.into_iter().chain(["ANY"]);
    methods.map(|method| format!("{} {path}", method.to_ascii_uppercase())).collect()
}
