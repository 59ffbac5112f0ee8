//! What the core guarantees, with the embedded DynamoDB below it.
//!
//! One program: it links once, and its tests share all cores until the last one ends.

mod authority;
mod leak;
mod lifecycle;
mod mint;
mod organizations;
mod recount;
mod restore;
mod stored;
mod tampering;
mod trail;
mod verify;
mod warnings;
mod webhooks;
