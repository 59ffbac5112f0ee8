//! Forward authentication: any method on `/verify`, and for Envoy on `/verify/` plus the client's path.

use latchkey::id::InvalidOrganizationId;
use latchkey::organizations::AllowedOrganizations;
use latchkey::principal::{AccountPrincipal, Principal};
use latchkey::scope::{InvalidScope, Scope};
use latchkey_http::authenticate::authenticate;
use latchkey_http::http::{HeaderName, HeaderValue};
use latchkey_http::{Error, Request, Response, StatusCode, log};

use crate::App;

/// Responds with 204 and the key's owner, for a proxy to forward, or with 401 or 403.
///
/// `?organization=` names the organizations with keys that pass, and `?scope=` the scopes that the key must
/// have; both are separated by spaces. The deployment's own organizations also apply, so a request can only
/// narrow them.
pub(crate) async fn verify(app: &App, request: &Request) -> Result<Response, Error> {
    let principal = authenticate(&app.latchkey, request).await?;
    let allowed = |caller: &AccountPrincipal| {
        let (organizations, scopes) = (organizations(request)?, scopes(request)?);
        app.settings.organizations.check(caller)?;
        organizations.check(caller)?;
        for scope in scopes {
            caller.require(&scope)?;
        }
        Ok(())
    };
    check(&principal, allowed, StatusCode::NO_CONTENT)
}

/// The same for Envoy, which accepts only 200.
///
/// Envoy appends its client's path and query to the configured path. Both come from the client, so neither
/// affects the verdict: only the deployment's own organizations restrict it.
pub(crate) async fn verify_path(app: &App, request: &Request) -> Result<Response, Error> {
    let principal = authenticate(&app.latchkey, request).await?;
    let allowed = |caller: &AccountPrincipal| Ok(app.settings.organizations.check(caller)?);
    check(&principal, allowed, StatusCode::OK)
}

/// Responds with `status` if `allowed` lets a verified caller pass; the log names a caller that it rejects.
fn check(
    principal: &Principal,
    allowed: impl FnOnce(&AccountPrincipal) -> Result<(), Error>,
    status: StatusCode,
) -> Result<Response, Error> {
    let caller = principal.service_account().map_err(Error::from);
    let passed = caller.and_then(|caller| allowed(caller).map(|()| passed(caller, status)));
    passed.inspect_err(|_| log::caller(principal))
}

/// The response that lets the request pass and names the key's owner.
fn passed(caller: &AccountPrincipal, status: StatusCode) -> Response {
    let scopes = caller.scopes.join(" ");
    let mut response = Response::empty(status);
    for (name, value) in [
        ("x-latchkey-organization", caller.organization.as_ref()),
        ("x-latchkey-account", caller.account.as_ref()),
        ("x-latchkey-key", caller.key.as_ref()),
        // No scopes means full access, and proxies drop an empty header, so a service that finds no scopes
        // checks this one.
        ("x-latchkey-full-access", if scopes.is_empty() { "true" } else { "false" }),
        // Always present, and empty for full access: a proxy then overwrites a header of this name from the
        // client.
        ("x-latchkey-scopes", &scopes),
    ] {
        // IDs and scopes are visible ASCII.
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers.insert(HeaderName::from_static(name), value);
        }
    }
    response
}

/// The organizations in the proxy's query.
fn organizations(request: &Request) -> Result<AllowedOrganizations, InvalidOrganizationId> {
    AllowedOrganizations::named(request.query_parameters("organization"))
}

/// The scopes in the proxy's query; an invalid scope is an error.
///
/// It is the proxy's mistake, no key could hold it, and it would break the quoting of the challenge.
fn scopes(request: &Request) -> Result<Vec<Scope>, InvalidScope> {
    let parameters: Vec<_> = request.query_parameters("scope").collect();
    let scopes = parameters.iter().flat_map(|parameter| parameter.split(' '));
    scopes.filter(|scope| !scope.is_empty()).map(str::parse).collect()
}
