//! What the fuzz targets share: a service over a canned table, requests, and the promises of every response.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod client;
pub mod message;
pub mod promise;
pub mod service;
pub mod table;

/// The samples themselves, without the embedded DynamoDB that comes with their package.
#[path = "../../database/src/sample.rs"]
pub mod sample;
