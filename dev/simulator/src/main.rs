//! The functions' programs under faults, crashes, wrong clocks, and load.

mod check;
mod client;
mod clock;
mod delays;
mod environment;
mod fleet;
mod load;
mod plan;
mod register;
mod run;
mod stored;
mod truth;
mod world;

use std::path::PathBuf;
use std::process::ExitCode;

use lexopt::prelude::*;

const HELP: &str = "\
Run the functions' programs against a misbehaving DynamoDB, and check that nothing is lost.

Usage: cargo simulate [OPTIONS]

Options:
      --plans <N>         Number of simulations, each with its own seed [default: 20]
      --seed <SEED>       Seed of the first simulation [default: 1]
      --parallel <N>      Simulations at the same time [default: 6]
      --load <SECONDS>    Instead of simulations, let clients create, verify, and revoke keys for this time
      --clients <N>       Number of those clients [default: 32]
      --delays            Instead of simulations, measure how long a request takes after one fault and two
      --functions <PATH>  Folder with the programs of the functions [default: built by this command]
      --release           Build the programs as they ship
  -h, --help              Print help

A simulation starts two environments of each function, and sends them concurrent requests of several clients.
Its plan, drawn from the seed, says which faults DynamoDB has, which processes are killed, and how clocks step.
To repeat a failed simulation, pass its seed and `--plans 1`. The requests then have the same order for each client,
but meet in another order, so repeat it several times.";

/// What to run.
#[derive(Debug, PartialEq, Eq)]
struct Options {
    plans: u64,
    seed: u64,
    parallel: usize,
    load: Option<u64>,
    clients: usize,
    delays: bool,
    functions: Option<PathBuf>,
    release: bool,
}

impl Options {
    /// Returns `None` if help is asked for.
    fn parse(mut arguments: lexopt::Parser) -> Result<Option<Self>, lexopt::Error> {
        let mut options = Self {
            plans: 20,
            seed: 1,
            parallel: 6,
            load: None,
            clients: 32,
            delays: false,
            functions: None,
            release: false,
        };
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("plans") => options.plans = arguments.value()?.parse()?,
                Long("seed") => options.seed = arguments.value()?.parse()?,
                Long("parallel") => options.parallel = arguments.value()?.parse()?,
                Long("load") => options.load = Some(arguments.value()?.parse()?),
                Long("clients") => options.clients = arguments.value()?.parse()?,
                Long("delays") => options.delays = true,
                Long("functions") => options.functions = Some(arguments.value()?.into()),
                Long("release") => options.release = true,
                Short('h') | Long("help") => return Ok(None),
                other => return Err(other.unexpected()),
            }
        }
        Ok(Some(options))
    }
}

fn main() -> ExitCode {
    let ended = match Options::parse(lexopt::Parser::from_env()) {
        Ok(Some(options)) => run::run(&options),
        Ok(None) => {
            println!("{HELP}");
            Ok(())
        }
        Err(error) => Err(format!("{error}; see `cargo simulate --help`")),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}
