//! `harness <command> [name]`, which `dev/bench/run` calls.
//!
//! - `measure <file> <rounds> [part of a name]`: measures all variants round by round, and writes the figures.
//! - `profile <count> <name>`: serves events under the command in `BENCH_BEFORE`.

#![forbid(unsafe_code)]

mod dynamodb;
mod http1;
mod lambda;
mod measure;
mod process;
#[path = "../../../fuzz/src/table.rs"]
mod table;
mod variant;

use std::collections::BTreeMap;
use std::path::PathBuf;

use dynamodb::DynamoDb;
use lambda::Lambda;
use measure::{Bench, Effort, Figures};
use process::Share;
use variant::{Places, Variant};

/// A folder that ends with the process.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn main() -> Result<(), String> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let folder = |variable: &str| {
        std::env::var_os(variable).map(PathBuf::from).ok_or(format!("{variable} is not set"))
    };
    let before = std::env::var("BENCH_BEFORE").unwrap_or_default();
    let peers = folder("BENCH_PEERS")?;
    let places = Places {
        repository: variant::repository(),
        functions: folder("BENCH_FUNCTIONS")?,
        peers,
        before: before.split_whitespace().map(str::to_owned).collect(),
    };
    let lambda = Lambda::start();
    // Of this process alone, since several may run.
    let folder = Folder(places.peers.join(format!("roots-{}", std::process::id())));
    std::fs::create_dir_all(&folder.0).map_err(|error| error.to_string())?;
    let (roots, config) = dynamodb::certificate(&folder.0);
    let dynamodb = DynamoDb::start(config);
    let environment = variant::environment(&places, &roots, &lambda.address, &dynamodb.endpoint);
    let mut bench = Bench { lambda, dynamodb, share: None, environment };
    let variants = Variant::all(&places);
    match arguments.as_slice() {
        ["measure", file, rounds, part @ ..] => {
            let rounds = rounds.parse().map_err(|_| "the rounds are not a number")?;
            bench.share = Share::create();
            if bench.share.is_none() {
                eprintln!("no control group: figures at memory sizes are left out");
            }
            let named = |variant: &&Variant| part.iter().all(|part| variant.name.contains(part));
            let figures = measure(&bench, variants.iter().filter(named), rounds)?;
            let text = serde_json::to_string_pretty(&figures).expect("JSON");
            std::fs::write(file, text + "\n").map_err(|error| error.to_string())
        }
        ["profile", count, name] => {
            let count = count.parse().map_err(|_| "the count is not a number")?;
            let variant = variants.iter().find(|variant| variant.name == *name);
            bench.profile(variant.ok_or(format!("no variant `{name}`"))?, count)
        }
        _ => Err("measure <file> <rounds> [part], or profile <count> <name>".to_owned()),
    }
}

/// Measures round by round, so that a machine that becomes slower does so for all.
fn measure<'v>(
    bench: &Bench,
    variants: impl Iterator<Item = &'v Variant> + Clone,
    rounds: usize,
) -> Result<BTreeMap<String, Figures>, String> {
    let effort = Effort { cold: 4, first: 4, warm: 400, throttled: 30, paced: 15 };
    let mut all = BTreeMap::<String, Figures>::new();
    for round in 1..=rounds {
        for variant in variants.clone() {
            let figures = all.entry(variant.name.clone()).or_default();
            bench
                .round(variant, effort, figures)
                .map_err(|problem| format!("{}: {problem}", variant.name))?;
        }
        eprintln!("round {round} of {rounds}");
    }
    Ok(all)
}
