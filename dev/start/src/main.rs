//! `cargo dev`: builds the local server and the functions in one run of cargo, then becomes the server.
//!
//! One run uses all cores until its end, and shows one progress bar. This program has no dependencies, so it
//! starts at once.

mod cargo_lambda;

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode};
use std::{env, fs, io};

/// The package of the server, and its program.
const SERVER: &str = "latchkey-dev";

fn main() -> ExitCode {
    match start() {
        Ok(code) => code,
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// Returns only if the server does not start.
fn start() -> Result<ExitCode, String> {
    let (root, server) = (root(), server()?);
    if !server.exists() {
        eprintln!(
            "Building the local server and the functions. The first build takes a few minutes."
        );
    }
    let mut build = build(&root)?;
    let cargo_lambda = cargo_lambda::find_or_install(&root).inspect_err(|_| {
        // The problem is the last thing to read. A build that has just ended cannot be stopped.
        let _ = build.kill();
        let _ = build.wait();
    })?;
    let built = build.wait().map_err(|error| format!("cannot wait for cargo: {error}"))?;
    if !built.success() {
        return Ok(ExitCode::FAILURE);
    }
    let mut command = command(&server);
    command.args(env::args_os().skip(1)).env("LATCHKEY_CARGO_LAMBDA", cargo_lambda);
    Err(format!("cannot run {}: {}", server.display(), command.exec()))
}

/// Starts to build the server and the functions.
fn build(root: &Path) -> Result<Child, String> {
    let functions = functions(root).map_err(|error| format!("cannot read functions/: {error}"))?;
    let mut build = command(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    build.current_dir(root).args(["build", "--features", "dev", "--package", SERVER]);
    for function in functions {
        build.args(["--package", &function]);
    }
    build.spawn().map_err(|error| format!("cannot run cargo: {error}"))
}

/// The workspace's folder.
fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).unwrap_or(package).to_path_buf()
}

/// The server's program, which cargo puts next to this one.
fn server() -> Result<PathBuf, String> {
    let own = env::current_exe().map_err(|error| format!("cannot find this program: {error}"))?;
    Ok(own.with_file_name(SERVER))
}

/// The packages of the functions, each of which is a folder in `functions/`.
fn functions(root: &Path) -> io::Result<Vec<String>> {
    let entries = fs::read_dir(root.join("functions"))?.collect::<io::Result<Vec<_>>>()?;
    let packages = entries.iter().filter(|entry| entry.path().join("Cargo.toml").exists());
    Ok(packages.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
}

/// A command without the variables that `cargo run` sets for this package.
///
/// Build scripts that watch these variables would run again, there and in the next build from a shell.
fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(is_of_this_package) {
            command.env_remove(name);
        }
    }
    command
}

fn is_of_this_package(variable: &str) -> bool {
    variable.starts_with("CARGO_PKG_") || variable.starts_with("CARGO_MANIFEST_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_describes_this_package_is_left_out() {
        assert!(is_of_this_package("CARGO_PKG_NAME"));
        assert!(is_of_this_package("CARGO_MANIFEST_DIR"));
        assert!(!is_of_this_package("CARGO_TARGET_DIR"));
        assert!(!is_of_this_package("CARGO"));
    }

    #[test]
    fn every_function_is_built() {
        let functions = functions(&root()).expect("a folder");
        for function in ["authorizer", "lakesail", "oauth"] {
            assert!(functions.iter().any(|found| found == function), "{functions:?}");
        }
    }
}
