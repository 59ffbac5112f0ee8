//! Metadata (RFC 8414): GET `/.well-known/oauth-authorization-server`.

use latchkey_http::http::header::HOST;
use latchkey_http::{Request, Response, StatusCode};
use serde::Serialize;

use crate::App;
use crate::settings::is_loopback;

#[derive(Serialize)]
struct Metadata {
    issuer: String,
    /// Required of every server except one for only the implicit grant.
    ///
    /// It is present although the endpoint rejects every grant. There is no `authorization_endpoint`,
    /// because no supported grant uses one.
    token_endpoint: String,
    /// The endpoint needs no authentication. If absent, it would mean `client_secret_basic`.
    token_endpoint_auth_methods_supported: [&'static str; 1],
    /// Required, and empty because Latchkey has no user login.
    ///
    /// It is present although RFC 8414, section 3.2, omits empty lists (erratum 7793).
    response_types_supported: [&'static str; 0],
    /// If absent, it would mean `authorization_code` and `implicit`.
    ///
    /// Those would also require an `authorization_endpoint`.
    grant_types_supported: [&'static str; 0],
    introspection_endpoint: String,
    introspection_endpoint_auth_methods_supported: [&'static str; 2],
    revocation_endpoint: String,
    revocation_endpoint_auth_methods_supported: [&'static str; 1],
}

pub(crate) fn metadata(app: &App, request: &Request) -> Response {
    let issuer = match &app.settings.issuer {
        Some(issuer) => issuer.to_string(),
        None => issuer(request),
    };
    let metadata = Metadata {
        token_endpoint: format!("{issuer}/oauth/token"),
        token_endpoint_auth_methods_supported: ["none"],
        response_types_supported: [],
        grant_types_supported: [],
        introspection_endpoint: format!("{issuer}/oauth/introspect"),
        // A token type also counts as a method (RFC 8414, section 2).
        introspection_endpoint_auth_methods_supported: ["client_secret_basic", "Bearer"],
        revocation_endpoint: format!("{issuer}/oauth/revoke"),
        revocation_endpoint_auth_methods_supported: ["none"],
        issuer,
    };
    Response::json(StatusCode::OK, &metadata)
}

/// The URL that the client called.
///
/// API Gateway accepts no `Host` other than its own and custom domains. A stage other than `$default` is
/// part of the URL, and HTTP APIs include it in the path.
fn issuer(request: &Request) -> String {
    let host = request.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let scheme = if is_loopback(name) { "http" } else { "https" };
    let path = request.path.strip_prefix('/');
    let staged = request.stage.as_deref().filter(|stage| {
        let rest = path.and_then(|path| path.strip_prefix(stage));
        *stage != "$default" && rest.is_some_and(|rest| rest.starts_with('/'))
    });
    match staged {
        Some(stage) => format!("{scheme}://{host}/{stage}"),
        None => format!("{scheme}://{host}"),
    }
}
