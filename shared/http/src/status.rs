//! The HTTP form of every error in all dialects: the status, the challenge, and the retry delay.

use http::header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use latchkey::Error as Refused;
use latchkey::principal::Denial;
use latchkey::store::StoreError;
use serde::Serialize;

use crate::body::InvalidBody;
use crate::error::Error;
use crate::response::Response;

/// The challenge to present a key. A scheme always has a parameter (RFC 6750, section 3).
const BEARER: &str = r#"Bearer realm="latchkey""#;

/// The challenge to present a different key.
const INVALID_TOKEN: &str = r#"Bearer realm="latchkey", error="invalid_token""#;

/// The challenge to present a key with more permissions.
const INSUFFICIENT_SCOPE: &str = r#"Bearer realm="latchkey", error="insufficient_scope""#;

/// When another service may have recovered. Latchkey asks none more often.
const DEPENDENCY_RETRY_SECONDS: u32 = 60;

impl Error {
    /// Returns the HTTP status of this error in every dialect.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::RouteNotFound
            | Self::UnknownAccount
            | Self::UnknownKey
            | Self::UnknownWebhook
            | Self::UnknownDelivery => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::NoCredentials | Self::OtherScheme => StatusCode::UNAUTHORIZED,
            Self::InvalidBody(body) => body.status(),
            Self::Parameter(_)
            | Self::InvalidAccountId(_)
            | Self::InvalidKeyId(_)
            | Self::InvalidPage { .. }
            | Self::InvalidIdempotencyKey(_)
            | Self::InvalidScope(_)
            | Self::InvalidOrganization(_)
            | Self::UnknownScope { .. } => StatusCode::BAD_REQUEST,
            // No key that a caller could present would help, so this is not a 401.
            Self::InvalidSignature(_) => StatusCode::FORBIDDEN,
            Self::Dependency(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Service(error) => of_service(error),
        }
    }

    /// Returns the seconds after which the same request may succeed, if waiting helps.
    pub fn retry_after_seconds(&self) -> Option<u32> {
        match self {
            Self::Dependency(_) => Some(DEPENDENCY_RETRY_SECONDS),
            _ => (self.status() == StatusCode::SERVICE_UNAVAILABLE).then_some(1),
        }
    }

    /// Returns the challenge of a 401 or 403 response (RFC 6750, section 3). The same request may succeed
    /// with another key. If that key needs a specific scope, the challenge names it.
    pub fn challenge(&self) -> Option<String> {
        let scoped = |scope: &str| Some(format!(r#"{INSUFFICIENT_SCOPE}, scope="{scope}""#));
        match self {
            Self::NoCredentials | Self::OtherScheme => Some(BEARER.to_owned()),
            Self::Service(Refused::Unauthenticated(_)) => Some(INVALID_TOKEN.to_owned()),
            Self::Service(Refused::Denied(denial)) => match denial {
                Denial::MissingScope(scope)
                | Denial::ScopeNotHeld(scope)
                | Denial::TargetHoldsScope(scope) => scoped(scope.as_ref()),
                Denial::FullAccessNeeded
                | Denial::FullAccessNotHeld
                | Denial::TargetHasFullAccess
                | Denial::LaterExpiry(_)
                | Denial::RootKey
                | Denial::OrganizationNotAllowed => Some(INSUFFICIENT_SCOPE.to_owned()),
                // No scope would help.
                Denial::RootKeyNeeded | Denial::OtherOrganization => None,
            },
            _ => None,
        }
    }

    /// Creates the response for this error from a dialect's body, with the headers that the status requires.
    pub fn response(&self, body: &impl Serialize) -> Response {
        let mut response = Response::json(self.status(), body);
        let headers = &mut response.headers;
        if let Some(Ok(challenge)) = self.challenge().map(HeaderValue::try_from) {
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        if let Some(seconds) = self.retry_after_seconds() {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        if let Self::MethodNotAllowed { allowed, .. } = self {
            let methods: Vec<&str> = allowed.iter().map(|method| method.as_str()).collect();
            if let Ok(methods) = methods.join(", ").try_into() {
                headers.insert(ALLOW, methods);
            }
        }
        response
    }
}

fn of_service(error: &Refused) -> StatusCode {
    match error {
        Refused::Unauthenticated(_) => StatusCode::UNAUTHORIZED,
        Refused::Denied(_) => StatusCode::FORBIDDEN,
        Refused::InvalidExpiry(_) => StatusCode::BAD_REQUEST,
        Refused::AccountNotFound(_)
        | Refused::KeyNotFound(_)
        | Refused::WebhookNotFound(_)
        | Refused::DeliveryNotFound(_) => StatusCode::NOT_FOUND,
        Refused::AccountDisabled(_)
        | Refused::OrganizationDisabled(_)
        | Refused::KeyEnded { .. }
        | Refused::RotatedRecently(_)
        | Refused::OwnAccount(_)
        | Refused::KeyLimitReached { .. }
        | Refused::AccountLimitReached { .. }
        | Refused::WebhookLimitReached { .. }
        | Refused::WebhookDisabled(_)
        | Refused::NotReplayable(..)
        | Refused::NotDiscardable(..)
        | Refused::IdempotencyKeyReused => StatusCode::CONFLICT,
        Refused::Busy | Refused::Random(_) | Refused::Store(StoreError::Unavailable(_)) => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        Refused::Store(StoreError::Refused(_) | StoreError::Corrupt(_)) => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
    }
}

impl InvalidBody {
    fn status(&self) -> StatusCode {
        match self {
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Base64
            | Self::NotAForm
            | Self::Syntax { .. }
            | Self::NotAnObject(_)
            | Self::NotAListOf(_)
            | Self::TooMany { .. }
            | Self::DuplicateField(_)
            | Self::UnknownField { .. }
            | Self::MissingField(_)
            | Self::OutOfRange { .. }
            | Self::WrongType { .. }
            | Self::InvalidValue { .. } => StatusCode::BAD_REQUEST,
        }
    }
}

#[cfg(test)]
mod tests {
    use latchkey::error::Refusal;
    use latchkey::token::InvalidToken;

    use super::*;

    #[test]
    fn a_refused_key_reads_the_same_whatever_the_reason() {
        for reason in [
            Refusal::Malformed(InvalidToken::Checksum),
            Refusal::Unknown,
            Refusal::Digest,
            Refusal::AccountDisabled,
            Refusal::OrganizationDisabled,
            Refusal::Revoked,
            Refusal::Expired,
        ] {
            let error = Error::from(Refused::Unauthenticated(reason));
            assert_eq!(error.to_string(), "the key is invalid, revoked, or expired");
            assert_eq!(error.status(), StatusCode::UNAUTHORIZED);
            assert_eq!(error.challenge().as_deref(), Some(INVALID_TOKEN));
        }
    }

    #[test]
    fn a_challenge_says_what_another_key_must_be() {
        let scope = || "keys.read".parse().expect("a scope");
        let named = r#"Bearer realm="latchkey", error="insufficient_scope", scope="keys.read""#;
        for (denial, challenge) in [
            (Denial::MissingScope(scope()), Some(named)),
            (Denial::ScopeNotHeld(scope()), Some(named)),
            (Denial::FullAccessNeeded, Some(INSUFFICIENT_SCOPE)),
            (Denial::FullAccessNotHeld, Some(INSUFFICIENT_SCOPE)),
            (Denial::TargetHoldsScope(scope()), Some(named)),
            (Denial::TargetHasFullAccess, Some(INSUFFICIENT_SCOPE)),
            (
                Denial::LaterExpiry("2026-01-01T00:00:00Z".parse().expect("a time")),
                Some(INSUFFICIENT_SCOPE),
            ),
            (Denial::RootKey, Some(INSUFFICIENT_SCOPE)),
            (Denial::OrganizationNotAllowed, Some(INSUFFICIENT_SCOPE)),
            (Denial::RootKeyNeeded, None),
            (Denial::OtherOrganization, None),
        ] {
            assert_eq!(Error::from(denial.clone()).challenge().as_deref(), challenge, "{denial:?}");
        }
        for missing in [Error::NoCredentials, Error::OtherScheme] {
            assert_eq!(missing.challenge().as_deref(), Some(r#"Bearer realm="latchkey""#));
        }
        assert!(INVALID_TOKEN.starts_with(BEARER) && INSUFFICIENT_SCOPE.starts_with(BEARER));
    }

    #[test]
    fn only_a_503_asks_to_come_back() {
        assert_eq!(Error::from(Refused::Busy).retry_after_seconds(), Some(1));
        assert_eq!(Error::RouteNotFound.retry_after_seconds(), None);
    }
}
