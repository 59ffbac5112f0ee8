//! The functions, built and served by `cargo lambda watch`.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use super::process::Group;
use super::stack::Stack;
use super::{cargo_lambda, say};

/// The built functions.
#[derive(Debug)]
pub(crate) struct Functions {
    root: PathBuf,
    cargo_lambda: PathBuf,
}

impl Functions {
    /// Builds the functions in advance and shows cargo's progress, so that the first request need not wait.
    pub(crate) async fn build(root: &Path) -> Result<Self, String> {
        let cargo_lambda = cargo_lambda::find_or_install(root).await?;
        say("Building the functions.");
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = command(cargo, root);
        // The workspace's default members are the functions.
        build.args(["build", "--features", "dev"]);
        Group::spawn("cargo build", &mut build)?.succeed().await?;
        Ok(Self { root: root.to_path_buf(), cargo_lambda })
    }

    /// Starts serving the functions on a loopback port.
    pub(crate) fn serve(&self, stack: &Stack, port: u16) -> Result<Group, String> {
        let mut watch = command(&self.cargo_lambda, &self.root);
        watch
            .args(["lambda", "watch", "--invoke-address", "127.0.0.1", "--invoke-port"])
            .arg(port.to_string())
            // Responses keep exactly the headers that a function gave them.
            .arg("--disable-cors")
            .envs(stack.environment().iter())
            .env_remove("AWS_SESSION_TOKEN");
        if std::env::var_os("RUST_LOG").is_none() {
            watch.env("RUST_LOG", "cargo_lambda=warn");
        }
        Group::spawn("cargo-lambda", &mut watch)
    }
}

/// A command without the variables that `cargo run` sets for our own package.
///
/// Build scripts that watch these variables would run again, there and in the next build from a shell.
fn command(program: impl AsRef<std::ffi::OsStr>, root: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root);
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(is_of_our_package) {
            command.env_remove(name);
        }
    }
    command
}

fn is_of_our_package(variable: &str) -> bool {
    variable.starts_with("CARGO_PKG_") || variable.starts_with("CARGO_MANIFEST_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_describes_our_package_is_left_out() {
        assert!(is_of_our_package("CARGO_PKG_NAME"));
        assert!(is_of_our_package("CARGO_MANIFEST_DIR"));
        assert!(!is_of_our_package("CARGO_TARGET_DIR"));
        assert!(!is_of_our_package("CARGO"));
    }
}
