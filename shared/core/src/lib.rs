//! Service-account keys: identities, tokens, minting, verification and the key store.
//!
//! Three layers, each of which imports only those before it: [`domain`] knows what keys and accounts are, and
//! neither a table nor a clock; [`store`] keeps them in DynamoDB; [`service`] does what the product does.
//! This crate knows no dialect, no HTTP and no Lambda. A function leaves every decision to [`Latchkey`].

pub mod domain;
pub mod service;
pub mod store;

// The vocabulary of every layer, and of everyone who uses this crate.
pub use domain::{
    account, error, id, idempotency, key, organizations, policy, principal, scope, text, time,
    token,
};
pub use error::Error;
pub use service::{Latchkey, operator};
