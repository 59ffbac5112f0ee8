//! Routes: a method and a path template for each operation of a dialect.

use std::borrow::Cow;

use http::Method;
use percent_encoding::percent_decode_str;

use crate::error::Error;
use crate::request::Request;

/// The endpoint of an operation: `POST /api/org/v1/service-accounts/{sa}/keys`.
#[derive(Clone, Copy, Debug)]
pub struct Route<O> {
    /// The method, in uppercase; `ANY` for all methods.
    pub method: &'static str,
    /// The path, with parameters in braces. A parameter that ends in `+`, as in `{path+}`, must be last and
    /// takes the rest of the path, at least one character.
    pub path: &'static str,
    /// The operation at this endpoint.
    pub operation: O,
}

/// Creates a route on one line of a list.
pub const fn route<O>(method: &'static str, path: &'static str, operation: O) -> Route<O> {
    Route { method, path, operation }
}

/// The operation of a request and the values of its path parameters.
#[derive(Debug)]
pub struct Match<'a, O> {
    /// The requested operation.
    pub operation: O,
    path: &'static str,
    parameters: Vec<Cow<'a, str>>,
}

impl<O> Match<'_, O> {
    /// Returns the values of the path's `N` parameters, percent-decoded, in the path's order.
    ///
    /// # Panics
    ///
    /// Panics if the route's path does not have exactly `N` parameters, because then the route does not match
    /// its handler. This does not depend on the request.
    pub fn parameters<const N: usize>(&self) -> [&str; N] {
        let values: Vec<&str> = self.parameters.iter().map(AsRef::as_ref).collect();
        let found = values.len();
        values.try_into().unwrap_or_else(|_| {
            panic!("{} has {found} parameters, but its operation takes {N}", self.path)
        })
    }
}

/// Finds the operation that `request` asks for.
///
/// A path that starts with the API's stage also matches without it, because HTTP APIs include the stage and
/// REST APIs and function URLs do not. Routes whose last parameter takes the rest of the path come after all
/// others, as in API Gateway.
///
/// # Errors
///
/// [`Error::RouteNotFound`], or [`Error::MethodNotAllowed`] if the path exists.
pub fn find<'r, O: Copy>(routes: &[Route<O>], request: &'r Request) -> Result<Match<'r, O>, Error> {
    find_path(routes, &request.method, &request.path, request.stage.as_deref())
}

fn find_path<'a, O: Copy>(
    routes: &[Route<O>],
    method: &Method,
    path: &'a str,
    stage: Option<&str>,
) -> Result<Match<'a, O>, Error> {
    let staged = stage.and_then(|stage| path.strip_prefix('/')?.strip_prefix(stage));
    let candidates = [Some(path), staged.filter(|rest| rest.starts_with('/'))];
    let mut allowed: Vec<(usize, Method)> = Vec::new();
    for greedy in [false, true] {
        for path in candidates.into_iter().flatten() {
            for route in routes.iter().filter(|route| is_greedy(route.path) == greedy) {
                let Some(parameters) = parameters(route.path, path) else { continue };
                if route.method == method.as_str() || route.method == "ANY" {
                    return Ok(Match { operation: route.operation, path: route.path, parameters });
                }
                let method = Method::from_bytes(route.method.as_bytes());
                allowed.extend(method.map(|method| (parameters.len(), method)));
            }
        }
    }
    // Those of the most specific path.
    let Some(least) = allowed.iter().map(|(parameters, _)| *parameters).min() else {
        return Err(Error::RouteNotFound);
    };
    allowed.retain(|(parameters, _)| *parameters == least);
    let allowed = allowed.into_iter().map(|(_, method)| method).collect();
    Err(Error::MethodNotAllowed { method: method.clone(), allowed })
}

/// Returns the values of `template`'s parameters in `path`, or `None` if the path does not match.
fn parameters<'a>(template: &str, path: &'a str) -> Option<Vec<Cow<'a, str>>> {
    let decode = |text| percent_decode_str(text).decode_utf8_lossy();
    let mut values = Vec::new();
    let mut left = Some(path);
    for expected in template.split('/') {
        let path = left?;
        if is_greedy(expected) {
            values.push(decode(path));
            return (!path.is_empty()).then_some(values);
        }
        let (segment, rest) =
            path.split_once('/').map_or((path, None), |(segment, rest)| (segment, Some(rest)));
        if expected.starts_with('{') {
            values.push(decode(segment));
        } else if segment != expected {
            return None;
        }
        left = rest;
    }
    left.is_none().then_some(values)
}

