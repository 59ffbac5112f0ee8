//! Service-account keys: identities, tokens, minting, verification, and the key store.
//!
//! Each of the three layers imports only the layers before it: [`domain`] defines keys and accounts and uses
//! neither a table nor a clock, [`store`] keeps them in DynamoDB, and [`service`] implements the product.
//! This crate contains no dialect, HTTP, or Lambda code. A function leaves every decision to [`Latchkey`].

pub mod domain;
pub mod service;
pub mod store;

// The vocabulary of every layer and of every user of this crate.
pub use domain::{
    account, audit, error, id, idempotency, key, leak, limit, organizations, policy, principal,
    scope, text, time, token, warning, webhook,
};
pub use error::Error;
pub use service::{Latchkey, operator, warnings};
