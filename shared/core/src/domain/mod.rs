//! Keys, accounts, callers, and the rules that need no table, no clock, and no I/O.

pub mod account;
pub mod audit;
mod encoding;
pub mod error;
pub mod id;
pub mod idempotency;
pub mod key;
pub mod leak;
pub mod limit;
pub mod organizations;
pub mod policy;
pub mod principal;
pub mod scope;
pub mod text;
pub mod time;
pub mod token;
pub mod warning;
pub mod webhook;
