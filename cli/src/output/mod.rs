//! Results on standard output: text for people, one JSON object or JSON lines for scripts.
//!
//! Notes for people go to standard error. Only [`MintedReport`], [`RotatedReport`], and [`BootstrapReport`]
//! contain a secret: that of the new key.

mod account;
mod audit;
mod key;
mod key_tree;
mod minted;
mod organization;
mod restore;
mod text;
mod webhook;

use std::io::{ErrorKind, Write};

use serde::Serialize;

pub(crate) use account::{AccountReport, AccountsReport, DeletedAccountReport};
pub(crate) use audit::{EventsReport, HeadRecord, TrailRecord, TrailsReport};
pub(crate) use key::{KeyReport, KeysReport, RevokedReport};
pub(crate) use key_tree::{KeyTreeReport, RevokedTreeReport};
pub(crate) use minted::{BootstrapReport, MintedReport, RotatedReport, StoredBootstrapReport};
pub(crate) use organization::{DeletedOrganizationReport, OrganizationReport, OrganizationsReport};
pub(crate) use restore::{Progress, RestoreReport};
pub(crate) use text::{lines, scopes};
pub(crate) use webhook::{DeletedWebhookReport, WebhooksReport};

use crate::args::Format;

/// The result of a command. Its serialized form is the JSON object.
pub(crate) trait Report: Serialize {
    /// The result as text for people.
    fn text(&self) -> String;

    /// The result as JSON, one line for each entry of a list.
    ///
    /// # Errors
    ///
    /// If it cannot be serialized.
    fn json_lines(&self) -> Result<Vec<String>, serde_json::Error> {
        Ok(vec![line(self)?])
    }

    /// Additional notes for people.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }
}

const KEEP_IT: &str = "Save the key now: it is not stored and cannot be shown again.";

const REFUSED_SOON: &str = "Functions may still accept a cached key for up to LATCHKEY_CACHE_TTL (10 \
                            seconds by default).";

/// Prints the result of a command.
///
/// # Errors
///
/// If it cannot be written.
pub(crate) fn print(report: &impl Report, format: Format) -> Result<(), String> {
    match format {
        Format::Json => {
            let text = serde_json::to_string_pretty(report).map_err(|error| error.to_string())?;
            write(&format!("{text}\n"))
        }
        Format::Jsonl => {
            let lines = report.json_lines().map_err(|error| error.to_string())?;
            write(&lines.concat())
        }
        Format::Text => {
            write(&report.text())?;
            report.notes().iter().for_each(|note| eprintln!("{note}"));
            Ok(())
        }
    }
}

/// A record as JSON on one line.
fn line(record: &(impl Serialize + ?Sized)) -> Result<String, serde_json::Error> {
    Ok(format!("{}\n", serde_json::to_string(record)?))
}

/// Records as JSON, each on one line.
fn each_line(records: &[impl Serialize]) -> Result<Vec<String>, serde_json::Error> {
    records.iter().map(line).collect()
}

/// Prints each of `records` as JSON on one line.
///
/// # Errors
///
/// If they cannot be written.
pub(crate) fn print_lines(records: &[impl Serialize]) -> Result<(), String> {
    let lines = each_line(records).map_err(|error| error.to_string())?;
    write(&lines.concat())
}

/// Writes to standard output. It is not an error if a reader such as `head` stops early.
///
/// # Errors
///
/// If it cannot be written.
fn write(text: &str) -> Result<(), String> {
    let mut output = std::io::stdout().lock();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(format!("cannot write to standard output: {error}"))
        }
        _ => Ok(()),
    }
}
