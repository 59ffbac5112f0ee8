//! The functions, served by `cargo lambda watch`.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use super::cargo_lambda;
use super::process::Group;
use super::stack::Stack;

/// The functions, which `latchkey-start` has built.
#[derive(Debug)]
pub(crate) struct Functions {
    root: PathBuf,
    cargo_lambda: PathBuf,
}

impl Functions {
    /// Finds or installs cargo-lambda.
    pub(crate) async fn prepare(root: &Path) -> Result<Self, String> {
        let cargo_lambda = cargo_lambda::find_or_install(root).await?;
        Ok(Self { root: root.to_path_buf(), cargo_lambda })
    }

    /// Starts serving the functions on a loopback port.
    pub(crate) fn serve(&self, stack: &Stack, port: u16) -> Result<Group, String> {
        let mut watch = Command::new(&self.cargo_lambda);
        watch
            .current_dir(&self.root)
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
