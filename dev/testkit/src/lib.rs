//! Development only: code that the tests of all crates share.
//!
//! Nothing here is part of a shipped binary or of `cargo dev`.

pub mod actions;
mod answer;
pub mod aws;
mod connector;
pub mod contract;
pub mod endpoint;
pub mod event;
pub mod event_bridge;
mod expansion;
pub mod faulty;
mod http1;
pub mod interruption;
pub mod logs;
pub mod meter;
pub mod misbehaving;
pub mod permissions;
pub mod project;
mod replay;
pub mod runtime_api;
pub mod samples;
pub mod schedule;
pub mod secrets;
pub mod suite;
mod tenant;
mod test_table;
pub mod tls;
pub mod wire;

pub use answer::Answer;
pub use latchkey_database::{ACCESS_KEY, REGION, SECRET_KEY, sample, table};
pub use latchkey_http::{Error as HttpError, Response};
pub use replay::text_response;
pub use tenant::Tenant;
pub use test_table::{NO_CACHE, TestTable};
