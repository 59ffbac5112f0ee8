//! Searches for secrets in places where there must be none.

use latchkey::token::Token;

use crate::TestTable;
use crate::sample::SampleKey;

/// Tokens that were created or presented and must not appear anywhere.
#[derive(Debug, Default)]
pub struct Secrets(Vec<String>);

impl Secrets {
    /// The tokens of all samples.
    pub fn of_samples() -> Self {
        let keys = [
            SampleKey::FullAccess,
            SampleKey::Minter,
            SampleKey::Reader,
            SampleKey::Expired,
            SampleKey::Revoked,
            SampleKey::Disabled,
            SampleKey::Other,
            SampleKey::Root,
            SampleKey::Unknown,
        ];
        Self(keys.map(SampleKey::token).into())
    }

    /// Adds a token.
    pub fn add(&mut self, token: &str) {
        assert!(token.parse::<Token>().is_ok(), "not a token");
        self.0.push(token.to_owned());
    }

    /// Checks that `text` contains no secret: not with its checksum, not without, and not half of it.
    ///
    /// # Panics
    ///
    /// If it does; the message does not repeat the secret.
    pub fn check(&self, text: &str, place: &str) {
        for token in &self.0 {
            let (visible, secret) = token.rsplit_once('_').expect("a token");
            let (first, second) = secret.split_at(20);
            let found = text.contains(first) || text.contains(second);
            assert!(!found, "{place} holds the secret of {visible}");
        }
    }

    /// Checks that no item of `table` contains a secret, as text or as bytes.
    ///
    /// # Panics
    ///
    /// If one does.
    pub async fn check_items(&self, table: &TestTable) {
        for item in table.items().await {
            for (attribute, value) in &item {
                self.check(&format!("{value:?}"), attribute);
                if let Ok(bytes) = value.as_b() {
                    self.check(&String::from_utf8_lossy(bytes.as_ref()), attribute);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "a line holds the secret of sk_SAMPLEACCOUNT001")]
    fn a_secret_is_found_even_without_its_checksum() {
        let token = SampleKey::FullAccess.token();
        Secrets::of_samples().check(&token[token.len() - 49..token.len() - 6], "a line");
    }

    #[test]
    fn the_visible_part_of_a_token_is_no_secret() {
        Secrets::of_samples().check(&SampleKey::FullAccess.mint().0.key_prefix, "a line");
    }
}
