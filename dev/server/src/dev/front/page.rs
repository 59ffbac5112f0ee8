//! The start page, and the page for an unknown path.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;

use super::document::{self, Document, Operation};
use super::{Site, escaped, page_at, reply};
use crate::dev::banner;
use crate::dev::mint_call::MintCall;

pub(super) const HTML: &str = "text/html; charset=utf-8";
pub(super) const CSS: &str = "text/css; charset=utf-8";
pub(super) const SCRIPT: &str = "text/javascript; charset=utf-8";

/// The files of both pages.
pub(super) fn assets() -> Router<Arc<Site>> {
    let style = get(async || reply(StatusCode::OK, CSS, include_str!("assets/page.css")));
    let script = get(async || reply(StatusCode::OK, SCRIPT, include_str!("assets/page.js")));
    Router::new()
        .route("/assets/page.css", page_at(style))
        .route("/assets/page.js", page_at(script))
}

/// Serves the start page.
pub(super) async fn start(State(site): State<Arc<Site>>) -> Response {
    reply(StatusCode::OK, HTML, render(&site))
}

/// The page for a request that nothing serves; `endpoint` and `nearest` are HTML.
pub(super) fn unknown(endpoint: &str, nearest: &str) -> String {
    let values = [("endpoint", endpoint), ("nearest", nearest)];
    filled(include_str!("assets/unknown.html"), &values)
}

fn render(site: &Site) -> String {
    let calls: String = site.calls.iter().map(|call| example(site, call)).collect();
    let functions: String =
        functions(site).into_iter().map(|function| endpoints(site, function)).collect();
    let token = banner::show_token(&site.env_file);
    let values = [
        ("url", &escaped(&site.url)),
        ("database", &escaped(&site.database)),
        ("data", &escaped(&site.data)),
        ("organization", &escaped(&site.organization)),
        ("account", &escaped(&site.account)),
        ("env_file", &escaped(&site.env_file)),
        ("token", &escaped(&token)),
        ("calls", &calls),
        ("functions", &functions),
    ];
    filled(include_str!("assets/page.html"), &values.map(|(name, value)| (name, value.as_str())))
}

/// The functions that serve a path, in order.
fn functions(site: &Site) -> BTreeSet<&str> {
    site.routes.iter().map(|route| route.function.as_str()).collect()
}

fn example(site: &Site, call: &MintCall) -> String {
    let vendor = escaped(&call.vendor);
    let command = escaped(&banner::long_command(&site.env_file, call));
    format!("<h3>{vendor}</h3>\n<pre tabindex=\"0\"><code>{command}</code></pre>\n")
}

/// The section of a function: what its document says, and the routes that the document leaves out.
fn endpoints(site: &Site, function: &str) -> String {
    let text = document::text(&site.documents, function);
    let document = text.as_deref().map(Document::read);
    let links = document.as_ref().map_or(String::new(), |_| links(function));
    let Document { title, mut operations } = document.unwrap_or_default();
    let own = site.routes.iter().filter(|route| route.function == function);
    for route in own {
        let known = |operation: &Operation| shape(&operation.path) == shape(&route.path);
        if !operations.iter().any(known) {
            let (method, path) = ("ANY".to_owned(), route.path.clone());
            operations.push(Operation { method, path, summary: String::new() });
        }
    }
    let title = title.strip_prefix("Latchkey, ").unwrap_or(&title);
    let title = escaped(if title.is_empty() { function } else { title });
    let paths: String = operations.chunk_by(|a, b| a.path == b.path).map(row).collect();
    format!(
        "<section aria-labelledby=\"{function}\">\n<h3 id=\"{function}\">{title}</h3>\n\
         {links}<dl class=\"endpoints\">\n{paths}</dl>\n</section>\n"
    )
}

fn links(function: &str) -> String {
    format!(
        "<p class=\"links\"><a href=\"/docs/{function}\">API reference</a>\
         <a href=\"/openapi/{function}.yaml\">OpenAPI document</a></p>\n"
    )
}

/// A path and its operations.
fn row(operations: &[Operation]) -> String {
    let path = escaped(operations.first().map_or("", |operation| &operation.path));
    let operation = |Operation { method, summary, .. }: &Operation| {
        format!("<dd><b>{method}</b> <span>{}</span></dd>\n", escaped(summary))
    };
    let operations: String = operations.iter().map(operation).collect();
    format!("<div>\n<dt><code>{path}</code></dt>\n{operations}</div>\n")
}

/// A path template without the names of its parameters, which differ between the router and a document.
fn shape(template: &str) -> String {
    let segments = template.split('/');
    let shapes = segments.map(|segment| if segment.starts_with('{') { "{}" } else { segment });
    shapes.collect::<Vec<_>>().join("/")
}

/// Replaces each `{{name}}` of `template`, and nothing in the values.
///
/// # Panics
///
/// If `values` lacks a name.
pub(super) fn filled(template: &str, values: &[(&str, &str)]) -> String {
    let mut parts = template.split("{{");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once("}}").expect("a closed placeholder");
        let value = values.iter().find(|(known, _)| *known == name);
        text += value.unwrap_or_else(|| panic!("no value for {name}")).1;
        text += rest;
    }
    text
}
