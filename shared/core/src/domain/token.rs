//! The token: the string that a key's holder presents.
//!
//! The form is `<prefix>_<account id>_<key id>_<secret><checksum>`, which a double-click selects as one word.
//! The secret is 256 random bits in 43 base62 digits. The checksum is the CRC-32 of everything before it in 6
//! base62 digits. It lets scanners find tokens and rejects typing errors without a read.

use std::fmt;
use std::str::FromStr;

use rand::TryCryptoRng;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::encoding;
use super::id::{self, KeyId, ServiceAccountId};

/// The number of base62 digits in a secret: 62^43 is just over 2^256.
const SECRET_LENGTH: usize = 43;

/// The number of base62 digits in a checksum: 62^6 is over 2^32.
const CHECKSUM_LENGTH: usize = 6;

/// The maximum length of a prefix in characters.
const PREFIX_LENGTH_MAX: usize = 16;

/// The deployment's mark at the start of each token: 1 to 16 of `a-z`, `0-9`, and `_`.
///
/// ```
/// use latchkey::token::Prefix;
///
/// assert!("sk_live".parse::<Prefix>().is_ok());
/// assert!("SK".parse::<Prefix>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix(String);

/// The reason a string is not a [`Prefix`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a prefix has 1 to 16 characters from `a-z`, `0-9`, and `_`")]
pub struct InvalidPrefix;

impl FromStr for Prefix {
    type Err = InvalidPrefix;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if (1..=PREFIX_LENGTH_MAX).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidPrefix)
        }
    }
}

impl Default for Prefix {
    fn default() -> Self {
        Self("sk".to_owned())
    }
}

/// A well-formed token. It holds a secret, so it has no `Display` and no `Clone`, and it is zeroed when
/// dropped.
pub struct Token {
    text: Zeroizing<String>,
    account: ServiceAccountId,
    key: KeyId,
}

/// The reason a string is not a Latchkey token. In all of these cases, the table is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidToken {
    /// The prefix is missing or malformed.
    #[error("the prefix is malformed")]
    Prefix,
    /// The account ID is neither `ROOT` nor a minted ID.
    #[error("the account ID is malformed")]
    Account,
    /// The key ID is not a minted ID.
    #[error("the key ID is malformed")]
    Key,
    /// The last part does not have the length of a secret with its checksum.
    #[error("the secret has the wrong length")]
    Length,
    /// The last part contains a character outside `0-9A-Za-z`.
    #[error("the secret contains an invalid character")]
    Alphabet,
    /// The checksum does not match because of a typing error or noise.
    #[error("the checksum does not match")]
    Checksum,
}

impl Token {
    /// The published regular expression with which secret scanners find tokens of any prefix.
    pub const PATTERN: &str =
        r"\b[a-z0-9_]{1,16}_(ROOT|[0-9A-Z]{16})_[0-9A-Z]{16}_[0-9A-Za-z]{49}\b";

    /// Mints a token for `key` of `account`.
    ///
    /// # Errors
    ///
    /// Returns the generator's error.
    pub fn mint<R: TryCryptoRng>(
        rng: &mut R,
        prefix: &Prefix,
        account: ServiceAccountId,
        key: KeyId,
    ) -> Result<Self, R::Error> {
        let mut secret = Zeroizing::new([0; 32]);
        rng.try_fill_bytes(secret.as_mut_slice())?;

        // Large enough for the longest token: growing would leave a copy of the secret behind.
        let mut text = Zeroizing::new(String::with_capacity(128));
        text.push_str(&prefix.0);
        for part in [account.as_ref(), key.as_ref()] {
            text.push('_');
            text.push_str(part);
        }
        text.push('_');
        encoding::push_base62(&mut text, *secret, SECRET_LENGTH);
        let checksum = encoding::widen(crc32fast::hash(text.as_bytes()));
        encoding::push_base62(&mut text, checksum, CHECKSUM_LENGTH);
        Ok(Self { text, account, key })
    }

    /// The whole token. Read it only to give it to its new holder.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// The account that the token names.
    pub fn account(&self) -> &ServiceAccountId {
        &self.account
    }

