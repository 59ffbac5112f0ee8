//! The OpenAPI documents: their files, and what the start page shows of them.

use std::fs;
use std::path::Path as FilePath;
use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::{Site, reply, unknown};

const EXTENSION: &str = ".yaml";

/// The content type of YAML (RFC 9512). Browsers would download it, so it is shown as text.
const YAML: &str = "text/plain; charset=utf-8";

const METHODS: [&str; 8] = ["get", "put", "post", "patch", "delete", "head", "options", "trace"];

/// What the start page shows of a document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Document {
    pub(super) title: String,
    pub(super) operations: Vec<Operation>,
}

/// An operation: a method, a path template, and a line about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Operation {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) summary: String,
}

/// The names of the documents in `folder`, which are those of their functions.
pub(super) fn names(folder: &FilePath) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> =
        names.filter_map(|name| name.strip_suffix(EXTENSION).map(str::to_owned)).collect();
    names.sort();
    names
}

/// The text of the document `name`, if there is one.
pub(super) fn text(folder: &FilePath, name: &str) -> Option<String> {
    // A name from a path may be anything, so it is compared and not joined.
    let known = names(folder).into_iter().find(|known| known == name)?;
    fs::read_to_string(folder.join(known + EXTENSION)).ok()
}

/// Serves the file as it is.
pub(super) async fn file(
    State(site): State<Arc<Site>>,
    Path(file): Path<String>,
    request: Request,
) -> Response {
    let name = file.strip_suffix(EXTENSION);
    match name.and_then(|name| text(&site.documents, name)) {
        Some(text) => reply(StatusCode::OK, YAML, text),
        None => unknown::answer(State(site), request).await,
    }
}

impl Document {
    /// Reads the lines that the start page needs, by their indentation.
    ///
    /// Tests compare the result with what a YAML parser reads, which `cargo dev` need not compile.
    pub(super) fn read(text: &str) -> Self {
        let mut document = Self::default();
        let (mut section, mut path) = ("", "");
        for line in text.lines() {
            let entry = line.trim_start();
            let indent = line.len() - entry.len();
            let Some((key, value)) = entry.split_once(':') else { continue };
            match (section, indent, key) {
                (_, 0, _) => section = key,
                ("info", 2, "title") => document.title = unquoted(value),
                ("paths", 2, _) => path = key,
                ("paths", 4, method) if METHODS.contains(&method) => {
                    document.operations.push(Operation {
                        method: method.to_ascii_uppercase(),
                        path: path.to_owned(),
                        summary: String::new(),
                    });
                }
                ("paths", 6, "summary") => {
                    if let Some(operation) = document.operations.last_mut() {
                        operation.summary = unquoted(value);
                    }
                }
                _ => {}
            }
        }
        document
    }
}

fn unquoted(value: &str) -> String {
    let value = value.trim();
    let inner = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.unwrap_or(value).to_owned()
}

#[cfg(test)]
mod tests {
    use latchkey_testkit::project;

    use super::*;

    #[test]
    fn a_document_is_read_as_a_yaml_parser_reads_it() {
        let folder = project::root().join("openapi");
        for name in names(&folder) {
            let read = Document::read(&text(&folder, &name).expect("a document"));
            let parsed = project::yaml(&format!("openapi/{name}.yaml"));
            assert_eq!(read.title, parsed["info"]["title"]);
            let operations =
                parsed["paths"].as_object().into_iter().flatten().flat_map(|(_, path)| {
                    METHODS.iter().filter(|method| !path[**method].is_null())
                });
            assert_eq!(read.operations.len(), operations.count(), "{name}");
            for Operation { method, path, summary } in read.operations {
                let operation = &parsed["paths"][&path][method.to_ascii_lowercase()];
                assert_eq!(summary, operation["summary"], "{name}: {method} {path}");
            }
        }
    }

    #[test]
    fn only_documents_are_read() {
        let folder = project::root().join("openapi");
        let files = names(&folder).into_iter().map(|name| format!("openapi/{name}.yaml"));
        assert_eq!(files.collect::<Vec<_>>(), project::files("openapi", "yaml"));
        assert_eq!(text(&folder, "../tests/e2e/openapi/schemathesis"), None);
        assert_eq!(text(&folder, ""), None);
    }
}
