//! The published token pattern is the same in the code, the documentation, and every OpenAPI document.

use latchkey::token::Token;
use latchkey_testkit::project;
use serde_json::Value;

/// The account in an OpenAPI document's token pattern: a service account, or the one of root keys.
const ACCOUNTS: [&str; 2] = ["[0-9A-Z]{16}", "ROOT"];

#[test]
fn the_documentation_publishes_the_pattern() {
    assert!(project::text("docs/keys.md").contains(Token::PATTERN));
}

/// A document restricts the pattern to the keys it covers: every property `key` must have it.
#[test]
fn every_document_publishes_the_pattern() {
    let anchored = Token::PATTERN.replace(r"\b", "");
    let of = |account: &str| format!("^{}$", anchored.replace("(ROOT|[0-9A-Z]{16})", account));
    let expected = ACCOUNTS.map(of);
    let mut published = 0;
    for name in project::files("openapi", "yaml") {
        let document = project::yaml(&name);
        for key in keys(&document) {
            let schema =
                match key["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) {
                    Some(pointer) => document.pointer(pointer).expect("a schema"),
                    None => key,
                };
            let pattern = schema["pattern"].as_str().unwrap_or_default();
            assert!(expected.iter().any(|known| known == pattern), "{name}: {schema}");
            published += 1;
        }
    }
    assert!(published >= 3, "{published} patterns in all documents");
}

/// The schemas of all properties `key`, at any depth.
fn keys(value: &Value) -> Vec<&Value> {
    let own = value["properties"].get("key");
    let parts: Box<dyn Iterator<Item = &Value>> = match value {
        Value::Object(fields) => Box::new(fields.values()),
        Value::Array(values) => Box::new(values.iter()),
        _ => Box::new(std::iter::empty()),
    };
    own.into_iter().chain(parts.flat_map(keys)).collect()
}
