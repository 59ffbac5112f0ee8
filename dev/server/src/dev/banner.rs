//! The startup message: what runs where, and how to call it.

use super::front::Site;
use super::mint_call::MintCall;
use super::stack::Stack;

/// The message when everything runs. Scripts wait for its last line.
pub(crate) fn render(stack: &Stack, site: &Site) -> String {
    let Site { url, env_file, organization, account, data, .. } = site;
    let mut text = format!(
        "
Latchkey is running, on this machine only. Press Ctrl-C to stop it.

  Page      {url}/ lists the endpoints, with an API reference to try them
  API       {url}
  DynamoDB  {endpoint}, table {table}, data in {data}
  Settings  {env_file}: organization {organization}, service account {account}, its key, and a root key

To create a key, run a command in another terminal, in this folder:
",
        endpoint = stack.endpoint(),
        table = stack.table(),
    );
    for call in &site.calls {
        text += &format!("\n{}:\n\n  {}\n", call.vendor, command(env_file, call));
    }
    text + &format!("\nready: {url}")
}

/// A one-line command that creates a key, and reads all secrets from `env_file`.
pub(crate) fn command(env_file: &str, call: &MintCall) -> String {
    format!(". {} && {}", quoted(env_file), curl(call, " "))
}

/// The same on several lines.
pub(crate) fn long_command(env_file: &str, call: &MintCall) -> String {
    format!(". {} &&\n{}", quoted(env_file), curl(call, " \\\n  "))
}

/// A one-line command that prints the token of the service account.
pub(crate) fn show_token(env_file: &str) -> String {
    format!(". {} && echo \"$LATCHKEY_TOKEN\"", quoted(env_file))
}

fn curl(call: &MintCall, separator: &str) -> String {
    let path = call.path("$LATCHKEY_ACCOUNT");
    let body = &call.body;
    [
        format!("curl -sS \"$LATCHKEY_URL{path}\""),
        "-H \"Authorization: Bearer $LATCHKEY_TOKEN\"".to_owned(),
        "-H 'Content-Type: application/json'".to_owned(),
        format!("-d '{body}'"),
    ]
    .join(separator)
}

/// Quotes `path` for a shell to source. It must contain a slash, or the shell would search the PATH.
fn quoted(path: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    let path = if path.contains('/') { path.to_owned() } else { format!("./{path}") };
    if path.chars().all(plain) { path } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dev::{mint_call, workspace};

    #[tokio::test]
    async fn a_command_shows_no_token() {
        let metadata = workspace::metadata(&crate::project::root()).await.expect("metadata");
        for call in mint_call::all(&metadata).expect("dialects") {
            for command in [command("dev.env", &call), long_command("dev.env", &call)] {
                assert!(command.starts_with(". ./dev.env &&"), "{command}");
                assert!(command.contains("/$LATCHKEY_ACCOUNT/keys\""), "{command}");
                assert!(command.contains("Bearer $LATCHKEY_TOKEN\""), "{command}");
            }
        }
    }

    #[test]
    fn a_shell_sources_any_path() {
        assert_eq!(quoted(".latchkey/dev.env"), ".latchkey/dev.env");
        assert_eq!(quoted("dev.env"), "./dev.env");
        assert_eq!(quoted("/a b/it's/dev.env"), r"'/a b/it'\''s/dev.env'");
    }
}
