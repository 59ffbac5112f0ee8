//! The HTTP server in front of `cargo lambda watch`: the start page, the API reference, and the functions.
//!
//! It serves its own pages, passes on what the functions and `cargo lambda invoke` serve, and explains a 404.

mod document;
mod page;
mod reference;
mod unknown;
mod upstream;

use std::net::Ipv6Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::header::{self, HeaderName};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::{MethodRouter, any, get};
use serde_json::Value;
use tokio::net::TcpListener;

use self::upstream::Upstream;
use super::mint_call::{self, MintCall};
use super::stack::Stack;
use super::workspace::{self, Route};

/// What `cargo lambda watch` serves beside the routes: `cargo lambda invoke`, function URLs, and its
/// runtime API.
const OF_CARGO_LAMBDA: [&str; 4] = [
    "/2015-03-31/functions/{function}/invocations",
    "/lambda-url/{function}",
    "/lambda-url/{function}/{*path}",
    "/.rt/{*path}",
];

/// Everything comes from this server and nothing else may load it. `data:` is for Swagger UI's icons, and
/// inline styles are Swagger UI's.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; \
    style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

const PAGE_HEADERS: [(HeaderName, &str); 4] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    // Another program may listen on this port next.
    (header::CACHE_CONTROL, "no-store"),
];

/// What the pages show: no token, because other users of this machine can read the pages, and so can a
/// website that rebinds its domain name to 127.0.0.1.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    pub(crate) url: String,
    pub(crate) database: String,
    pub(crate) data: String,
    pub(crate) organization: String,
    pub(crate) account: String,
    /// The file with the tokens, as you would type its path in the current folder.
    pub(crate) env_file: String,
    pub(crate) calls: Vec<MintCall>,
    pub(crate) routes: Vec<Route>,
    /// The folder of the OpenAPI documents, which are read anew for each request.
    pub(crate) documents: PathBuf,
}

impl Site {
    /// The site of `stack`, for the workspace in `root` with these metadata.
    pub(crate) fn of(stack: &Stack, metadata: &Value, root: &Path) -> Result<Self, String> {
        let credentials = stack.credentials();
        Ok(Self {
            url: stack.url(),
            database: format!("{}, table {}", stack.endpoint(), stack.table()),
            data: stack.data_shown(),
            organization: credentials.organization.clone(),
            account: credentials.account.clone(),
            env_file: stack.env_file(),
            calls: mint_call::all(metadata)?,
            routes: workspace::routes(metadata),
            documents: root.join("openapi"),
        })
    }
}

/// Serves the site and, from `cargo lambda watch` on the loopback port `inner`, the functions.
///
/// On `::1` too, where `cargo lambda invoke` connects by default; without IPv6, only on `listener`.
pub(crate) async fn serve(listener: TcpListener, site: Site, inner: u16) -> Result<(), String> {
    let port = listener.local_addr().map_err(|error| error.to_string())?.port();
    let router = router(site, inner);
    if let Ok(listener) = TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await {
        tokio::spawn(axum::serve(listener, router.clone()).into_future());
    }
    tokio::spawn(axum::serve(listener, router).into_future());
    Ok(())
}

/// # Panics
///
/// If a route is invalid or takes one of our paths.
fn router(site: Site, inner: u16) -> Router {
    let pass_on = any(upstream::pass_on).with_state(Upstream { port: inner });
    let routes = site.routes.iter().map(|route| route.path.clone());
    let routes = routes.chain(OF_CARGO_LAMBDA.map(str::to_owned));
    let functions = routes.fold(Router::new(), |router, path| router.route(&path, pass_on.clone()));
    let pages = Router::new()
        .route("/", page_at(get(page::start)))
        .route("/docs/{dialect}", page_at(get(reference::page)))
        .route("/openapi/{file}", page_at(get(document::file)))
        .merge(page::assets())
        .merge(reference::assets());
    pages
        .fallback(unknown::answer)
        .layer(map_response(with_page_headers))
        .merge(functions)
        .with_state(Arc::new(site))
}

/// Other methods are as unknown as they are behind API Gateway.
fn page_at(handler: MethodRouter<Arc<Site>>) -> MethodRouter<Arc<Site>> {
    handler.fallback(unknown::answer)
}

async fn with_page_headers(mut response: Response) -> Response {
    for (name, value) in PAGE_HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn reply(status: StatusCode, content_type: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static(content_type);
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}

/// Escapes `text` for HTML, in elements and in quoted attributes.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
