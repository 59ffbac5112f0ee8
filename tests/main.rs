//! Checks of the whole repository.
//!
//! One program: it links once, and its tests share all cores until the last one ends.

mod costs;
mod events;
mod features;
mod figures;
mod layers;
mod links;
mod model;
mod monitoring;
mod parameters;
mod secret_scanning;
mod settings;
mod template;
mod token_format;
mod warnings;
mod webhooks;
