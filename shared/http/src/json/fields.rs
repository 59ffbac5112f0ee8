//! The fields of a body. An operation takes each field that it knows, and any other field is rejected.

use std::borrow::Cow;
use std::str::FromStr;

use http::header::CONTENT_TYPE;
use latchkey::text::excerpt;
use serde_json::Value;

use super::document::Document;
use super::is_json;
use crate::body::{InvalidBody, InvalidValue};
use crate::request::Request;

/// The fields of a request body. Taking a field makes it known. An operation takes all of its fields before
/// it checks any result, so that the error for an unknown field can name the known ones.
#[derive(Debug, Default)]
pub struct Fields {
    entries: Vec<(String, Option<Value>)>,
    known: Vec<&'static str>,
}

impl Fields {
    /// Reads the JSON body of `request` with `read`, which must take every field. An empty body counts as an
    /// empty object.
    ///
    /// # Errors
    ///
    /// [`InvalidBody`], which names the field and the rule, and never quotes values.
    pub fn read<T>(request: &Request, read: impl FnOnce(&mut Self) -> T) -> Result<T, InvalidBody> {
        let body = request.body()?;
        // An empty body may have any `Content-Type`, because some clients always send one.
        if !body.is_empty() && !is_json(request.headers.get(CONTENT_TYPE)) {
            return Err(InvalidBody::MediaType);
        }
        let mut fields = Self::parse(body)?;
        let taken = read(&mut fields);
        fields.refuse_others()?;
        Ok(taken)
    }

