//! HTTP over Lambda, for functions that each implement a dialect of [`latchkey`].
//!
//! From the event to the response, in the order of a request: [`event`], [`request`], [`route`],
//! [`authenticate`], [`json`], [`form`], [`page`], and [`response`]. [`error`] defines the errors and their
//! HTTP responses. Around them are [`start`](start::start), [`serve`], and the destinations of logs and
//! metrics.

pub mod authenticate;
pub mod aws;
pub mod bearer;
pub mod body;
pub mod error;
pub mod event;
pub mod form;
pub mod idempotency;
pub mod json;
pub mod log;
pub mod metrics;
pub mod page;
pub mod request;
pub mod response;
pub mod route;
pub mod runtime;
pub mod serve;
mod start;
mod status;
pub mod stream;
pub mod webhook_secret;

pub use error::Error;
pub use http;
pub use http::StatusCode;
pub use request::Request;
pub use response::Response;
pub use start::{Settings, start};
