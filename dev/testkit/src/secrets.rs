//! Searches for secrets in places where there must be none.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use latchkey::token::Token;

use crate::TestTable;
use crate::sample::SampleKey;

/// Tokens that were created or presented and must not appear anywhere, with their digests.
#[derive(Debug, Default)]
pub struct Secrets(Vec<(String, [String; 4])>);

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
        let mut secrets = Self::default();
        keys.map(SampleKey::token).iter().for_each(|token| secrets.add(token));
        secrets
    }

    /// Adds a token.
    ///
    /// # Panics
    ///
    /// If it is not a token.
    pub fn add(&mut self, token: &str) {
        self.0.push((token.to_owned(), digests(token)));
    }

    /// Checks that `text` contains no secret: not with its checksum, not without, and not half of it.
    ///
    /// # Panics
    ///
    /// If it does; the message does not repeat the secret.
    pub fn check_but_digests(&self, text: &str, place: &str) {
        for (token, _) in &self.0 {
            let (visible, secret) = token.rsplit_once('_').expect("a token");
            let (first, second) = secret.split_at(20);
            let found = text.contains(first) || text.contains(second);
            assert!(!found, "{place} holds the secret of {visible}");
        }
    }

    /// Checks that `text` contains no secret, and not the digest of a token, in any encoding.
    ///
    /// # Panics
    ///
    /// If it does; the message does not repeat the secret.
    pub fn check(&self, text: &str, place: &str) {
        self.check_but_digests(text, place);
        for (token, digests) in &self.0 {
            let (visible, _) = token.rsplit_once('_').expect("a token");
            for digest in digests {
                assert!(!text.contains(digest), "{place} holds the digest of {visible}");
            }
        }
    }

    /// Checks that no item of `table` contains a secret, as text or as bytes. Only a key's item has its digest.
    ///
    /// # Panics
    ///
    /// If one does.
    pub async fn check_items(&self, table: &TestTable) {
        for item in table.items().await {
            let is_key = item["sk"].as_s().is_ok_and(|sort| sort.starts_with("KEY#"));
            for (attribute, value) in &item {
                if is_key && attribute == "digest" {
                    continue;
                }
                self.check(&format!("{value:?}"), attribute);
                if let Ok(bytes) = value.as_b() {
                    self.check(&String::from_utf8_lossy(bytes.as_ref()), attribute);
                }
            }
        }
    }
}

/// The digest of a token in hexadecimal, in base64, and as `Debug` shows bytes.
fn digests(token: &str) -> [String; 4] {
    let token: Token = token.parse().expect("a token");
    let digest = token.digest();
    let bytes = digest.as_bytes();
    let mut hexadecimal = String::new();
    for byte in bytes {
        let _ = write!(hexadecimal, "{byte:02x}");
    }
    let (base64, url_safe) = (STANDARD_NO_PAD.encode(bytes), URL_SAFE_NO_PAD.encode(bytes));
    [hexadecimal, base64, url_safe, format!("{bytes:?}")]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_digest_is_found_in_every_encoding_and_outside_of_a_keys_item() {
        let secrets = Secrets::of_samples();
        for digest in digests(&SampleKey::Reader.token()) {
            let found =
                std::panic::catch_unwind(|| secrets.check(&format!("a{digest}b"), "a line"));
            assert!(found.is_err(), "{digest}");
        }
        let table = TestTable::start().await;
        secrets.check_items(&table).await;
        let table = TestTable::start().await;
        let items = table.items().await;
        let key = items.iter().find(|item| item.contains_key("key_prefix")).expect("a key");
        let put = table.client.put_item().table_name(table.name());
        let text = |value: &str| aws_sdk_dynamodb::types::AttributeValue::S(value.to_owned());
        let put = put.item("pk", text("AUDIT")).item("sk", text("0"));
        put.item("digest", key["digest"].clone()).send().await.expect("an item");
        let checked = tokio::spawn(async move { Secrets::of_samples().check_items(&table).await });
        assert!(checked.await.is_err(), "a digest in another item");
    }

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