    fn parse(body: &[u8]) -> Result<Self, InvalidBody> {
        if body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self::default());
        }
        let entries = match serde_json::from_slice::<Document>(body) {
            Ok(Document::Object(entries)) => entries,
            Ok(Document::Other(found)) => return Err(InvalidBody::NotAnObject(found)),
            Err(error) => return Err(syntax(&error)),
        };
        let entries = entries.into_iter().map(|(field, value)| (field, Some(value))).collect();
        Ok(Self { entries, known: Vec::new() })
    }

    /// Rejects unknown and duplicate fields.
    fn refuse_others(&self) -> Result<(), InvalidBody> {
        for (index, (field, _)) in self.entries.iter().enumerate() {
            if self.entries.iter().take(index).any(|(earlier, _)| earlier == field) {
                return Err(InvalidBody::DuplicateField(excerpt(field)));
            }
            if !self.known.contains(&field.as_str()) {
                return Err(unknown(field, &self.known));
            }
        }
        Ok(())
    }

    /// Takes a field; `None` if it is missing.
    fn take(&mut self, field: &'static str) -> Option<Value> {
        self.known.push(field);
        self.entries.iter_mut().find(|(name, _)| name == field)?.1.take()
    }

    /// Takes a string; `None` if it is missing. `null` is not a string.
    ///
    /// # Errors
    ///
    /// [`InvalidBody::WrongType`] if it is not a string, [`InvalidBody::InvalidValue`].
    pub fn text<T>(&mut self, field: &'static str) -> Result<Option<T>, InvalidBody>
    where
        T: FromStr<Err: Into<InvalidValue>>,
    {
        let text = self.take(field).map(|value| string(field.into(), value, "a string"));
        text.transpose()?.map(|text| parse(field, &text)).transpose()
    }

    /// Takes a required string.
    ///
    /// # Errors
    ///
    /// [`InvalidBody::MissingField`], and the errors of [`Fields::text`].
    pub fn required_text<T>(&mut self, field: &'static str) -> Result<T, InvalidBody>
    where
        T: FromStr<Err: Into<InvalidValue>>,
    {
        self.text(field)?.ok_or(InvalidBody::MissingField(field))
    }

    /// Takes a string or `null`, which gives `Some(None)`; `None` if the field is missing.
    ///
    /// # Errors
    ///
    /// [`InvalidBody::WrongType`] if it is neither a string nor `null`, [`InvalidBody::InvalidValue`].
    pub fn nullable_text<T>(
        &mut self,
        field: &'static str,
    ) -> Result<Option<Option<T>>, InvalidBody>
    where
        T: FromStr<Err: Into<InvalidValue>>,
    {
        match self.take(field) {
            None => Ok(None),
            Some(Value::Null) => Ok(Some(None)),
            Some(value) => {
                let text = string(field.into(), value, "a string or null")?;
                parse(field, &text).map(|value| Some(Some(value)))
            }
        }
    }

    /// Takes a list of strings or `null`, which gives an empty list; `None` if the field is missing.
    ///
    /// # Errors
    ///
    /// [`InvalidBody::WrongType`] for any other type, naming the element.
    pub fn nullable_strings(
        &mut self,
        field: &'static str,
    ) -> Result<Option<Vec<String>>, InvalidBody> {
        match self.take(field) {
            None => Ok(None),
            Some(Value::Null) => Ok(Some(Vec::new())),
            Some(Value::Array(values)) => strings(field, values).map(Some),
            Some(other) => Err(InvalidBody::WrongType {
                field: field.into(),
                expected: "a list of strings or null",
                found: kind(&other),
            }),
        }
    }

    /// Takes a list of strings; `None` if the field is missing. `null` is not a list.
    ///
    /// # Errors
    ///
    /// [`InvalidBody::WrongType`] for any other type, naming the element.
    pub fn strings(&mut self, field: &'static str) -> Result<Option<Vec<String>>, InvalidBody> {
        match self.take(field) {
            None => Ok(None),
            Some(Value::Array(values)) => strings(field, values).map(Some),
            Some(other) => Err(InvalidBody::WrongType {
                field: field.into(),
                expected: "a list of strings",
                found: kind(&other),
            }),
        }
    }

    /// Takes `true` or `false`; `None` if the field is missing.
    ///
    /// # Errors
    ///
    /// [`InvalidBody::WrongType`] for any other type.
    pub fn boolean(&mut self, field: &'static str) -> Result<Option<bool>, InvalidBody> {
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

    /// Takes a whole number from `min` to `max`; `None` if the field is missing.
    ///
    /// # Errors
    ///
    /// [`InvalidBody::WrongType`], [`InvalidBody::OutOfRange`].
    pub fn integer(
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
        // JSON has one number type, so 7.0 is 7.
        let whole = number.as_u64().or_else(|| {
            let number = number.as_f64().filter(|number| number.fract() == 0.0)?;
            (0.0..=9_007_199_254_740_991.0).contains(&number).then_some(number as u64)
        });
        match whole.filter(|number| (min..=max).contains(number)) {
            Some(number) => Ok(Some(number)),
            None => Err(InvalidBody::OutOfRange { field, min, max }),
        }
    }
}

fn parse<T>(field: &'static str, text: &str) -> Result<T, InvalidBody>
where
    T: FromStr<Err: Into<InvalidValue>>,
{
    text.parse()
        .map_err(|problem: T::Err| InvalidBody::InvalidValue { field, problem: problem.into() })
}

fn strings(field: &'static str, values: Vec<Value>) -> Result<Vec<String>, InvalidBody> {
    let strings = values
        .into_iter()
        .enumerate()
        .map(|(index, value)| string(format!("{field}[{index}]").into(), value, "a string"));
    strings.collect()
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

/// Keeps only the category and the position, because `serde_json`'s messages may quote the body.
fn syntax(error: &serde_json::Error) -> InvalidBody {
    let problem = if error.is_eof() { "unexpected end of input" } else { "unexpected input" };
    InvalidBody::Syntax { problem, line: error.line(), column: error.column() }
}

fn unknown(field: &str, known: &[&str]) -> InvalidBody {
    // `expires_at`, `ExpiresAt`, and `expires-at` are all common spellings of `expiresAt`.
    let folded = |name: &str| name.to_ascii_lowercase().replace(['_', '-'], "");
    let similarity = |name: &str| strsim::jaro_winkler(&folded(field), &folded(name));
    let nearest = known
        .iter()
        .map(|name| (similarity(name), name))
        .filter(|(similarity, _)| *similarity > 0.7)
        .max_by(|(left, _), (right, _)| left.total_cmp(right));
    let hint = match nearest {
        Some((_, name)) => format!("did you mean `{name}`?"),
        None => format!("allowed fields: `{}`", known.join("`, `")),
    };
    InvalidBody::UnknownField { field: excerpt(field), hint }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Returns the result of `take` in an operation that knows `expiresAt` and `name`.
    fn read<T>(
        body: &[u8],
        take: impl FnOnce(&mut Fields) -> Result<T, InvalidBody>,
    ) -> Result<T, InvalidBody> {
        let request = Request { body: Some(body.to_vec()), ..Request::default() };
        Fields::read(&request, |fields| {
            fields.known.extend(["expiresAt", "name"]);
            take(fields)
        })?
    }

    fn refusal(body: &str) -> String {
        read(body.as_bytes(), |_| Ok(())).expect_err(body).to_string()
    }

    #[test]
    fn an_empty_body_is_an_empty_object() {
        for body in ["", " \r\n\t", "{}", " { } "] {
            let name = read(body.as_bytes(), |fields| fields.text::<String>("name"));
            assert_eq!(name, Ok(None), "{body:?}");
        }
    }

    #[test]
    fn what_is_taken_is_known_and_all_is_taken_before_the_first_refusal() {
        let body = br#"{"nam":"a","expiresAt":1}"#;
        let request = Request { body: Some(body.to_vec()), ..Request::default() };
        let read = Fields::read(&request, |fields| {
            (fields.text::<String>("expiresAt"), fields.required_text::<String>("name"))
        });
        let error = read.expect_err("refused").to_string();
        assert_eq!(error, "`nam` is not a field of this request; did you mean `name`?");
    }

    #[test]
    fn a_refusal_names_the_field_and_the_rule() {
        for (body, expected) in [
            ("[]", "the body must be a JSON object, not a list"),
            ("null", "the body must be a JSON object, not null"),
            ("7", "the body must be a JSON object, not a number"),
            ("\"x\"", "the body must be a JSON object, not a string"),
            ("{", "the body is not valid JSON: unexpected end of input at line 1, column 1"),
            (
                "{\"name\": sk_1}",
                "the body is not valid JSON: unexpected input at line 1, column 10",
            ),
            ("{} {}", "the body is not valid JSON: unexpected input at line 1, column 4"),
            (
                "{\"name\":\"\\ud800\"}",
                "the body is not valid JSON: unexpected input at line 1, column 16",
            ),
            ("{\"name\":\"a\",\"name\":\"b\"}", "the body contains the field `name` twice"),
            ("{\"n\\u0061me\":\"a\",\"name\":\"b\"}", "the body contains the field `name` twice"),
            (
                "{\"expires_at\":1}",
                "`expires_at` is not a field of this request; did you mean `expiresAt`?",
            ),
            ("{\"Name\":1}", "`Name` is not a field of this request; did you mean `name`?"),
            (
                "{\"zzz\":1}",
                "`zzz` is not a field of this request; allowed fields: `expiresAt`, `name`",
            ),
        ] {
            assert_eq!(refusal(body), expected, "{body}");
        }
        assert!(read(b"{\"name\":\"\xff\"}", |_| Ok(())).is_err());
        assert!(read(b"\xef\xbb\xbf{}", |_| Ok(())).is_err());
    }

    #[test]
    fn null_and_absent_differ() {
        let text = |body: &str| read(body.as_bytes(), |fields| fields.text::<String>("name"));
        let nullable =
            |body: &str| read(body.as_bytes(), |fields| fields.nullable_text::<String>("name"));
        let strings = |body: &str| read(body.as_bytes(), |fields| fields.nullable_strings("name"));
        let (absent, null) = ("{}", "{\"name\":null}");
        assert_eq!(text(absent), Ok(None));
        assert_eq!((nullable(absent), nullable(null)), (Ok(None), Ok(Some(None))));
        assert_eq!((strings(absent), strings(null)), (Ok(None), Ok(Some(vec![]))));
        let message = |error: InvalidBody| error.to_string();
        assert_eq!(
            text(null).map_err(message),
            Err("`name` must be a string, not null".to_owned())
        );
        assert_eq!(
            strings("{\"name\":[\"a\",1]}").map_err(message),
            Err("`name[1]` must be a string, not a number".to_owned())
        );
        let required = |body: &str| read(body.as_bytes(), |fields| fields.strings("name"));
        assert_eq!(required(absent), Ok(None));
        assert_eq!(required("{\"name\":[\"a\"]}"), Ok(Some(vec!["a".to_owned()])));
        assert_eq!(
            required(null).map_err(message),
            Err("`name` must be a list of strings, not null".to_owned())
        );
        assert_eq!(
            strings("{\"name\":{}}").map_err(message),
            Err("`name` must be a list of strings or null, not an object".to_owned())
        );
    }

    #[test]
    fn booleans_and_numbers_are_taken_in_bounds() {
        let body = |value: &str| format!("{{\"name\":{value}}}").into_bytes();
        let boolean = |value: &str| read(&body(value), |fields| fields.boolean("name"));
        let integer = |value: &str| read(&body(value), |fields| fields.integer("name", 0, 30));
        assert_eq!(boolean("true"), Ok(Some(true)));
        let error = boolean("\"true\"").expect_err("a string");
        assert_eq!(error.to_string(), "`name` must be a boolean, not a string");
        for (value, number) in [("0", 0), ("30", 30), ("7.0", 7), ("3e1", 30)] {
            assert_eq!(integer(value), Ok(Some(number)));
        }
        for value in ["-1", "31", "1.5", "1e300", "-0.5", "99999999999999999999"] {
            let error = integer(value).expect_err(value);
            assert_eq!(error.to_string(), "`name` must be a whole number from 0 to 30");
        }
        let error = integer("null").expect_err("null");
        assert_eq!(error.to_string(), "`name` must be a number, not null");
        assert_eq!(Fields::default().integer("name", 0, 1), Ok(None));
        let missing = Fields::default().required_text::<String>("name").expect_err("missing");
        assert_eq!(missing.to_string(), "`name` is required");
    }

    #[test]
    fn deep_nesting_is_refused_without_a_panic() {
        let body = format!("{{\"name\":{}{}}}", "[".repeat(30_000), "]".repeat(30_000));
        assert!(read(body.as_bytes(), |_| Ok(())).is_err());
    }

    proptest! {
        /// No error quotes a value, so a secret in the wrong place stays out of responses and logs.
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
            let _ = read(&body, |_| Ok(()));
        }
    }
}