    /// The key that the token names.
    pub fn key(&self) -> &KeyId {
        &self.key
    }

    /// The part before the secret, which lists may show.
    pub fn key_prefix(&self) -> &str {
        let visible = self.text.len() - SECRET_LENGTH - CHECKSUM_LENGTH;
        self.text.get(..visible).unwrap_or_default()
    }

    /// Returns the digest of the whole token, which the table stores.
    ///
    /// A plain SHA-256 suffices: the secret is 256 random bits, so a slow hash would add no protection
    /// against guessing.
    pub fn digest(&self) -> TokenDigest {
        TokenDigest(Sha256::digest(self.text.as_bytes()).into())
    }
}

impl FromStr for Token {
    type Err = InvalidToken;

    /// Parses a token from the right, because a prefix may contain `_`. Accepts every deployment's prefix, so
    /// changing the prefix revokes no keys.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.rsplitn(4, '_');
        let secret = parts.next().unwrap_or_default();
        let key = parts.next().ok_or(InvalidToken::Key)?;
        let account = parts.next().ok_or(InvalidToken::Account)?;
        let prefix = parts.next().ok_or(InvalidToken::Prefix)?;

        prefix.parse::<Prefix>().map_err(|_| InvalidToken::Prefix)?;
        if account != ServiceAccountId::ROOT && !id::is_minted(account) {
            return Err(InvalidToken::Account);
        }
        if !id::is_minted(key) {
            return Err(InvalidToken::Key);
        }
        if secret.len() != SECRET_LENGTH + CHECKSUM_LENGTH {
            return Err(InvalidToken::Length);
        }
        if !secret.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(InvalidToken::Alphabet);
        }
        // The text is ASCII from here on, so every position is a character boundary.
        let (body, checksum) = text.split_at(text.len() - CHECKSUM_LENGTH);
        let mut expected = String::with_capacity(CHECKSUM_LENGTH);
        let sum = encoding::widen(crc32fast::hash(body.as_bytes()));
        encoding::push_base62(&mut expected, sum, CHECKSUM_LENGTH);
        if checksum != expected {
            return Err(InvalidToken::Checksum);
        }
        Ok(Self {
            account: account.parse().map_err(|_| InvalidToken::Account)?,
            key: key.parse().map_err(|_| InvalidToken::Key)?,
            text: Zeroizing::new(text.to_owned()),
        })
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// The SHA-256 of a token, compared in constant time.
#[derive(Clone)]
pub struct TokenDigest([u8; 32]);

impl TokenDigest {
    /// The bytes, as stored in the table.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes, as a cache key.
    pub(crate) fn to_bytes(&self) -> [u8; 32] {
        self.0
    }
}

impl TryFrom<&[u8]> for TokenDigest {
    type Error = std::array::TryFromSliceError;

    fn try_from(bytes: &[u8]) -> Result<Self, Self::Error> {
        bytes.try_into().map(Self)
    }
}

