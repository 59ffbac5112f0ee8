//! Errors in request bodies.

use std::borrow::Cow;
use std::convert::Infallible;

use latchkey::text::InvalidText;
use latchkey::time::InvalidTimestamp;
use latchkey::webhook::{InvalidEventTypes, InvalidUrl};

/// The maximum size of a body: 64 KiB.
pub const BODY_BYTES_MAX: usize = 64 * 1024;

/// The reason a body is not valid for an operation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBody {
    /// More bytes than the operation accepts.
    #[error("the body is larger than {max} bytes")]
    TooLarge {
        /// The maximum.
        max: usize,
    },
    /// The `Content-Type` is not JSON in UTF-8.
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
        /// The parser's problem; never a part of the body.
        problem: &'static str,
        /// Counted from 1.
        line: usize,
        /// Counted from 1; 0 before the first character of a line.
        column: usize,
    },
    /// The body is JSON, but not an object.
    #[error("the body must be a JSON object, not {0}")]
    NotAnObject(&'static str),
    /// The body is not a list of what the operation accepts.
    #[error("the body must be a JSON list of {0}")]
    NotAListOf(&'static str),
    /// The list in the body is too long.
    #[error("the body lists more than {max} entries")]
    TooMany {
        /// The maximum.
        max: usize,
    },
    /// A field is given twice.
    #[error("the body contains the field `{0}` twice")]
    DuplicateField(String),
    /// The operation does not accept this field.
    #[error("`{field}` is not a field of this request; {hint}")]
    UnknownField {
        /// The start of the field's name.
        field: String,
        /// The nearest accepted field, or all of them.
        hint: String,
    },
    /// A required field is missing.
    #[error("`{0}` is required")]
    MissingField(&'static str),
    /// A number is out of bounds.
    #[error("`{field}` must be a whole number from {min} to {max}")]
    OutOfRange {
        /// The field's name in the dialect.
        field: &'static str,
        /// The minimum.
        min: u64,
        /// The maximum.
        max: u64,
    },
    /// A field has the wrong type.
    #[error("`{field}` must be {expected}, not {found}")]
    WrongType {
        /// The field's name in the dialect.
        field: Cow<'static, str>,
        /// The expected type.
        expected: &'static str,
        /// The actual type.
        found: &'static str,
    },
    /// A string is not valid for its field.
    #[error("`{field}` {problem}")]
    InvalidValue {
        /// The field's name in the dialect.
        field: &'static str,
        /// The violated rule.
        problem: InvalidValue,
    },
}

/// The reason a string is not valid for a field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidValue {
    /// A name or a description violates its rules.
    #[error("{0}")]
    Text(#[from] InvalidText),
    /// A time is not a date-time.
    #[error("{0}")]
    Timestamp(#[from] InvalidTimestamp),
    /// The URL of a webhook violates its rules.
    #[error("{0}")]
    Url(#[from] InvalidUrl),
    /// A list has other entries than types of events.
    #[error("{0}")]
    EventTypes(#[from] InvalidEventTypes),
}

impl From<Infallible> for InvalidValue {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}
