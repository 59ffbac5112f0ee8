//! Keys that were found in a public place.

use super::audit::{Action, Actor, Draft, Value};
use super::id::OrganizationId;
use super::key::Key;
use super::time::Timestamp;

/// The maximum length of the URL of a sighting in bytes.
const URL_LENGTH_MAX: usize = 1024;

/// The maximum length of the kind of place in bytes. GitHub's longest is `pull_request_description`.
const SOURCE_LENGTH_MAX: usize = 64;

/// The length of a token's secret without its checksum. A commit's ID is shorter, or in hexadecimal.
const SECRET_LENGTH: usize = 43;

/// What happens to a key that was found in a public place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeakAction {
    /// The key is revoked, which is permanent.
    Revoke,
    /// The key's service account is disabled with all of its keys, until someone enables it. A root key, which
    /// has no account, is revoked.
    Disable,
}

/// What a report of a leaked token caused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeakOutcome {
    /// The key was live and is now revoked.
    Revoked,
    /// The key was live, and its account is now disabled.
    Disabled,
    /// The key had ended or its account was disabled, so nothing changed.
    Unchanged,
    /// The token is not the token of a stored key. Nothing changed.
    Unknown,
}

impl LeakOutcome {
    /// Whether the token is that of a stored key, live or not.
    pub fn is_known(self) -> bool {
        self != Self::Unknown
    }
}

/// Who found a key, and where.
///
/// It ends up in the log and in the audit trail, so it has no text that may hold a secret or that is not
/// printable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// Who reported it, such as `github`.
    pub reporter: &'static str,
    /// The kind of place, such as `commit`.
    pub source: Option<String>,
    /// The place's URL.
    pub url: Option<String>,
}

impl Sighting {
    /// Creates a sighting. Leaves out texts that are empty, too long, or not printable, and a URL that may
    /// itself hold a secret, such as that of a file whose name is the token.
    pub fn new(reporter: &'static str, source: Option<&str>, url: Option<&str>) -> Self {
        let within = |text: &str, most: usize| {
            (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
        };
        let plain = |text: &&str| !may_hold_secret(text);
        let source = source.filter(|text| within(text, SOURCE_LENGTH_MAX)).filter(plain);
        let url = url.filter(|text| within(text, URL_LENGTH_MAX)).filter(plain);
        Self { reporter, source: source.map(str::to_owned), url: url.map(str::to_owned) }
    }

    /// Who makes the changes that this causes.
    pub fn actor(&self) -> Actor {
        Actor::system(self.reporter)
    }

    /// Creates the draft of the event that says where `key` was found.
    pub fn event(&self, organization: Option<&OrganizationId>, key: &Key, at: Timestamp) -> Draft {
        let text = |value: &Option<String>| value.as_ref().map(Value::text);
        Draft::key(Action::LeakKey, organization, &key.spec.account, &key.id, at)
            .with("source", None, text(&self.source))
            .with("url", None, text(&self.url))
    }
}

/// Whether a text has a run of letters and digits that is as long as a secret, and is not hexadecimal.
fn may_hold_secret(text: &str) -> bool {
    let mut runs = text.split(|character: char| !character.is_ascii_alphanumeric());
    let hexadecimal = |run: &str| run.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    runs.any(|run| run.len() >= SECRET_LENGTH && !hexadecimal(run))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sighting_has_only_short_printable_texts_without_secrets() {
        let commit = "da39a3ee5e6b4b0d3255bfef95601890afd80709";
        let sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let place = |url: &str| Sighting::new("github", Some("commit"), Some(url)).url;
        for id in [commit, sha256] {
            let url = format!("https://github.com/octocat/Hello-World/blob/{id}/foo/bar.txt");
            assert_eq!(place(&url), Some(url));
        }
        let token = "sk_SAMPLEACCOUNT001_018HULLP3HG1YG7U_GRypjUIp8yKcL457B5aRNQ8WEtqzCEi2AUOE9q4uqBE0Bktkq";
        let secret = &token[37..37 + SECRET_LENGTH];
        for text in [
            "",
            "https://example.com/a b",
            "https://example.com/\n",
            "https://example.com/ü",
            &format!("https://github.com/octocat/a/blob/{commit}/{token}"),
            &format!("https://github.com/octocat/a/blob/{commit}/{secret}.txt"),
            &"a".repeat(URL_LENGTH_MAX + 1),
        ] {
            assert_eq!(place(text), None, "{text}");
            assert_eq!(Sighting::new("github", Some(text), None).source, None, "{text}");
        }
    }
}
