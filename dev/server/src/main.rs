//! `cargo dev`: the whole service on this machine, with an embedded DynamoDB.

mod dev;
mod project;

use std::process::ExitCode;

use lexopt::prelude::*;

const HELP: &str = "\
Run Latchkey on this machine: the functions and an embedded DynamoDB, on loopback only.

Usage: cargo dev [OPTIONS]

Options:
      --port <PORT>  Port of the API on 127.0.0.1; 0 selects a free port [default: 9000]
      --ephemeral    Keep the data in memory and leave the data of earlier starts untouched
      --webhooks     Deliver events to webhooks, also to endpoints on this machine such as http://localhost:8080
  -h, --help         Print help

Open the URL of the API in a browser to see its endpoints and try them.
The data and its first keys are in .latchkey/data; delete the folder to start over.
The URL, the IDs, and the keys are in .latchkey/dev.env; load them with `. .latchkey/dev.env`.
The functions take their settings, such as LATCHKEY_KEY_LIMIT, from the environment of this command.
Set RUST_LOG=cargo_lambda=info to see what cargo-lambda does.

Without a recent cargo-lambda on the PATH, this command installs one from PyPI into .tools/cargo-lambda.
To use it in your shell: PATH=\"$PWD/.tools/cargo-lambda/bin:$PATH\"";

#[derive(Debug, PartialEq, Eq)]
enum Command {
    Run(Options),
    Help,
}

/// How to run the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// The port of the API; 0 for a free one.
    pub(crate) port: u16,
    /// Whether to keep the data in memory.
    pub(crate) ephemeral: bool,
    /// Whether organizations can have webhooks.
    pub(crate) webhooks: bool,
}

impl Command {
    fn parse(mut arguments: lexopt::Parser) -> Result<Self, lexopt::Error> {
        let mut options = Options { port: 9000, ephemeral: false, webhooks: false };
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("port") => options.port = arguments.value()?.parse()?,
                Long("ephemeral") => options.ephemeral = true,
                Long("webhooks") => options.webhooks = true,
                Short('h') | Long("help") => return Ok(Self::Help),
                other => return Err(other.unexpected()),
            }
        }
        Ok(Self::Run(options))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let ended = match Command::parse(lexopt::Parser::from_env()) {
        Ok(Command::Run(options)) => dev::run(options).await,
        Ok(Command::Help) => {
            println!("{HELP}");
            Ok(())
        }
        Err(error) => Err(format!("{error}; see `cargo dev --help`")),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Command, String> {
        let arguments = ["cargo dev"].iter().chain(arguments);
        Command::parse(lexopt::Parser::from_iter(arguments)).map_err(|error| error.to_string())
    }

    #[test]
    fn options_and_their_defaults_are_as_the_help_says() {
        let default = Options { port: 9000, ephemeral: false, webhooks: false };
        assert_eq!(parse(&[]), Ok(Command::Run(default)));
        let all = Options { port: 0, ephemeral: true, webhooks: true };
        assert_eq!(parse(&["--port", "0", "--ephemeral", "--webhooks"]), Ok(Command::Run(all)));
        assert_eq!(parse(&["--port=9001", "-h"]), Ok(Command::Help));
    }

    #[test]
    fn other_arguments_are_refused() {
        for (arguments, named) in
            [(["--port", "70000"], "70000"), (["--prot", "9000"], "--prot"), (["9000", ""], "9000")]
        {
            let error = parse(&arguments).expect_err("refused");
            assert!(error.contains(named), "{error}");
        }
    }
}
