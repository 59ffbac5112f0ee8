//! The scopes that each route of the protected API needs.

use latchkey::scope::Scope;
use latchkey::store::environment::InvalidSetting;

use crate::event::{APP_SYNC, CONNECT, DEFAULT};
use crate::{Event, NoVerdict};

const VARIABLE: &str = "LATCHKEY_ROUTE_SCOPES";

/// The scopes that each route needs, from `LATCHKEY_ROUTE_SCOPES`.
///
/// `GET /orders/{id} orders.read; POST /orders orders.write; GET /health`: routes as the API declares them,
/// each with the scopes that it needs; without scopes, any valid key will do. `ANY` stands for all methods
/// that are not listed for the same path. `$default` is that route of an HTTP API, `$connect` is that of a
/// WebSocket API, and `$appsync` is an AppSync GraphQL API. If the list is empty, every route accepts any
/// valid key; otherwise, a route that is not listed accepts no key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteScopes(Vec<(String, Vec<Scope>)>);

impl RouteScopes {
    /// Parses the list.
    ///
    /// # Errors
    ///
    /// Names the variable and the invalid entry.
    pub fn parse(list: &str) -> Result<Self, InvalidSetting> {
        let entries = list.split(';').map(str::trim).filter(|entry| !entry.is_empty());
        entries.map(entry).collect::<Result<_, _>>().map(Self)
    }

    /// The scopes that the event's route needs; `None` if no key may use it.
    ///
    /// # Errors
    ///
    /// [`NoVerdict::NoRoute`] if the list is not empty and the event does not name its route.
    pub(crate) fn required(&self, event: &Event) -> Result<Option<&[Scope]>, NoVerdict> {
        if self.0.is_empty() {
            return Ok(Some(&[]));
        }
        let routes = event.routes();
        if routes.is_empty() {
            return Err(NoVerdict::NoRoute);
        }
        let find = |route: &String| self.0.iter().find(|(mapped, _)| mapped == route);
        Ok(routes.iter().find_map(find).map(|(_, scopes)| scopes.as_slice()))
    }
}

/// Parses `GET /orders/{id} orders.read`, or `$default orders.read`.
fn entry(text: &str) -> Result<(String, Vec<Scope>), InvalidSetting> {
    let problem = |problem: String| InvalidSetting { variable: VARIABLE, problem };
    let mut words = text.split_whitespace();
    let first = words.next().unwrap_or_default();
    let route = if [DEFAULT, CONNECT, APP_SYNC].contains(&first) {
        first.to_owned()
    } else {
        let path = words.next().filter(|path| path.starts_with('/'));
        let method = !first.is_empty() && first.bytes().all(|byte| byte.is_ascii_uppercase());
        let path = path.filter(|_| method).ok_or_else(|| {
            problem(format!(
                "contains {text:?}; an entry is a route and its scopes, such as `GET /orders/{{id}} orders.read`"
            ))
        })?;
        format!("{first} {path}")
    };
    let scopes = words.map(|word| {
        word.parse::<Scope>().map_err(|error| problem(format!("contains {word:?}, but {error}")))
    });
    Ok((route, scopes.collect::<Result<_, _>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_and_a_bad_entry_named() {
        let routes = RouteScopes::parse("GET /a/{id} a.read b.read;\n ANY /b ; $default x ;")
            .expect("valid");
        let read: Vec<(&str, usize)> =
            routes.0.iter().map(|(route, scopes)| (route.as_str(), scopes.len())).collect();
        assert_eq!(read, [("GET /a/{id}", 2), ("ANY /b", 0), ("$default", 1)]);
        for route in ["$connect", "$appsync"] {
            let routes = RouteScopes::parse(&format!("{route} chat.use")).expect(route);
            assert_eq!(routes.0[0].0, route);
        }
        assert_eq!(RouteScopes::parse(" ; "), Ok(RouteScopes::default()));
        for bad in ["/a a.read", "get /a a.read", "GET a.read", "GET", "GET /a \"x\"", "$connected"]
        {
            let error = RouteScopes::parse(bad).expect_err(bad);
            assert_eq!(error.variable, VARIABLE);
        }
    }
}
