//! The event of an authorizer, in all of its forms.

use std::collections::HashMap;

use serde::Deserialize;

/// An authorizer event. Every part is optional, so that no event of API Gateway fails to parse.
///
/// Sources: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html>
/// and <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-input.html>
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Event {
    version: Option<String>,
    headers: Option<HashMap<String, Option<String>>>,
    multi_value_headers: Option<HashMap<String, Option<Vec<String>>>>,
    // HTTP APIs, payload 2.0.
    route_arn: Option<String>,
    route_key: Option<String>,
    // HTTP APIs with payload 1.0, and REST APIs.
    method_arn: Option<String>,
    http_method: Option<String>,
    resource: Option<String>,
    // TOKEN authorizers of REST APIs: the whole value of the header that they watch.
    authorization_token: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
}

impl Event {
    /// Whether this is payload 2.0, the only one that a simple response answers.
    pub(crate) fn is_v2(&self) -> bool {
        self.version.as_deref() == Some("2.0")
    }

    /// The ARN of what is asked for.
    pub(crate) fn arn(&self) -> Option<&str> {
        self.route_arn.as_deref().or(self.method_arn.as_deref())
    }

    /// The route as the API declares it, such as `GET /orders/{id}`; a `TOKEN` authorizer is not told.
    ///
    /// Declared and not as requested: the gateway has matched it, however the path was spelt.
    pub(crate) fn route(&self) -> Option<String> {
        match (&self.route_key, &self.http_method, &self.resource) {
            (Some(route), _, _) => Some(route.clone()),
            (None, Some(method), Some(resource)) => Some(format!("{method} {resource}")),
            _ => None,
        }
    }

    /// The key presented in the header `name`; `None` if there is none, or more than one.
    ///
    /// `Authorization` takes `Bearer <key>` only, any other header the key with or without `Bearer`.
    pub(crate) fn credential(&self, name: &str) -> Option<&str> {
        let value = if self.kind.as_deref() == Some("TOKEN") {
            self.authorization_token.as_deref()?
        } else {
            self.header(name)?
        };
        let value = value.trim();
        match value.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("Bearer") => {
                Some(token.trim_start())
            }
            None if !name.eq_ignore_ascii_case("Authorization") && !value.is_empty() => Some(value),
            _ => None,
        }
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
