//! The functions, served by `cargo lambda watch`.

use std::path::Path;

use tokio::process::Command;

use super::process::Group;
use super::stack::{Stack, WARNINGS};
use super::webhooks::Webhooks;

/// The variable in which `latchkey-start` names the cargo-lambda that it found or installed.
const CARGO_LAMBDA: &str = "LATCHKEY_CARGO_LAMBDA";

/// Starts serving the functions of the workspace in `root` on a loopback port.
pub(crate) fn serve(
    root: &Path,
    stack: &Stack,
    webhooks: Option<&Webhooks>,
    port: u16,
) -> Result<Group, String> {
    let cargo_lambda = std::env::var_os(CARGO_LAMBDA).unwrap_or_else(|| "cargo-lambda".into());
    let mut watch = Command::new(cargo_lambda);
    watch
        .current_dir(root)
        .args(["lambda", "watch", "--invoke-address", "127.0.0.1", "--invoke-port"])
        .arg(port.to_string())
        // Responses keep exactly the headers that a function gave them.
        .arg("--disable-cors")
        .envs(stack.environment().iter())
        .envs(webhooks.into_iter().flat_map(Webhooks::variables))
        .env_remove("AWS_SESSION_TOKEN");
    // At `INFO`, the functions log one of many rejected requests.
    let defaults = [("RUST_LOG", "cargo_lambda=warn"), ("AWS_LAMBDA_LOG_LEVEL", "DEBUG")];
    for (name, value) in defaults.into_iter().chain(WARNINGS) {
        if std::env::var_os(name).is_none() {
            watch.env(name, value);
        }
    }
    Group::spawn("cargo-lambda", &mut watch)
}
