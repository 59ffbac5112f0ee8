//! The command line, run as a program.
//!
//! One program: it links once, and its tests share all cores until the last one ends.

mod accounts;
mod audit;
mod cli;
mod common;
mod key_lists;
mod keys;
mod leak;
mod organizations;
mod restore_check;
mod secret;
mod webhooks;
