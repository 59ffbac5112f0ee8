//! The answer for a path that nothing serves.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use serde::Serialize;

use super::{Site, document, escaped, page, reply};

/// How many of the nearest paths an answer names.
const NEAREST: usize = 3;

/// API Gateway's answer, `{"message":"Not Found"}`, and what helps.
#[derive(Serialize)]
struct NotFound<'a> {
    message: &'static str,
    detail: String,
    nearest: Vec<&'a str>,
    see: String,
}

/// A page for a browser, and JSON for everything else.
pub(super) async fn answer(State(site): State<Arc<Site>>, request: Request) -> Response {
    let (method, path) = (request.method(), request.uri().path());
    let known = known_paths(&site);
    let nearest = nearest(path, &known);
    if prefers_html(request.headers()) {
        let items: String = nearest.iter().map(|path| item(path)).collect();
        let list = format!("<h2>Nearest paths</h2>\n<ul>\n{items}</ul>\n");
        let endpoint = escaped(&format!("{method} {path}"));
        let page = page::unknown(&endpoint, if nearest.is_empty() { "" } else { &list });
        return reply(StatusCode::NOT_FOUND, page::HTML, page);
    }
    let answer = NotFound {
        message: "Not Found",
        detail: format!("nothing serves {method} {path} here; check the path and the method"),
        nearest,
        see: format!("{}/", site.url),
    };
    let body = serde_json::to_string(&answer).unwrap_or_default();
    reply(StatusCode::NOT_FOUND, "application/json", body + "\n")
}

/// A path, and a link if it is one of our pages.
fn item(path: &str) -> String {
    let text = escaped(path);
    let is_page = !path.contains('{') && (path == "/" || path.starts_with("/docs/"));
    if is_page {
        format!("<li><a href=\"{text}\"><code>{text}</code></a></li>\n")
    } else {
        format!("<li><code>{text}</code></li>\n")
    }
}

fn known_paths(site: &Site) -> Vec<String> {
    let documents = document::names(&site.documents);
    let references = documents.iter().map(|name| format!("/docs/{name}"));
    let files = documents.iter().map(|name| format!("/openapi/{name}.yaml"));
    let routes = site.routes.iter().map(|route| route.path.clone());
    routes.chain(references).chain(files).collect()
}

/// The known paths that `path` is most likely a mistake for, the nearest first: at least half of it is right.
fn nearest<'a>(path: &str, known: &'a [String]) -> Vec<&'a str> {
    let ranked = known.iter().map(|template| (distance(path, template), template.as_str()));
    let mut ranked: Vec<_> = ranked.filter(|(distance, _)| distance * 2 <= path.len()).collect();
    ranked.sort_unstable();
    ranked.into_iter().take(NEAREST).map(|(_, template)| template).collect()
}

/// The number of edits from `path` to a path of `template`, where each parameter takes one segment.
fn distance(path: &str, template: &str) -> usize {
    let mut given = path.split('/');
    let filled: Vec<&str> = template
        .split('/')
        .map(|segment| match given.next() {
            Some(given) if segment.starts_with('{') => given,
            _ => segment,
        })
        .collect();
    strsim::levenshtein(path, &filled.join("/"))
}

fn prefers_html(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter();
    accepted.filter_map(|value| value.to_str().ok()).any(|value| value.contains("text/html"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_paths_come_first() {
        let known = ["/v1/keys", "/v1/keys/{key_id}", "/oauth/introspect", "/verify/{*path}"];
        let known = known.map(str::to_owned);
        assert_eq!(nearest("/v1/key", &known)[0], "/v1/keys");
        assert_eq!(nearest("/v1/keys/", &known)[0], "/v1/keys/{key_id}");
        assert_eq!(nearest("/v1/kyes/0197CTTDF1YT9FUW", &known)[0], "/v1/keys/{key_id}");
        assert_eq!(nearest("/oauth/introspection", &known)[0], "/oauth/introspect");
        assert!(nearest("/", &known).is_empty());
    }
}
