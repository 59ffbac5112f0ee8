//! `cargo dev`: the whole service on this machine, with an embedded DynamoDB.

mod dev;
mod project;

use std::process::ExitCode;

use clap::Parser;

/// Run Latchkey on this machine: the functions and an embedded DynamoDB, on loopback only.
#[derive(Debug, Parser)]
#[command(name = "cargo dev", bin_name = "cargo dev", after_help = AFTER_HELP)]
struct Arguments {
    /// Port of the API on 127.0.0.1; 0 selects a free port.
    #[arg(long, default_value_t = 9000)]
    port: u16,

    /// Keep the data in memory and leave the data of earlier starts untouched.
    #[arg(long)]
    ephemeral: bool,
}

const AFTER_HELP: &str = "\
Open the URL of the API in a browser to see its endpoints and try them.
The data and its first keys are in .latchkey/data; delete the folder to start over.
The URL, the IDs, and the keys are in .latchkey/dev.env; load them with `. .latchkey/dev.env`.
The functions take their settings, such as LATCHKEY_KEY_LIMIT, from the environment of this command.
Set RUST_LOG=cargo_lambda=info to see what cargo-lambda does.

Without a recent cargo-lambda on the PATH, this command installs one from PyPI into .tools/cargo-lambda. \
To use it in your shell: PATH=\"$PWD/.tools/cargo-lambda/bin:$PATH\"";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Arguments { port, ephemeral } = Arguments::parse();
    match dev::run(port, ephemeral).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}
