//! `cargo dev`: the whole service on this machine, with an embedded DynamoDB.

mod dev;
mod project;

use std::process::ExitCode;

use clap::Parser;

/// Runs Latchkey on this machine: an embedded DynamoDB and the functions, on loopback only.
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
The data and its first keys are in .latchkey/data; delete the folder to start over.
What a client needs is in .latchkey/dev.env, to source: `. .latchkey/dev.env`.
The settings of the functions, such as LATCHKEY_KEY_LIMIT and AWS_LAMBDA_LOG_LEVEL, reach them from here.
RUST_LOG=cargo_lambda=info shows what cargo-lambda does.

Without a cargo-lambda on the PATH, one is installed from PyPI into .tools/cargo-lambda. \
For `cargo lambda` in your shell: PATH=\"$PWD/.tools/cargo-lambda/bin:$PATH\"";

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
