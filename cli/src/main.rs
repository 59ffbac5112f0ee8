//! `latchkey`: manages a table for an operator, who needs no key.

mod args;
mod commands;
mod confirm;
mod connect;
mod explain;
mod identity;
mod output;
mod restore_check;
mod run;
mod secret;
mod table_settings;
mod verify;

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = std::env::args_os().map(|argument| argument.to_string_lossy().into_owned());
    if let Err(message) = args::refuse_whole_keys(arguments) {
        args::Args::command().error(ErrorKind::ValueValidation, message).exit();
    }
    let args = args::Args::parse();
    match run::run(args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            eprintln!("error: {}", failed.message);
            ExitCode::from(failed.status)
        }
    }
}
