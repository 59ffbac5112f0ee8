//! Detection of whole keys in arguments, which others on the machine can see.

use latchkey::id::ServiceAccountId;

/// The message for an operator who passes a whole key.
pub(super) const WHOLE_KEY: &str = "\
    an argument contains a whole key, with its secret; pass only the key prefix that lists show, up to \
    the `_` before the secret\n  \
    rotate or revoke this key: other users of this machine can see arguments, and your shell saves \
    them\n  \
    to verify a key, pass it on standard input, as in `latchkey verify < key.txt`";

/// Rejects arguments that contain more of a key than its prefix, before anything prints or stores them.
///
/// # Errors
///
/// What to do instead. Never contains the key.
pub(crate) fn refuse_whole_keys(
    arguments: impl IntoIterator<Item = String>,
) -> Result<(), &'static str> {
    let whole = arguments.into_iter().any(|argument| {
        let mut words = argument.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        words.any(is_whole_key)
    });
    if whole { Err(WHOLE_KEY) } else { Ok(()) }
}

/// Whether `word` is a key with any part of its secret, even a mistyped one.
pub(super) fn is_whole_key(word: &str) -> bool {
    let mut parts = word.rsplit('_');
    let (secret, key, account) = (parts.next(), parts.next(), parts.next());
    secret.is_some_and(|secret| !secret.is_empty())
        && key.is_some_and(is_minted)
        && account.is_some_and(|account| account == ServiceAccountId::ROOT || is_minted(account))
}

/// Whether `text` has the form of an ID that Latchkey generates.
fn is_minted(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_seen_wherever_it_stands() {
        for (argument, refused) in [
            ("sk_0197CTTDF1YT9FUW_0197CTTLAFLKW3FL_", false),
            ("sk_0197CTTDF1YT9FUW_0197CTTLAFLKW3FL", false),
            ("0197CTTLAFLKW3FL", false),
            ("sk_0197CTTDF1YT9FUW_0197CTTLAFLKW3FL_XkkiZ0", true),
            ("--key=a_b_ROOT_0197CTTLAFLKW3FL_XkkiZ0", true),
            ("Bearer sk_ROOT_0197CTTLAFLKW3FL_XkkiZ0", true),
            ("", false),
        ] {
            let arguments = ["latchkey".to_owned(), argument.to_owned()];
            assert_eq!(refuse_whole_keys(arguments).is_err(), refused, "{argument}");
        }
    }
}
