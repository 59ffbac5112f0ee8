//! Development only: how DynamoDB calls and consumed units depend on the size of the table.
//!
//! The functions' handlers and the real client run against the embedded DynamoDB in virtual time. Only the
//! times and the conflicts depend on how long a request takes, which `database` assumes.

mod crowd;
mod database;
mod ended;
mod environment;
mod sizes;
mod world;

use std::path::PathBuf;

use serde::Serialize;

/// What the figures assume.
const NOTE: &str = "Seconds are virtual: a call takes 5 ms, a query 50 µs more per item that it reads, and a \
    transaction 10 ms, in which it holds its items and other writes to them are rejected. The embedded database \
    itself raises no conflicts. It reports no units for rejected writes; DynamoDB bills some of them.";

/// All figures.
#[derive(Serialize)]
struct Figures {
    note: &'static str,
    sizes: Vec<sizes::Cost>,
    behind_revoked: Vec<ended::List>,
    recount: Vec<ended::Recount>,
    environments: Vec<crowd::Crowd>,
}

fn main() {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(file), None) = (arguments.next().map(PathBuf::from), arguments.next()) else {
        eprintln!(
            "Usage: cargo run -p latchkey-scale -- <FILE>\n\nMeasure, and write the figures to FILE."
        );
        std::process::exit(2);
    };
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_time().start_paused(true).build().expect("a runtime");
    let figures = runtime.block_on(async {
        Figures {
            note: NOTE,
            behind_revoked: ended::lists().await,
            environments: crowd::measure().await,
            recount: ended::recounts().await,
            sizes: sizes::measure(&sizes::SIZES).await,
        }
    });
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).expect("a folder");
    }
    let mut text = serde_json::to_string_pretty(&figures).expect("JSON");
    text.push('\n');
    std::fs::write(file, text).expect("a writable file");
}
