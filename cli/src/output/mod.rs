//! Results on standard output: text for people, one JSON object for scripts.
//!
//! Notes for people go to standard error. Only [`MintedReport`], [`RotatedReport`], and [`BootstrapReport`]
//! contain a secret: that of the new key.

mod account;
mod key;
mod key_tree;
mod minted;
mod organization;
mod restore;
mod text;

use std::io::{ErrorKind, Write};

use serde::Serialize;

pub(crate) use account::{AccountReport, AccountsReport, DeletedAccountReport};
pub(crate) use key::{KeyReport, KeysReport, RevokedReport};
pub(crate) use key_tree::{KeyTreeReport, RevokedTreeReport};
pub(crate) use minted::{BootstrapReport, MintedReport, RotatedReport, StoredBootstrapReport};
pub(crate) use organization::{DeletedOrganizationReport, OrganizationReport, OrganizationsReport};
pub(crate) use restore::{Progress, RestoreReport};
pub(crate) use text::{lines, scopes};

use crate::args::Format;

/// The result of a command. Its serialized form is the JSON object.
pub(crate) trait Report: Serialize {
    /// The result as text for people.
    fn text(&self) -> String;

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
        Format::Text => {
            write(&report.text())?;
            report.notes().iter().for_each(|note| eprintln!("{note}"));
            Ok(())
        }
    }
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
