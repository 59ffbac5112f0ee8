//! JSON request bodies: one object with only known fields and no duplicates.

mod document;
mod fields;

use http::HeaderValue;

pub use fields::Fields;

/// Returns whether a `Content-Type` means JSON: `application/json` or any `+json` in UTF-8, or a missing
/// header.
fn is_json(content_type: Option<&HeaderValue>) -> bool {
    let Some(value) = content_type else { return true };
    let Ok(value) = value.to_str() else { return false };
    let mut parts = value.split(';').map(|part| part.trim().to_ascii_lowercase());
    let media_type = parts.next().unwrap_or_default();
    let json = media_type == "application/json"
        || media_type.strip_suffix("+json").is_some_and(|rest| rest.starts_with("application/"));
    let utf8 = parts.all(|parameter| match parameter.split_once('=') {
        Some(("charset", charset)) => matches!(charset.trim_matches('"'), "utf-8" | "utf8"),
        _ => true,
    });
    json && utf8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_goes_by_several_names() {
        let json = |value: &str| is_json(Some(&value.parse().expect("a value")));
        assert!(is_json(None));
        assert!(json("application/json"));
        assert!(json("Application/JSON; charset=UTF-8"));
        assert!(json("application/json;charset=\"utf-8\"; profile=x"));
        assert!(json("application/vnd.latchkey+json"));
        for other in [
            "",
            "text/plain",
            "application/x-www-form-urlencoded",
            "text/x+json",
            "application/jsonl",
        ] {
            assert!(!json(other), "{other}");
        }
        assert!(!json("application/json; charset=utf-16"));
    }
}
