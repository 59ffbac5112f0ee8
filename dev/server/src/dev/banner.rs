//! The startup message: what runs where, and how to call it.

use std::path::Path;

use super::mint_call::MintCall;
use super::stack::{Stack, shown};

/// The message when everything runs. Scripts wait for its last line.
pub(crate) fn render(stack: &Stack, calls: &[MintCall], env_file: &Path) -> String {
    let url = stack.url();
    let data = match stack.data() {
        Some(folder) => format!("data in {}", shown(&folder)),
        None => "data in memory".to_owned(),
    };
    let credentials = stack.credentials();
    let env_file = shown(env_file);
    let mut text = format!(
        "
Latchkey runs, on this machine only. Ctrl-C stops everything.

  API       {url}
  DynamoDB  {endpoint}, table {table}, {data}
  Settings  {env_file}: organization {organization}, service account {account}, its token and a root token

To mint a key, in another terminal in this folder:
",
        endpoint = stack.endpoint(),
        table = stack.table(),
        organization = credentials.organization,
        account = credentials.account,
    );
    for call in calls {
        let (source, curl) = (quoted(&env_file), curl(call));
        text += &format!("\n{}:\n\n  . {source} && {curl}\n", call.vendor);
    }
    text + &format!("\nready: {url}")
}

/// A one-line command that reads all secrets from `dev.env`.
fn curl(call: &MintCall) -> String {
    let path = call.path("$LATCHKEY_ACCOUNT");
    let body = &call.body;
    format!(
        "curl -sS \"$LATCHKEY_URL{path}\" -H \"Authorization: Bearer $LATCHKEY_TOKEN\" \
         -H 'Content-Type: application/json' -d '{body}'"
    )
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
    use crate::dev::mint_call;

    #[tokio::test]
    async fn a_curl_shows_no_token() {
        for call in mint_call::all(&crate::project::root()).await.expect("dialects") {
            let curl = curl(&call);
            assert!(curl.contains("/$LATCHKEY_ACCOUNT/keys\""), "{curl}");
            assert!(curl.contains("Bearer $LATCHKEY_TOKEN\""), "{curl}");
        }
    }

    #[test]
    fn a_shell_sources_any_path() {
        assert_eq!(quoted(".latchkey/dev.env"), ".latchkey/dev.env");
        assert_eq!(quoted("dev.env"), "./dev.env");
        assert_eq!(quoted("/a b/it's/dev.env"), r"'/a b/it'\''s/dev.env'");
    }
}
