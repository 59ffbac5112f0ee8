//! What every dialect does with a request and a response: bearers, JSON bodies, replies and headers.

use std::borrow::Cow;

use lambda_http::http::header::{
    ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE,
};
use lambda_http::http::{HeaderMap, HeaderValue, Response, StatusCode};
use lambda_http::{Body, Request};
use serde::Serialize;

use crate::error::{Error, Unauthenticated};
use crate::gateway::Base64Failed;
use crate::json::{BODY_BYTES_MAX, Fields, InvalidBody};

/// The bearer token of a request (RFC 6750, section 2.1; the scheme in any case).
///
/// # Errors
///
/// [`Unauthenticated`] if there is none, or more than one.
pub fn bearer(headers: &HeaderMap) -> Result<&str, Unauthenticated> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().ok_or(Unauthenticated::Missing)?;
    if values.next().is_some() {
        return Err(Unauthenticated::Scheme);
    }
    let value = value.to_str().map_err(|_| Unauthenticated::Scheme)?.trim();
    if value.is_empty() {
        return Err(Unauthenticated::Missing);
    }
    let (scheme, token) = value.split_once(' ').ok_or(Unauthenticated::Scheme)?;
    let token = token.trim_start();
    if scheme.eq_ignore_ascii_case("Bearer") && !token.is_empty() {
        Ok(token)
    } else {
        Err(Unauthenticated::Scheme)
    }
}

/// The fields of a request's JSON body, all of them among `known`.
///
/// # Errors
///
/// [`InvalidBody`], from the size to the last field.
pub fn json_fields(request: &Request, known: &[&str]) -> Result<Fields, InvalidBody> {
    let body = request.body().as_ref();
    if body.len() > BODY_BYTES_MAX {
        return Err(InvalidBody::TooLarge);
    }
    if request.extensions().get::<Base64Failed>().is_some() {
        return Err(InvalidBody::Base64);
    }
    // No body has no type: clients that always send a `Content-Type` need not lie about it.
    if !body.is_empty() && !is_json(request.headers().get(CONTENT_TYPE)) {
        return Err(InvalidBody::MediaType);
    }
    Fields::parse(body, known)
}

/// The parameter `name` of a form body (`application/x-www-form-urlencoded`), given exactly once.
///
/// # Errors
///
/// [`InvalidBody`] for another body, [`Error::Parameter`] if it is not given once.
pub fn form_parameter(request: &Request, name: &'static str) -> Result<String, Error> {
    let body = request.body().as_ref();
    if body.len() > BODY_BYTES_MAX {
        return Err(InvalidBody::TooLarge.into());
    }
    if request.extensions().get::<Base64Failed>().is_some() {
        return Err(InvalidBody::Base64.into());
    }
    let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
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

/// The values of the parameter `name` in a query string.
pub fn query_parameters<'q>(query: &'q str, name: &'q str) -> impl Iterator<Item = Cow<'q, str>> {
    let parameters = form_urlencoded::parse(query.as_bytes());
    parameters.filter(move |(known, _)| known == name).map(|(_, value)| value)
}

const FORM: &str = "application/x-www-form-urlencoded";

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

/// A response with a body that is JSON already.
pub fn json_response(status: StatusCode, text: String) -> Response<Body> {
    let mut response = Response::new(Body::Text(text));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

/// A JSON response, served as `application/json; charset=utf-8` as LakeSail documents.
pub fn reply(status: StatusCode, body: &impl Serialize) -> Response<Body> {
    json_response(status, json_text(body))
}

/// A body, or a part of one, as JSON.
///
/// # Panics
///
/// If `body` is more than structs of texts, numbers and lists.
pub fn json_text(body: &impl Serialize) -> String {
    serde_json::to_string(body).expect("a struct of texts, numbers and lists serializes")
}

/// A response without a body: 204.
pub fn no_content() -> Response<Body> {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// Marks a response that holds a secret: no cache may keep it (RFC 9111, section 5.2.2.5).
#[must_use]
pub fn no_store(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A dialect's body for an error, with the headers that the error's status asks for.
pub fn reply_error(error: &Error, body: &impl Serialize) -> Response<Body> {
    let mut response = reply(error.status(), body);
    let headers = response.headers_mut();
    if let Some(Ok(challenge)) = error.challenge().map(HeaderValue::try_from) {
        headers.insert(WWW_AUTHENTICATE, challenge);
    }
    if let Some(seconds) = error.retry_after_seconds() {
        headers.insert(RETRY_AFTER, seconds.into());
    }
    if let Error::MethodNotAllowed { allowed, .. } = error {
        let methods: Vec<&str> = allowed.iter().map(|method| method.as_str()).collect();
        if let Ok(methods) = methods.join(", ").try_into() {
            headers.insert(ALLOW, methods);
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (AUTHORIZATION, value.parse().expect("a value"))).collect()
    }

    #[test]
    fn a_bearer_is_read_whatever_the_case_of_its_scheme() {
        for value in ["Bearer abc", "bearer abc", "BEARER  abc", " Bearer abc "] {
            assert_eq!(bearer(&headers(&[value])), Ok("abc"), "{value}");
        }
    }

    #[test]
    fn anything_else_is_no_bearer() {
        assert_eq!(bearer(&headers(&[])), Err(Unauthenticated::Missing));
        assert_eq!(bearer(&headers(&[""])), Err(Unauthenticated::Missing));
        for value in ["Bearer", "Bearer ", "Basic abc", "abc", "Bearerabc"] {
            assert_eq!(bearer(&headers(&[value])), Err(Unauthenticated::Scheme), "{value}");
        }
        let twice = headers(&["Bearer abc", "Bearer def"]);
        assert_eq!(bearer(&twice), Err(Unauthenticated::Scheme));
    }

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

    proptest! {
        #[test]
        fn no_authorization_panics(value in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                let _ = bearer(&HeaderMap::from_iter([(AUTHORIZATION, value)]));
            }
        }
    }
}
