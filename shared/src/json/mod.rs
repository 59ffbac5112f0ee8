//! JSON request bodies: one object, every field known, none twice.

mod document;

use std::borrow::Cow;

use lambda_http::http::StatusCode;
use serde_json::Value;

use crate::text::excerpt;

use document::Document;

/// The largest body that is read: 64 KiB.
pub const BODY_BYTES_MAX: usize = 64 * 1024;

/// Why a body is not what an operation takes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBody {
    /// More than [`BODY_BYTES_MAX`].
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
}

impl InvalidBody {
    /// The HTTP status that every dialect answers this error with.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Base64
            | Self::NotAForm
            | Self::Syntax { .. }
            | Self::NotAnObject(_)
            | Self::DuplicateField(_)
            | Self::UnknownField { .. }
            | Self::MissingField(_)
            | Self::OutOfRange { .. }
            | Self::WrongType { .. } => StatusCode::BAD_REQUEST,
        }
    }
}

/// The fields of a request body. An operation takes each one that it knows.
#[derive(Debug, Default)]
pub struct Fields(Vec<(String, Value)>);

impl Fields {
    /// Reads a body whose fields are all among `known`. An empty body is an empty object.
    ///
    /// # Errors
    ///
    /// [`InvalidBody`], naming the field and the rule; never quoting values.
    pub fn parse(body: &[u8], known: &[&str]) -> Result<Self, InvalidBody> {
        if body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self::default());
        }
        let entries = match serde_json::from_slice::<Document>(body) {
            Ok(Document::Object(entries)) => entries,
            Ok(Document::Other(found)) => return Err(InvalidBody::NotAnObject(found)),
            Err(error) => return Err(syntax(&error)),
        };
        for (index, (field, _)) in entries.iter().enumerate() {
            if entries.iter().take(index).any(|(earlier, _)| earlier == field) {
                return Err(InvalidBody::DuplicateField(excerpt(field)));
            }
            if !known.contains(&field.as_str()) {
                return Err(unknown(field, known));
            }
        }
        Ok(Self(entries))
    }

    /// Takes a field out; `None` if the body does not hold it.
    pub fn take(&mut self, field: &str) -> Option<Value> {
        let index = self.0.iter().position(|(name, _)| name == field)?;
        Some(self.0.swap_remove(index).1)
    }

    /// Takes a string out; `None` if the body does not hold it. `null` is no string.
    ///
    /// # Errors
    ///
    /// [`InvalidBody::WrongType`] for anything but a string.
    pub fn take_string(&mut self, field: &'static str) -> Result<Option<String>, InvalidBody> {
        self.take(field).map(|value| string(Cow::Borrowed(field), value, "a string")).transpose()
    }

    /// Takes a string out that must be there.
    ///
    /// # Errors
    ///
    /// [`InvalidBody::MissingField`], [`InvalidBody::WrongType`].
    pub fn take_required_string(&mut self, field: &'static str) -> Result<String, InvalidBody> {
        self.take_string(field)?.ok_or(InvalidBody::MissingField(field))
    }

    /// Takes `true` or `false` out; `None` if the body does not hold it.
    ///
    /// # Errors
    ///
    /// [`InvalidBody::WrongType`] for anything else.
    pub fn take_boolean(&mut self, field: &'static str) -> Result<Option<bool>, InvalidBody> {
        match self.take(field) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(value)),
            Some(other) => Err(InvalidBody::WrongType {
                field: field.into(),
                expected: "a boolean",
                found: kind(&other),
            }),
        }
    }

    /// Takes a whole number from `min` to `max` out; `None` if the body does not hold it.
    ///
    /// # Errors
    ///
    /// [`InvalidBody::WrongType`], [`InvalidBody::OutOfRange`].
    pub fn take_integer(
        &mut self,
        field: &'static str,
        min: u64,
        max: u64,
    ) -> Result<Option<u64>, InvalidBody> {
        let number = match self.take(field) {
            None => return Ok(None),
            Some(Value::Number(number)) => number,
            Some(other) => {
                let (field, found) = (field.into(), kind(&other));
                return Err(InvalidBody::WrongType { field, expected: "a number", found });
            }
        };
        // JSON has one kind of number: 7.0 is 7.
        let whole = number.as_u64().or_else(|| {
            let number = number.as_f64().filter(|number| number.fract() == 0.0)?;
            (0.0..=9_007_199_254_740_991.0).contains(&number).then_some(number as u64)
        });
        match whole.filter(|number| (min..=max).contains(number)) {
            Some(number) => Ok(Some(number)),
            None => Err(InvalidBody::OutOfRange { field, min, max }),
        }
    }

    /// Whether the body holds a field that was not taken out yet.
    pub fn holds(&self, field: &str) -> bool {
        self.0.iter().any(|(name, _)| name == field)
    }

    /// Takes a string or `null` out; `None` for `null` and if the body does not hold it.
    ///
    /// # Errors
    ///
    /// [`InvalidBody::WrongType`] for anything but a string or `null`.
    pub fn take_nullable_string(
        &mut self,
        field: &'static str,
    ) -> Result<Option<String>, InvalidBody> {
        match self.take(field) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => string(Cow::Borrowed(field), value, "a string or null").map(Some),
        }
    }

    /// Takes a list of strings or `null` out; empty for `null` and if the body does not hold it.
    ///
    /// # Errors
    ///
    /// [`InvalidBody::WrongType`] for anything else, naming the element.
    pub fn take_nullable_strings(
        &mut self,
        field: &'static str,
    ) -> Result<Vec<String>, InvalidBody> {
        match self.take(field) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Array(values)) => values
                .into_iter()
                .enumerate()
                .map(|(index, value)| string(format!("{field}[{index}]").into(), value, "a string"))
                .collect(),
            Some(other) => Err(InvalidBody::WrongType {
                field: field.into(),
                expected: "a list of strings or null",
                found: kind(&other),
            }),
        }
    }
}

