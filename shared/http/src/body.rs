//! What can be wrong with a body.

use std::borrow::Cow;
use std::convert::Infallible;

use latchkey::text::InvalidText;
use latchkey::time::InvalidTimestamp;

/// The largest body that is read: 64 KiB.
pub const BODY_BYTES_MAX: usize = 64 * 1024;

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
