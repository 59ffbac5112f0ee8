//! JSON request bodies: one object, every field known, none twice.

mod document;
mod fields;

use std::borrow::Cow;
use std::convert::Infallible;

use http::HeaderValue;
use latchkey::text::InvalidText;
use latchkey::time::InvalidTimestamp;

use crate::request::BODY_BYTES_MAX;

pub use fields::Fields;

/// Why a body is not what an operation takes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBody {
    /// More than [`BODY_BYTES_MAX`] bytes.
    #[error("the body is larger than {BODY_BYTES_MAX} bytes")]
    TooLarge,
    /// The `Content-Type` says that the body is something else.
    #[error("the body must be JSON in UTF-8: send `Content-Type: application/json`")]
    MediaType,
    /// The `Content-Type` is not that of a form.
    #[error("the body must be a form: send `Content-Type: application/x-www-form-urlencoded`")]
    NotAForm,
    /// The gateway's base64 does not decode.
    #[error("the body is not valid base64")]
    Base64,
    /// The body is not JSON.
    #[error("the body is not valid JSON: {problem} at line {line}, column {column}")]
    Syntax {
        /// What the parser stumbled over; never a part of the body.
        problem: &'static str,
        /// Counted from 1.
        line: usize,
        /// Counted from 1; 0 before the first character of a line.
        column: usize,
    },
    /// The body is JSON, but not an object.
    #[error("the body must be a JSON object, not {0}")]
    NotAnObject(&'static str),
    /// A field twice.
    #[error("the body holds the field `{0}` twice")]
    DuplicateField(String),
    /// A field that the operation does not take.
    #[error("`{field}` is not a field of this request; {hint}")]
    UnknownField {
        /// The start of the field's name.
        field: String,
        /// The nearest field that is one, or all of them.
        hint: String,
    },
    /// A field that the operation needs is not there.
    #[error("`{0}` is required")]
    MissingField(&'static str),
    /// A number out of bounds.
    #[error("`{field}` must be a whole number from {min} to {max}")]
    OutOfRange {
        /// The field, as the dialect calls it.
        field: &'static str,
        /// The least that it may be.
        min: u64,
        /// The most that it may be.
        max: u64,
    },
    /// A field of another type.
    #[error("`{field}` must be {expected}, not {found}")]
    WrongType {
        /// The field, as the dialect calls it.
        field: Cow<'static, str>,
        /// What it must be.
        expected: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// A text that is not what the field holds.
    #[error("`{field}` {problem}")]
    InvalidValue {
        /// The field, as the dialect calls it.
        field: &'static str,
        /// The rule that it breaks.
        problem: InvalidValue,
    },
}

/// Why a text is not what a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidValue {
    /// A name or a description is outside its bounds.
    #[error("{0}")]
    Text(#[from] InvalidText),
    /// A time is not a date-time.
    #[error("{0}")]
    Timestamp(#[from] InvalidTimestamp),
}

impl From<Infallible> for InvalidValue {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// Whether a `Content-Type` means JSON: `application/json` or any `+json`, in UTF-8, or none at all.
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
