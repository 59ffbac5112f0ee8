//! GitHub's message and the response to it.
//!
//! Source: <https://docs.github.com/en/code-security/secret-scanning/secret-scanning-partnership-program/secret-scanning-partner-program>

use std::fmt;

use latchkey_http::body::InvalidBody;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The maximum size of a report in bytes: 1 MiB, about four thousand matches.
pub(crate) const REPORT_BYTES_MAX: usize = 1024 * 1024;

/// The maximum number of matches in a report. GitHub documents no maximum.
pub(crate) const MATCHES_MAX: usize = 1000;

/// One place where GitHub found a token. Unknown fields are ignored, because GitHub may add some.
#[derive(Deserialize)]
pub(crate) struct Match {
    /// The token.
    pub(crate) token: String,
    /// The name that the deployment gave to its pattern.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// The public URL of the place, which may be empty.
    pub(crate) url: Option<String>,
    /// What kind of place it is, such as `commit` or `gist_content`.
    pub(crate) source: Option<String>,
}

/// Without the token, and without anything else from outside.
impl fmt::Debug for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Match(..)")
    }
}

/// Reads a report.
///
/// # Errors
///
/// [`InvalidBody`], which quotes nothing of the report.
pub(crate) fn parse(body: &[u8]) -> Result<Vec<Match>, InvalidBody> {
    let form = "objects with the strings `token` and `type`";
    let matches: Vec<Match> =
        serde_json::from_slice(body).map_err(|_| InvalidBody::NotAListOf(form))?;
    if matches.len() > MATCHES_MAX {
        return Err(InvalidBody::TooMany { max: MATCHES_MAX });
    }
    Ok(matches)
}

/// Whether a match is a key of this deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Label {
    /// It is one, live or not.
    TruePositive,
    /// It never was, or its record is no longer stored.
    FalsePositive,
}

/// The feedback on one match. GitHub also accepts the token itself, but then a response would hold a secret.
#[derive(Debug, Serialize)]
pub(crate) struct Feedback<'m> {
    /// The SHA-256 of the token, in hexadecimal.
    token_hash: String,
    token_type: &'m str,
    label: Label,
}

impl<'m> Feedback<'m> {
    pub(crate) fn new(found: &'m Match, label: Label) -> Self {
        let digest = Sha256::digest(found.token.as_bytes());
        let token_hash = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        Self { token_hash, token_type: &found.kind, label }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn githubs_sample_is_a_report_and_new_fields_do_not_matter() {
        let sample = br#"[{"source":"commit","token":"some_token","type":"some_type","url":"https://example.com/base-repo-url/"}]"#;
        let matches = parse(sample).expect("a report");
        assert_eq!(
            (matches[0].token.as_str(), matches[0].kind.as_str()),
            ("some_token", "some_type")
        );
        assert_eq!(matches[0].source.as_deref(), Some("commit"));
        let other =
            br#"[{"token":"a","type":"b","url":null,"new":{"a":[1]}},{"token":"a","type":"b"}]"#;
        assert_eq!(parse(other).expect("a report").len(), 2);
        assert_eq!(parse(b"[]").expect("a report").len(), 0);
    }

    #[test]
    fn anything_else_is_an_error_that_quotes_nothing() {
        for body in [
            &b""[..],
            b"{}",
            b"null",
            b"[1]",
            br#"[["secret","secret"]]"#,
            br#"[{"type":"secret"}]"#,
            br#"[{"token":"secret"}]"#,
            br#"[{"token":"secret","type":"secret","token":"secret"}]"#,
            br#"[{"token":"secret","type":["secret"]}]"#,
            b"[{\"token\":\"secret\xff\",\"type\":\"secret\"}]",
        ] {
            let error = parse(body).expect_err("no report");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
        let many =
            |count: usize| format!("[{}]", vec![r#"{"token":"a","type":"b"}"#; count].join(","));
        assert_eq!(parse(many(MATCHES_MAX).as_bytes()).expect("a report").len(), MATCHES_MAX);
        let error = parse(many(MATCHES_MAX + 1).as_bytes()).expect_err("too many");
        assert_eq!(error, InvalidBody::TooMany { max: MATCHES_MAX });
    }

    #[test]
    fn the_feedback_has_githubs_form_and_no_token() {
        let found = Match { token: "abc".into(), kind: "type".into(), url: None, source: None };
        let text = serde_json::to_string(&Feedback::new(&found, Label::FalsePositive));
        // The SHA-256 of "abc": FIPS 180-2, appendix B.1.
        let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let expected =
            format!(r#"{{"token_hash":"{hash}","token_type":"type","label":"false_positive"}}"#);
        assert_eq!(text.expect("JSON"), expected);
        assert_eq!(format!("{found:?}"), "Match(..)");
    }
}
