//! The API reference: an OpenAPI document as Swagger UI renders it.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use swagger_ui_dist::{ApiDefinition, OpenApiSource};

use super::document::{self, Document};
use super::page::{self, filled};
use super::{Site, escaped, page_at, reply, unknown};
use crate::dev::banner;

/// The two files of Swagger UI that the pages load. They come from the crate, so nothing is downloaded.
const OF_SWAGGER_UI: [&str; 2] =
    ["/assets/swagger-ui/swagger-ui.css", "/assets/swagger-ui/swagger-ui-bundle.js"];

/// The files of the reference.
pub(super) fn assets() -> Router<Arc<Site>> {
    let style =
        get(async || reply(StatusCode::OK, page::CSS, include_str!("assets/reference.css")));
    let script =
        get(async || reply(StatusCode::OK, page::SCRIPT, include_str!("assets/reference.js")));
    let router = Router::new()
        .route("/assets/reference.css", page_at(style))
        .route("/assets/reference.js", page_at(script));
    // The crate's own page has an inline script and takes one document, so ours replaces it.
    let swagger_ui = swagger_ui_dist::generate_routes(ApiDefinition {
        uri_prefix: "/assets/swagger-ui",
        api_definition: OpenApiSource::Uri(""),
        title: None,
    });
    OF_SWAGGER_UI
        .iter()
        .fold(router, |router, path| router.route_service(path, swagger_ui.clone().into_service()))
}

/// Serves the reference of a dialect.
pub(super) async fn page(
    State(site): State<Arc<Site>>,
    Path(dialect): Path<String>,
    request: Request,
) -> Response {
    let Some(text) = document::text(&site.documents, &dialect) else {
        return unknown::answer(State(site), request).await;
    };
    let title = escaped(&Document::read(&text).title);
    let others: String = document::names(&site.documents)
        .iter()
        .map(|name| {
            let current = if *name == dialect { " aria-current=\"page\"" } else { "" };
            format!("<a href=\"/docs/{name}\"{current}>{name}</a>\n")
        })
        .collect();
    let token = escaped(&banner::show_token(&site.env_file));
    let values = [
        ("title", title.as_str()),
        ("dialect", &dialect),
        ("dialects", &others),
        ("token", &token),
    ];
    reply(StatusCode::OK, page::HTML, filled(include_str!("assets/reference.html"), &values))
}
