//! What keys, accounts and callers are, and the rules that need nothing else: no table, no clock and no
//! input or output of any kind.

pub mod account;
mod encoding;
pub mod error;
pub mod id;
pub mod idempotency;
pub mod key;
pub mod organizations;
pub mod policy;
pub mod principal;
pub mod scope;
pub mod text;
pub mod time;
pub mod token;
