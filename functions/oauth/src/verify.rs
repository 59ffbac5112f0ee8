//! Forward authentication: any method, `/verify`, and for Envoy `/verify/` and whatever its client asked for.

use latchkey::id::InvalidOrganizationId;
use latchkey::organizations::AllowedOrganizations;
use latchkey::principal::AccountPrincipal;
use latchkey::scope::{InvalidScope, Scope};
use latchkey_http::authenticate::authenticate;
use latchkey_http::http::{HeaderName, HeaderValue};
use latchkey_http::{Error, Request, Response, StatusCode};

use crate::App;

/// Answers 204 with whose key it is, for a proxy to pass on, or 401 or 403. `?organization=` names the
/// organizations with keys that pass, and `?scope=` scopes that the key must have, each separated by
/// spaces. The deployment's own organizations hold as well, so a request can only narrow them.
pub(crate) async fn verify(app: &App, request: &Request) -> Result<Response, Error> {
    let principal = authenticate(&app.latchkey, request).await?;
    let caller = principal.service_account()?;
    let (organizations, scopes) = (organizations(request)?, scopes(request)?);
    app.settings.organizations.check(caller)?;
    organizations.check(caller)?;
    for scope in scopes {
        caller.require(&scope)?;
    }
    Ok(passed(caller, StatusCode::NO_CONTENT))
}

/// The same for Envoy, which takes 200 and nothing else for a yes, and appends its client's path and
/// query to what it is told to ask. Both are the client's, so neither says anything about the verdict:
/// only the deployment's own organizations restrict it.
pub(crate) async fn verify_path(app: &App, request: &Request) -> Result<Response, Error> {
    let principal = authenticate(&app.latchkey, request).await?;
    let caller = principal.service_account()?;
    app.settings.organizations.check(caller)?;
    Ok(passed(caller, StatusCode::OK))
}

/// That the request may pass, and whose it is.
fn passed(caller: &AccountPrincipal, status: StatusCode) -> Response {
    let scopes = caller.scopes.join(" ");
    let mut response = Response::empty(status);
    for (name, value) in [
        ("x-latchkey-organization", caller.organization.as_ref()),
        ("x-latchkey-account", caller.account.as_ref()),
        ("x-latchkey-key", caller.key.as_ref()),
        // No scopes means everything, and proxies leave out a header that is empty: a service that
        // finds no scopes asks this one.
        ("x-latchkey-full-access", if scopes.is_empty() { "true" } else { "false" }),
        // Always there, empty for full access: a proxy then overwrites what a client sent by this name.
        ("x-latchkey-scopes", &scopes),
    ] {
        // Ids and scopes are visible ASCII.
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers.insert(HeaderName::from_static(name), value);
        }
    }
    response
}

/// The organizations that the proxy's query names.
fn organizations(request: &Request) -> Result<AllowedOrganizations, InvalidOrganizationId> {
    AllowedOrganizations::named(request.query_parameters("organization"))
}

/// The scopes that the proxy's query names. What is none is the proxy's mistake and nobody's to hold,
/// and would end the challenge's quotes.
fn scopes(request: &Request) -> Result<Vec<Scope>, InvalidScope> {
    let parameters: Vec<_> = request.query_parameters("scope").collect();
    let scopes = parameters.iter().flat_map(|parameter| parameter.split(' '));
    scopes.filter(|scope| !scope.is_empty()).map(str::parse).collect()
}