/// Returns whether a path, or its last segment, ends in a parameter that takes the rest.
fn is_greedy(template: &str) -> bool {
    template.ends_with("+}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTES: &[Route<u8>] = &[
        Route { method: "POST", path: "/v1/accounts/{a}/keys", operation: 1 },
        Route { method: "GET", path: "/v1/accounts/{a}/keys", operation: 2 },
        Route { method: "GET", path: "/v1/me", operation: 3 },
        Route { method: "ANY", path: "/v1/any", operation: 4 },
        Route { method: "ANY", path: "/v1/{rest+}", operation: 5 },
        Route { method: "GET", path: "/v2/{rest+}", operation: 6 },
    ];

    fn found(method: &str, path: &str, stage: Option<&str>) -> Option<(u8, Vec<String>)> {
        let method = method.parse().expect("a method");
        let matched = find_path(ROUTES, &method, path, stage).ok()?;
        let values = matched.parameters.into_iter().map(Cow::into_owned).collect();
        Some((matched.operation, values))
    }

    #[test]
    fn method_and_path_decide() {
        assert_eq!(found("POST", "/v1/accounts/A/keys", None), Some((1, vec!["A".into()])));
        assert_eq!(found("GET", "/v1/accounts/A/keys", None), Some((2, vec!["A".into()])));
        assert_eq!(found("GET", "/v1/me", None), Some((3, vec![])));
        assert_eq!(found("DELETE", "/v1/any", None), Some((4, vec![])));
        for path in ["/", "", "/v1", "/v1/", "//v1/me", "/v3/me", "/v2/"] {
            assert_eq!(found("GET", path, None), None, "{path}");
        }
    }

    #[test]
    fn the_methods_of_the_most_specific_path_are_allowed() {
        let routes = [
            route("DELETE", "/v1/webhooks/{id}", 1),
            route("GET", "/v1/webhooks/deliveries", 2),
            route("PUT", "/v1/webhooks/deliveries", 3),
        ];
        let allowed = |path| match find_path(&routes, &Method::POST, path, None) {
            Err(Error::MethodNotAllowed { allowed, .. }) => allowed,
            other => panic!("{path}: {other:?}"),
        };
        assert_eq!(allowed("/v1/webhooks/deliveries"), [Method::GET, Method::PUT]);
        assert_eq!(allowed("/v1/webhooks/A"), [Method::DELETE]);
        let found = find_path(&routes, &Method::DELETE, "/v1/webhooks/deliveries", None);
        assert_eq!(found.expect("a route").operation, 1);
    }

    #[test]
    fn a_greedy_parameter_takes_what_no_other_route_does() {
        let rest = |path: &str| {
            let (operation, values) = found("GET", path, None).expect(path);
            assert_eq!(operation, 5, "{path}");
            values
        };
        for path in ["x", "me/", "accounts/A/keys/", "accounts/A/B/keys", "/", "x//y/", "{rest+}"] {
            assert_eq!(rest(&format!("/v1/{path}")), [path]);
        }
        assert_eq!(rest("/v1/a%2Fb/c%20d"), ["a/b/c d"]);
        // If a specific route matches the path but not the method, the greedy route matches both.
        assert_eq!(found("DELETE", "/v1/me", None), Some((5, vec!["me".into()])));
        // Tried before the stage is removed, the greedy route would match everything.
        assert_eq!(found("GET", "/v1/v1/me", Some("v1")), Some((3, vec![])));
        assert_eq!(found("GET", "/prod/v1/x/y", Some("prod")), Some((5, vec!["x/y".into()])));
        let error = find_path(ROUTES, &Method::POST, "/v2/a/b", None).expect_err("405");
        assert!(matches!(error, Error::MethodNotAllowed { .. }), "{error}");
    }

    #[test]
    fn parameters_are_percent_decoded_after_the_path_is_split() {
        let read = |path: &str| found("GET", path, None).map(|(_, values)| values);
        assert_eq!(read("/v1/accounts/%41%2FB/keys"), Some(vec!["A/B".into()]));
        assert_eq!(read("/v1/accounts/%zz%ff/keys"), Some(vec!["%zz\u{fffd}".into()]));
        assert_eq!(read("/v1/accounts//keys"), Some(vec!["".into()]));
    }

    #[test]
    fn an_operation_takes_as_many_parameters_as_its_path_has() {
        let matched =
            find_path(ROUTES, &Method::GET, "/v1/accounts/A/keys", None).expect("a route");
        assert_eq!(matched.parameters(), ["A"]);
        let other = std::panic::catch_unwind(|| matched.parameters::<2>()).expect_err("a panic");
        assert_eq!(
            other.downcast_ref::<String>().map(String::as_str),
            Some("/v1/accounts/{a}/keys has 1 parameters, but its operation takes 2")
        );
    }

    #[test]
    fn the_stage_may_be_part_of_the_path() {
        assert_eq!(found("GET", "/prod/v1/me", Some("prod")), Some((3, vec![])));
        assert_eq!(found("GET", "/v1/me", Some("prod")), Some((3, vec![])));
        assert_eq!(found("GET", "/prod/v1/me", Some("$default")), None);
        // A stage with the name of the path's first segment makes no difference.
        assert_eq!(found("GET", "/v1/me", Some("v1")), Some((3, vec![])));
        assert_eq!(found("GET", "/v1/v1/me", Some("v1")), Some((3, vec![])));
        assert_eq!(found("GET", "/prodv1/me", Some("prod")), None);
    }

    #[test]
    fn another_method_on_a_known_path_lists_those_that_it_takes() {
        let routes = &ROUTES[..4];
        let error =
            find_path(routes, &Method::DELETE, "/v1/accounts/A/keys", None).expect_err("405");
        let Error::MethodNotAllowed { allowed, .. } = &error else { panic!("{error}") };
        assert_eq!(allowed, &[Method::POST, Method::GET]);
        assert_eq!(
            error.to_string(),
            "this path does not support DELETE; it supports `POST` and `GET`"
        );
    }
}
