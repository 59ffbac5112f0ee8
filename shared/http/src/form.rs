//! Form bodies: `application/x-www-form-urlencoded`.

use http::header::CONTENT_TYPE;

use crate::body::InvalidBody;
use crate::error::Error;
use crate::request::Request;

const FORM: &str = "application/x-www-form-urlencoded";

/// Returns the parameter `name` of a form body, which must be given exactly once.
///
/// # Errors
///
/// [`InvalidBody`] if the body is not a form, [`Error::Parameter`] if the parameter is not given exactly
/// once.
pub fn form_parameter(request: &Request, name: &'static str) -> Result<String, Error> {
    let body = request.body()?;
    let content_type = request.header(CONTENT_TYPE);
    let media_type = content_type.and_then(|value| value.split(';').next()).map(str::trim);
    if !media_type.is_some_and(|known| known.eq_ignore_ascii_case(FORM)) {
        return Err(InvalidBody::NotAForm.into());
    }
    let mut values = form_urlencoded::parse(body).filter(|(known, _)| known == name);
    match (values.next(), values.next()) {
        (Some((_, value)), None) if !value.is_empty() => Ok(value.into_owned()),
        _ => Err(Error::Parameter(name)),
    }
}
