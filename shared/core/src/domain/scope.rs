//! Scopes: the permissions of a key.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// The scope for managing keys.
pub const KEYS_WRITE: Scope = Scope(Cow::Borrowed("keys.write"));

/// The scope for reading keys.
pub const KEYS_READ: Scope = Scope(Cow::Borrowed("keys.read"));

/// The scope for reading the audit trail.
pub const AUDIT_READ: Scope = Scope(Cow::Borrowed("audit.read"));

/// The scope for reading webhooks and their deliveries.
pub const WEBHOOKS_READ: Scope = Scope(Cow::Borrowed("webhooks.read"));

/// The scope for creating and deleting webhooks, and for repeating and giving up deliveries.
pub const WEBHOOKS_WRITE: Scope = Scope(Cow::Borrowed("webhooks.write"));

/// A permission: 1 to 64 printable ASCII characters other than space, `"`, and `\`, the `scope-token` of RFC
/// 6749, section 3.3.
///
/// ```
/// use latchkey::scope::Scope;
///
/// assert!("keys.write".parse::<Scope>().is_ok());
/// assert!("keys write".parse::<Scope>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scope(Cow<'static, str>);

/// The reason a string is not a [`Scope`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a scope has 1 to 64 printable ASCII characters other than space, `\"`, and `\\`")]
pub struct InvalidScope;

impl FromStr for Scope {
    type Err = InvalidScope;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
        if (1..=64).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(Cow::Owned(text.to_owned())))
        } else {
            Err(InvalidScope)
        }
    }
}

impl AsRef<str> for Scope {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl serde::Serialize for Scope {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// The scopes of a key, in the given order and without duplicates. An empty list means full access.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes(Vec<Scope>);

impl Scopes {
    /// No scopes: full access.
    pub fn full_access() -> Self {
        Self::default()
    }

    /// Returns whether the list is empty, which means full access.
    pub fn is_full_access(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns whether a key with these scopes has `scope`.
    pub fn allow(&self, scope: &Scope) -> bool {
        self.is_full_access() || self.0.contains(scope)
    }

    /// Returns the scopes that both lists allow, in the order of this one; `None` if there are none. An empty
    /// list would mean full access.
    pub fn common(&self, other: &Self) -> Option<Self> {
        if self.is_full_access() {
            return Some(other.clone());
        }
        let common: Self = self.0.iter().filter(|scope| other.allow(scope)).cloned().collect();
        (!common.is_full_access()).then_some(common)
    }

    /// Joins the scopes with `separator`. A space gives the `scope` of RFC 6749, section 3.3, which is empty
    /// for full access.
    pub fn join(&self, separator: &str) -> String {
        self.0.iter().map(AsRef::as_ref).collect::<Vec<&str>>().join(separator)
    }

    /// The scopes, in the given order.
    pub fn as_slice(&self) -> &[Scope] {
        &self.0
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        let mut distinct = Vec::new();
        for scope in scopes {
            if !distinct.contains(&scope) {
                distinct.push(scope);
            }
        }
        Self(distinct)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scopes(texts: &[&str]) -> Scopes {
        texts.iter().map(|text| text.parse::<Scope>().expect("a scope")).collect()
    }

    #[test]
    fn duplicates_collapse_and_order_is_kept() {
        assert_eq!(scopes(&["b", "a", "b"]), scopes(&["b", "a"]));
        assert_ne!(scopes(&["b", "a"]), scopes(&["a", "b"]));
    }

    #[test]
    fn scopes_are_joined_in_their_order() {
        assert_eq!(scopes(&["b", "a"]).join(" "), "b a");
        assert_eq!(Scopes::full_access().join(" "), "");
    }

    #[test]
    fn no_common_scope_is_never_full_access() {
        let full = Scopes::full_access();
        for (left, right, common) in [
            (scopes(&["a", "b"]), scopes(&["c", "b"]), Some(scopes(&["b"]))),
            (scopes(&["a", "b"]), scopes(&["b", "a"]), Some(scopes(&["a", "b"]))),
            (scopes(&["a"]), scopes(&["b"]), None),
            (full.clone(), scopes(&["a"]), Some(scopes(&["a"]))),
            (scopes(&["a"]), full.clone(), Some(scopes(&["a"]))),
            (full.clone(), full.clone(), Some(full)),
        ] {
            assert_eq!(left.common(&right), common, "{left:?} and {right:?}");
        }
    }

    #[test]
    fn no_scopes_allow_everything_and_some_allow_only_themselves() {
        assert!(Scopes::full_access().allow(&KEYS_WRITE));
        assert!(scopes(&["keys.write"]).allow(&KEYS_WRITE));
        assert!(!scopes(&["keys.read"]).allow(&KEYS_WRITE));
    }
}
