//! Metadata (RFC 8414): GET `/.well-known/oauth-authorization-server`.

use latchkey_http::http::header::HOST;
use latchkey_http::{Request, Response, StatusCode};
use serde::Serialize;

use crate::App;
use crate::settings::is_loopback;

#[derive(Serialize)]
struct Metadata {
    issuer: String,
    /// Required of every server but one for the implicit grant alone, so it is there although it refuses
    /// every grant. No `authorization_endpoint`: no grant that uses one is supported.
    token_endpoint: String,
    /// It asks for no authentication. Left out it would mean `client_secret_basic`.
    token_endpoint_auth_methods_supported: [&'static str; 1],
    /// Required, so it is there although RFC 8414, section 3.2, leaves empty lists out (erratum 7793):
    /// nobody logs in here.
    response_types_supported: [&'static str; 0],
    /// Left out it would mean `authorization_code` and `implicit`, and then an `authorization_endpoint`
    /// would be required as well.
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
        // A token's type is a method too (RFC 8414, section 2).
        introspection_endpoint_auth_methods_supported: ["client_secret_basic", "Bearer"],
        revocation_endpoint: format!("{issuer}/oauth/revoke"),
        revocation_endpoint_auth_methods_supported: ["none"],
        issuer,
    };
    Response::json(StatusCode::OK, &metadata)
}

/// Where the client asked: API Gateway lets no other `Host` through than its own and custom domains. A
/// stage other than `$default` is part of the URL, and HTTP APIs send it along.
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
