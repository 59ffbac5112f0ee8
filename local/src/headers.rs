//! Request headers of a caller.

use lambda_http::http::HeaderMap;
use lambda_http::http::header::AUTHORIZATION;

use crate::sample::SampleKey;

/// The headers of a caller that presents one of the sample keys.
pub fn bearer(key: SampleKey) -> HeaderMap {
    authorization(&format!("Bearer {}", key.token()))
}

/// The headers of a caller with this `Authorization`.
///
/// # Panics
///
/// If that is no header's value.
pub fn authorization(value: &str) -> HeaderMap {
    HeaderMap::from_iter([(AUTHORIZATION, value.parse().expect("a header's value"))])
}
