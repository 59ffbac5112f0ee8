//! Chains of events: what makes a trail evident of tampering.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::id::{OrganizationId, ServiceAccountId};

use super::EventTime;

/// A chain of events. Its head is an attribute of the item that its changes write anyway, so that chains never make
/// one change wait for another that it would not have waited for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Chain {
    /// The changes of a service account and its keys.
    Account(ServiceAccountId),
    /// The changes of an organization, and the creation of its accounts.
    Organization(OrganizationId),
    /// The changes of root keys.
    Deployment,
}

impl Chain {
    /// The chain's name in its trail: the ID of the account, `organization`, or `deployment`. No account has such
    /// an ID, because IDs are in upper case.
    pub fn name(&self) -> &str {
        match self {
            Self::Account(id) => id.as_ref(),
            Self::Organization(_) => "organization",
            Self::Deployment => "deployment",
        }
    }
}

/// A SHA-256 digest of an event.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest before a chain's first event.
    pub const NONE: Self = Self([0; 32]);
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The reason a text is not a digest or a [`Head`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a sequence number, a time, a time to live or `-`, and a digest")]
pub struct InvalidHead;

impl FromStr for Digest {
    type Err = InvalidHead;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidHead)?;
        Ok(Self(bytes.try_into().map_err(|_| InvalidHead)?))
    }
}

/// The last event of a chain, or the event that starts an account's chain with the sequence number 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its number in the chain.
    pub sequence: u64,
    /// Its time.
    pub time: EventTime,
    /// When the table deletes it, in seconds since the Unix epoch; `None` for never.
    pub ttl: Option<i64>,
    /// Its digest.
    pub digest: Digest,
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ", self.sequence, self.time.as_micros())?;
        match self.ttl {
            Some(ttl) => write!(f, "{ttl} {}", self.digest),
            None => write!(f, "- {}", self.digest),
        }
    }
}

impl FromStr for Head {
    type Err = InvalidHead;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split(' ');
        let mut next = || parts.next().ok_or(InvalidHead);
        let head = Self {
            sequence: next()?.parse().map_err(|_| InvalidHead)?,
            time: next()?.parse().ok().and_then(EventTime::from_micros).ok_or(InvalidHead)?,
            ttl: match next()? {
                "-" => None,
                ttl => Some(ttl.parse().map_err(|_| InvalidHead)?),
            },
            digest: next()?.parse()?,
        };
        if parts.next().is_some() { Err(InvalidHead) } else { Ok(head) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_head_survives_writing_and_reading(
            sequence: u64,
            micros in 0..1_i64 << 57,
            ttl: Option<i64>,
            digest: [u8; 32],
        ) {
            let time = EventTime::from_micros(micros).expect("in range");
            let head = Head { sequence, time, ttl, digest: Digest(digest) };
            prop_assert_eq!(head.to_string().parse(), Ok(head));
        }

        #[test]
        fn no_text_panics(text in "[0-9 a-zA-Z-]{0,80}") {
            let _ = text.parse::<Head>();
        }
    }
}
