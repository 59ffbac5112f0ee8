//! Service-account keys: identities, tokens, minting, verification and the key store.
//!
//! This crate knows no dialect. A function speaks one, and leaves every decision to [`Latchkey`].

pub mod account;
mod cache;
pub mod client;
pub mod config;
mod deployment;
mod encoding;
pub mod error;
pub mod gateway;
pub mod http;
pub mod id;
pub mod idempotency;
pub mod json;
pub mod key;
mod last_used;
mod latchkey;
pub mod log;
pub mod metrics;
pub mod operator;
pub mod organizations;
pub mod page;
pub mod principal;
pub mod route;
pub mod runtime;
pub mod scope;
mod sealing;
mod start;
pub mod store;
pub mod text;
pub mod time;
pub mod token;
mod verify;

pub use latchkey::{Latchkey, MintRequest, Minted, REQUEST_TIMEOUT, RotateRequest};
pub use start::start;