impl PartialEq for TokenDigest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for TokenDigest {}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigest(..)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;
    use regex::Regex;

    use super::*;
    use crate::time::Timestamp;

    fn token(seed: u64, prefix: &str) -> Token {
        let mut rng = StdRng::seed_from_u64(seed);
        let now = Timestamp::from_millis(1_780_315_200_000).expect("in range");
        let account = ServiceAccountId::mint(&mut rng, now).expect("infallible");
        let key = KeyId::mint(&mut rng, now).expect("infallible");
        let prefix = prefix.parse().expect("a prefix");
        Token::mint(&mut rng, &prefix, account, key).expect("infallible")
    }

    fn refusal(text: &str) -> InvalidToken {
        text.parse::<Token>().expect_err("refused")
    }

    #[test]
    fn a_seed_always_mints_the_same_token() {
        let text = token(7, "sk").expose().to_owned();
        assert_eq!(text, token(7, "sk").expose());
        assert_ne!(text, token(8, "sk").expose());
    }

    #[test]
    fn each_way_to_be_wrong_has_its_own_variant() {
        let text = token(1, "sk").expose().to_owned();
        let (head, _) = text.rsplit_once('_').expect("a secret");
        assert_eq!(refusal(&text.replacen("sk_", "SK_", 1)), InvalidToken::Prefix);
        assert_eq!(refusal(&text.replacen("sk_", "sk_x", 1)), InvalidToken::Account);
        assert_eq!(refusal(&format!("{head}x_{}", "0".repeat(49))), InvalidToken::Key);
        assert_eq!(refusal(&text[..text.len() - 1]), InvalidToken::Length);
        assert_eq!(refusal(&format!("{head}_{}", "-".repeat(49))), InvalidToken::Alphabet);
        assert_eq!(refusal(&format!("{head}_{}", "0".repeat(49))), InvalidToken::Checksum);
        assert_eq!(refusal(""), InvalidToken::Key);
    }

    #[test]
    fn debug_shows_nothing_of_a_token_or_its_digest() {
        let token = token(3, "sk");
        assert_eq!(format!("{token:?} {:?}", token.digest()), "Token(..) TokenDigest(..)");
    }

    #[test]
    fn the_visible_part_ends_before_the_secret() {
        let token = token(4, "sk_live");
        let expected = format!("sk_live_{}_{}_", token.account(), token.key());
        assert_eq!(token.key_prefix(), expected);
        assert!(token.expose().starts_with(&expected));
    }

    proptest! {
        /// The published pattern matches exactly the texts that the parser rejects only for their checksum.
        #[test]
        fn the_published_pattern_and_the_parser_agree(
            text in "([a-z_]{1,3}|sk)_(ROOT|ROOTS|[0-9A-Z]{15,17})_[0-9A-Z]{15,17}_[0-9A-Za-z]{48,50}",
        ) {
            let pattern = Regex::new(&format!("^{}$", Token::PATTERN)).expect("a pattern");
            let shaped = refusal(&text) == InvalidToken::Checksum;
            prop_assert_eq!(pattern.is_match(&text), shaped);
        }

        #[test]
        fn a_token_survives_writing_and_reading(seed: u64, prefix in "[a-z0-9_]{1,16}") {
            let minted = token(seed, &prefix);
            let read: Token = minted.expose().parse().expect("a token");
            prop_assert_eq!(read.account(), minted.account());
            prop_assert_eq!(read.key(), minted.key());
            prop_assert!(read.digest() == minted.digest());
            let text = format!("KEY=\"{}\";", minted.expose());
            let found = Regex::new(Token::PATTERN).expect("a pattern").find(&text).expect("found");
            prop_assert_eq!(found.as_str(), minted.expose());
        }

        #[test]
        fn an_altered_character_is_refused(seed: u64, at: prop::sample::Index, by in 0x20_u8..0x7f) {
            let mut bytes = token(seed, "sk").expose().as_bytes().to_vec();
            let at = at.index(bytes.len());
            prop_assume!(bytes[at] != by);
            bytes[at] = by;
            prop_assert!(std::str::from_utf8(&bytes).expect("ASCII").parse::<Token>().is_err());
        }

        #[test]
        fn transposed_neighbours_are_refused(seed: u64, at: prop::sample::Index) {
            let mut bytes = token(seed, "sk").expose().as_bytes().to_vec();
            let at = at.index(bytes.len() - 1);
            prop_assume!(bytes[at] != bytes[at + 1]);
            bytes.swap(at, at + 1);
            prop_assert!(std::str::from_utf8(&bytes).expect("ASCII").parse::<Token>().is_err());
        }

        #[test]
        fn a_truncated_or_extended_token_is_refused(seed: u64, at: prop::sample::Index, more in "[0-9A-Za-z]{1,5}") {
            let text = token(seed, "sk").expose().to_owned();
            prop_assert!(text[..at.index(text.len())].parse::<Token>().is_err());
            let extended = format!("{text}{more}");
            prop_assert!(extended.parse::<Token>().is_err());
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,120}") {
            let _ = text.parse::<Token>();
        }
    }
}