fn string(
    field: Cow<'static, str>,
    value: Value,
    expected: &'static str,
) -> Result<String, InvalidBody> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(InvalidBody::WrongType { field, expected, found: kind(&other) }),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// `serde_json`'s own messages may quote the body, so only the category and the place are kept.
fn syntax(error: &serde_json::Error) -> InvalidBody {
    let problem = if error.is_eof() { "it ends too early" } else { "unexpected input" };
    InvalidBody::Syntax { problem, line: error.line(), column: error.column() }
}

fn unknown(field: &str, known: &[&str]) -> InvalidBody {
    // `expires_at`, `ExpiresAt` and `expires-at` are all one typing habit away from `expiresAt`.
    let folded = |name: &str| name.to_ascii_lowercase().replace(['_', '-'], "");
    let similarity = |name: &str| strsim::jaro_winkler(&folded(field), &folded(name));
    let nearest = known
        .iter()
        .map(|name| (similarity(name), name))
        .filter(|(similarity, _)| *similarity > 0.7)
        .max_by(|(left, _), (right, _)| left.total_cmp(right));
    let hint = match nearest {
        Some((_, name)) => format!("did you mean `{name}`?"),
        None => format!("it takes `{}`", known.join("`, `")),
    };
    InvalidBody::UnknownField { field: excerpt(field), hint }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KNOWN: &[&str] = &["expiresAt", "name"];

    fn refusal(body: &str) -> String {
        Fields::parse(body.as_bytes(), KNOWN).expect_err(body).to_string()
    }

    #[test]
    fn an_empty_body_is_an_empty_object() {
        for body in ["", " \r\n\t", "{}", " { } "] {
            let mut fields = Fields::parse(body.as_bytes(), KNOWN).expect(body);
            assert_eq!(fields.take("name"), None, "{body:?}");
        }
    }

    #[test]
    fn a_refusal_names_the_field_and_the_rule() {
        for (body, expected) in [
            ("[]", "the body must be a JSON object, not a list"),
            ("null", "the body must be a JSON object, not null"),
            ("7", "the body must be a JSON object, not a number"),
            ("\"x\"", "the body must be a JSON object, not a string"),
            ("{", "the body is not valid JSON: it ends too early at line 1, column 1"),
            (
                "{\"name\": sk_1}",
                "the body is not valid JSON: unexpected input at line 1, column 10",
            ),
            ("{} {}", "the body is not valid JSON: unexpected input at line 1, column 4"),
            (
                "{\"name\":\"\\ud800\"}",
                "the body is not valid JSON: unexpected input at line 1, column 16",
            ),
            ("{\"name\":\"a\",\"name\":\"b\"}", "the body holds the field `name` twice"),
            ("{\"n\\u0061me\":\"a\",\"name\":\"b\"}", "the body holds the field `name` twice"),
            (
                "{\"expires_at\":1}",
                "`expires_at` is not a field of this request; did you mean `expiresAt`?",
            ),
            ("{\"Name\":1}", "`Name` is not a field of this request; did you mean `name`?"),
            ("{\"zzz\":1}", "`zzz` is not a field of this request; it takes `expiresAt`, `name`"),
        ] {
            assert_eq!(refusal(body), expected, "{body}");
        }
        assert!(Fields::parse(b"{\"name\":\"\xff\"}", KNOWN).is_err());
        assert!(Fields::parse(b"\xef\xbb\xbf{}", KNOWN).is_err());
    }

    #[test]
    fn null_and_absent_differ_only_where_a_field_is_not_nullable() {
        let parse = |body: &str| Fields::parse(body.as_bytes(), KNOWN).expect(body);
        assert_eq!(parse("{}").take_string("name"), Ok(None));
        assert_eq!(parse("{\"name\":null}").take_nullable_string("name"), Ok(None));
        assert_eq!(parse("{\"name\":null}").take_nullable_strings("name"), Ok(vec![]));
        let error = parse("{\"name\":null}").take_string("name").expect_err("null");
        assert_eq!(error.to_string(), "`name` must be a string, not null");
        let error = parse("{\"name\":[\"a\",1]}").take_nullable_strings("name").expect_err("1");
        assert_eq!(error.to_string(), "`name[1]` must be a string, not a number");
        let error = parse("{\"name\":{}}").take_nullable_strings("name").expect_err("{}");
        assert_eq!(error.to_string(), "`name` must be a list of strings or null, not an object");
    }

    #[test]
    fn booleans_and_numbers_are_taken_in_bounds() {
        let parse = |value: &str| {
            Fields::parse(format!("{{\"name\":{value}}}").as_bytes(), KNOWN).expect(value)
        };
        assert_eq!(parse("true").take_boolean("name"), Ok(Some(true)));
        let error = parse("\"true\"").take_boolean("name").expect_err("a string");
        assert_eq!(error.to_string(), "`name` must be a boolean, not a string");
        for (value, number) in [("0", 0), ("30", 30), ("7.0", 7), ("3e1", 30)] {
            assert_eq!(parse(value).take_integer("name", 0, 30), Ok(Some(number)));
        }
        for value in ["-1", "31", "1.5", "1e300", "-0.5", "99999999999999999999"] {
            let error = parse(value).take_integer("name", 0, 30).expect_err(value);
            assert_eq!(error.to_string(), "`name` must be a whole number from 0 to 30");
        }
        let error = parse("null").take_integer("name", 0, 30).expect_err("null");
        assert_eq!(error.to_string(), "`name` must be a number, not null");
        assert_eq!(Fields::default().take_integer("name", 0, 1), Ok(None));
        let missing = Fields::default().take_required_string("name").expect_err("missing");
        assert_eq!(missing.to_string(), "`name` is required");
    }

    #[test]
    fn deep_nesting_is_refused_without_a_panic() {
        let body = format!("{{\"name\":{}{}}}", "[".repeat(30_000), "]".repeat(30_000));
        assert!(Fields::parse(body.as_bytes(), KNOWN).is_err());
    }

    proptest! {
        /// No refusal quotes a value: a secret put in the wrong place stays out of answers and logs.
        #[test]
        fn no_refusal_holds_a_value_or_a_secret(secret in "[0-9A-Za-z]{43}", shape in 0..6) {
            let body = match shape {
                0 => format!("\"{secret}\""),
                1 => format!("{{\"{secret}\":1}}"),
                2 => format!("{{\"name\":{secret}}}"),
                3 => format!("{{\"{secret}\":1,\"{secret}\":2}}"),
                4 => secret.clone(),
                _ => format!("{{\"name\":\"{secret}"),
            };
            prop_assert!(!refusal(&body).contains(&secret));
        }

        #[test]
        fn no_body_panics(body in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = Fields::parse(&body, KNOWN);
        }
    }
}
