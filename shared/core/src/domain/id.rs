//! Identifiers of organizations, service accounts, keys, and webhooks.

use std::fmt;
use std::str::FromStr;

use rand::TryRng;

use super::encoding;
use super::time::Timestamp;

/// The reason a string is not an identifier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidId {
    /// Too short or too long; holds the actual number of characters.
    #[error("must be 1 to {max} characters, not {0}", max = RESOURCE_ID_LENGTH_MAX)]
    Length(usize),
    /// A character that is not allowed.
    #[error("must contain only `A-Z` and `0-9`, not {0:?}")]
    Character(char),
}

/// LakeSail's `ResourceId` allows up to 20 characters; minted identifiers have 16.
const RESOURCE_ID_LENGTH_MAX: usize = 20;

/// The length of a minted identifier in characters.
pub(crate) const MINTED_LENGTH: usize = 16;

/// Returns whether `text` has the form of a minted identifier.
pub(crate) fn is_minted(text: &str) -> bool {
    text.len() == MINTED_LENGTH && text.bytes().all(is_resource_byte)
}

fn is_resource_byte(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

/// Mints an identifier: 48 bits of milliseconds, then 32 random bits, so identifiers sort by creation time.
fn mint<R: TryRng>(rng: &mut R, now: Timestamp) -> Result<String, R::Error> {
    Ok(minted(now, rng.try_next_u32()?))
}

fn minted(now: Timestamp, random: u32) -> String {
    let millis = u64::try_from(now.as_millis()).unwrap_or(0) & ((1 << 48) - 1);
    encoding::base36(u128::from(millis) << 32 | u128::from(random))
}

macro_rules! resource_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// Mints an identifier that is almost certainly unique and sorts by `now`.
            ///
            /// # Errors
            ///
            /// Returns the generator's error.
            pub fn mint<R: TryRng>(rng: &mut R, now: Timestamp) -> Result<Self, R::Error> {
                mint(rng, now).map(Self)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let length = text.chars().count();
                if !(1..=RESOURCE_ID_LENGTH_MAX).contains(&length) {
                    return Err(InvalidId::Length(length));
                }
                match text.chars().find(|c| !c.is_ascii_uppercase() && !c.is_ascii_digit()) {
                    Some(stray) => Err(InvalidId::Character(stray)),
                    None => Ok(Self(text.to_owned())),
                }
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

resource_id! {
    /// The ID of a service account: 1 to 20 of `A-Z` and `0-9`, like LakeSail's `ResourceId`.
    ///
    /// ```
    /// use latchkey::id::{InvalidId, ServiceAccountId};
    ///
    /// assert!("01K9ZQ4V8M3T7RXA".parse::<ServiceAccountId>().is_ok());
    /// assert_eq!("a".parse::<ServiceAccountId>(), Err(InvalidId::Character('a')));
    /// ```
    ServiceAccountId
}

resource_id! {
    /// The ID of a key, with the grammar of [`ServiceAccountId`].
    ///
    /// ```
    /// use latchkey::id::{InvalidId, KeyId};
    ///
    /// assert_eq!("".parse::<KeyId>(), Err(InvalidId::Length(0)));
    /// ```
    KeyId
}

resource_id! {
    /// The ID of a webhook, with the grammar of [`ServiceAccountId`].
    WebhookId
}

impl KeyId {
    /// Returns the smallest identifier that can be minted at `at` or later.
    pub(crate) fn first_of(at: Timestamp) -> Self {
        Self(minted(at, 0))
    }
}

impl ServiceAccountId {
    /// The account ID in a root key. Root keys belong to no account.
    pub const ROOT: &str = "ROOT";

    /// Returns the account ID of root keys.
    pub fn root() -> Self {
        Self(Self::ROOT.to_owned())
    }

    /// Returns whether this is the account ID of root keys.
    pub fn is_root(&self) -> bool {
        self.0 == Self::ROOT
    }
}

/// The ID of an organization: 1 to 64 letters, digits, `.`, `_`, or `-`, starting with a letter or digit.
///
/// ```
/// use latchkey::id::OrganizationId;
///
/// assert!("acme".parse::<OrganizationId>().is_ok());
/// assert!("-acme".parse::<OrganizationId>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OrganizationId(String);

/// The reason a string is not an [`OrganizationId`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "an organization ID has 1 to 64 letters, digits, `.`, `_`, or `-`, and starts with a letter or digit"
)]
pub struct InvalidOrganizationId;

impl FromStr for OrganizationId {
    type Err = InvalidOrganizationId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let starts_well = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if starts_well && text.len() <= 64 && text.chars().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidOrganizationId)
        }
    }
}

impl AsRef<str> for OrganizationId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OrganizationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn each_way_to_be_wrong_has_its_own_variant() {
        let parse = |text: &str| text.parse::<ServiceAccountId>();
        assert_eq!(parse(""), Err(InvalidId::Length(0)));
        assert_eq!(parse(&"A".repeat(21)), Err(InvalidId::Length(21)));
        assert_eq!(parse("ABé"), Err(InvalidId::Character('é')));
        assert!(parse(&"Z9".repeat(10)).is_ok());
    }

    proptest! {
        #[test]
        fn minted_ids_parse_and_sort_by_creation(
            seed: u64,
            early in 0_i64..1 << 47,
            later in 1_i64..1 << 40,
        ) {
            let mut rng = StdRng::seed_from_u64(seed);
            let at = |millis| Timestamp::from_millis(millis).expect("in range");
            let first = KeyId::mint(&mut rng, at(early)).expect("infallible");
            let second = KeyId::mint(&mut rng, at(early + later)).expect("infallible");
            prop_assert!(is_minted(first.as_ref()));
            prop_assert_eq!(first.as_ref().parse::<KeyId>(), Ok(first.clone()));
            prop_assert!(first < second);
            prop_assert!(KeyId::first_of(at(early)) <= first);
            prop_assert!(first < KeyId::first_of(at(early + later)));
        }

        #[test]
        fn organization_ids_never_break_a_partition_key(text in "\\PC{0,70}") {
            if let Ok(id) = text.parse::<OrganizationId>() {
                prop_assert!(!id.as_ref().contains('#'));
                prop_assert!((1..=64).contains(&id.as_ref().len()));
            }
        }
    }
}
