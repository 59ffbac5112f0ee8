//! Races and crashes: what the core guarantees under every order of the store's requests, with lost responses,
//! conflicts, dying processes, clocks that disagree, and items that DynamoDB deletes in between.
//!
//! The outcome of a schedule must be that of the same operations one after another, in some order.

mod check;
mod crashes;
mod operation;
mod race;
mod races;
mod serial;
mod warnings;
mod world;
