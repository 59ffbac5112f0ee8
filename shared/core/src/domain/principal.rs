//! The caller of a request, and what it may do.

use super::id::{KeyId, OrganizationId, ServiceAccountId};
use super::scope::{Scope, Scopes};
use super::time::Timestamp;

/// The caller of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// A root key, which administers the deployment and belongs to no organization.
    Root {
        /// The key presented.
        key: KeyId,
        /// When that key ends.
        expires_at: Option<Timestamp>,
    },
    /// A key of a service account.
    ServiceAccount(AccountPrincipal),
}

/// A service account that presents one of its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountPrincipal {
    /// The account's organization.
    pub organization: OrganizationId,
    /// The account.
    pub account: ServiceAccountId,
    /// The key presented.
    pub key: KeyId,
    /// The scopes of that key.
    pub scopes: Scopes,
    /// When that key ends.
    pub expires_at: Option<Timestamp>,
}

/// The reason a principal may not perform an operation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// A root key was used on an organization's resource.
    #[error("a root key does not belong to an organization; use a service account's key")]
    RootKey,
    /// The key lacks the scope that the operation needs.
    #[error("this key lacks the scope `{0}`")]
    MissingScope(Scope),
    /// The operation needs a key with full access.
    #[error("managing service accounts requires a key with full access; this key has scopes")]
    FullAccessNeeded,
    /// An organization's key was used on a resource of the deployment.
    #[error("this operation requires a root key; this key belongs to an organization")]
    RootKeyNeeded,
    /// The key cannot grant a scope that it does not hold.
    #[error("this key cannot grant the scope `{0}`, which it does not have")]
    ScopeNotHeld(Scope),
    /// A key with scopes cannot create a key that expires after itself.
    #[error("this key expires at {0} and cannot grant a later expiry; request an earlier one")]
    LaterExpiry(Timestamp),
    /// A key with scopes cannot change or end a key that holds more scopes.
    #[error(
        "this key cannot change or revoke a key with the scope `{0}`, which it does not have; \
         use a key that has it"
    )]
    TargetHoldsScope(Scope),
    /// A key with scopes cannot change or end a key with full access.
    #[error(
        "this key has scopes and cannot change or revoke a key with full access; \
         use a key with full access"
    )]
    TargetHasFullAccess,
    /// A key with scopes cannot grant full access.
    #[error("this key has scopes and cannot grant full access; request only scopes that it has")]
    FullAccessNotHeld,
    /// The request selects an organization other than the key's.
    #[error("this key does not belong to the selected account")]
    OtherOrganization,
    /// The endpoint does not accept keys of this organization.
    #[error("this key belongs to an organization that this endpoint does not accept")]
    OrganizationNotAllowed,
}

impl Principal {
    /// The key presented.
    pub fn key(&self) -> &KeyId {
        match self {
            Self::Root { key, .. } => key,
            Self::ServiceAccount(principal) => &principal.key,
        }
    }

    /// When the key presented ends.
    pub fn expires_at(&self) -> Option<Timestamp> {
        match self {
            Self::Root { expires_at, .. } => *expires_at,
            Self::ServiceAccount(principal) => principal.expires_at,
        }
    }

    /// Returns the root key behind the request.
    ///
    /// # Errors
    ///
    /// [`Denial::RootKeyNeeded`] for a service account.
    pub fn root(&self) -> Result<&KeyId, Denial> {
        match self {
            Self::Root { key, .. } => Ok(key),
            Self::ServiceAccount(_) => Err(Denial::RootKeyNeeded),
        }
    }

    /// Returns the service account behind the request.
    ///
    /// # Errors
    ///
    /// [`Denial::RootKey`] for a root key, which belongs to no organization.
    pub fn service_account(&self) -> Result<&AccountPrincipal, Denial> {
        match self {
            Self::Root { .. } => Err(Denial::RootKey),
            Self::ServiceAccount(principal) => Ok(principal),
        }
    }
}

impl AccountPrincipal {
    /// Checks that the key presented has full access.
    ///
    /// # Errors
    ///
    /// [`Denial::FullAccessNeeded`] if it does not.
    pub fn require_full_access(&self) -> Result<(), Denial> {
        if self.scopes.is_full_access() { Ok(()) } else { Err(Denial::FullAccessNeeded) }
    }

    /// Checks that the key presented has `scope`.
    ///
    /// # Errors
    ///
    /// [`Denial::MissingScope`] if it does not.
    pub fn require(&self, scope: &Scope) -> Result<(), Denial> {
        if self.scopes.allow(scope) { Ok(()) } else { Err(Denial::MissingScope(scope.clone())) }
    }

    /// Checks that the key presented may change or end a key with `scopes`, which must not exceed its own.
    /// Otherwise a key that may write keys could lock out everyone else.
    ///
    /// # Errors
    ///
    /// [`Denial::TargetHasFullAccess`] or [`Denial::TargetHoldsScope`], naming the first such scope.
    pub fn outrank(&self, scopes: &Scopes) -> Result<(), Denial> {
        self.cover(scopes).map_err(|denial| match denial {
            Denial::ScopeNotHeld(scope) => Denial::TargetHoldsScope(scope),
            _ => Denial::TargetHasFullAccess,
        })
    }

    /// The latest expiry of keys created with this one: its own expiry, unless it has full access or never
    /// expires.
    pub fn latest_expiry(&self) -> Option<Timestamp> {
        self.expires_at.filter(|_| !self.scopes.is_full_access())
    }

    /// Returns the expiry of a key that this one mints: `asked`, or else `otherwise` capped at
    /// `latest_expiry`. `None` means never.
    ///
    /// # Errors
    ///
    /// [`Denial::LaterExpiry`] if a key with scopes asks for an expiry later than its own.
    pub fn bound_expiry(
        &self,
        asked: Option<Timestamp>,
        otherwise: Option<Timestamp>,
    ) -> Result<Option<Timestamp>, Denial> {
        let Some(latest) = self.latest_expiry() else { return Ok(asked.or(otherwise)) };
        match asked {
            Some(asked) if asked > latest => Err(Denial::LaterExpiry(latest)),
            Some(asked) => Ok(Some(asked)),
            None => Ok(Some(otherwise.map_or(latest, |end| end.min(latest)))),
        }
    }

    /// Checks that a key with `scopes` would have no permission that this one lacks.
    ///
    /// # Errors
    ///
    /// [`Denial::FullAccessNotHeld`] or [`Denial::ScopeNotHeld`], naming the first such scope.
    pub fn cover(&self, scopes: &Scopes) -> Result<(), Denial> {
        if self.scopes.is_full_access() {
            return Ok(());
        }
        if scopes.is_full_access() {
            return Err(Denial::FullAccessNotHeld);
        }
        match scopes.as_slice().iter().find(|scope| !self.scopes.allow(scope)) {
            Some(scope) => Err(Denial::ScopeNotHeld(scope.clone())),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scope::KEYS_WRITE;

    fn principal(scopes: Scopes) -> AccountPrincipal {
        AccountPrincipal {
            organization: "acme".parse().expect("an id"),
            account: ServiceAccountId::root(),
            key: "KEY".parse().expect("an id"),
            scopes,
            expires_at: None,
        }
    }

    fn scopes(texts: &[&str]) -> Scopes {
        texts.iter().map(|text| text.parse::<Scope>().expect("a scope")).collect()
    }

    proptest! {
        /// A key never exceeds its minter: the minter may do everything that a covered key may.
        #[test]
        fn a_covered_key_never_exceeds_its_minter(
            held in prop::collection::vec("[a-d]", 0..4),
            asked in prop::collection::vec("[a-d]", 0..4),
        ) {
            let of = |texts: &[String]| -> Scopes {
                texts.iter().map(|text| text.parse::<Scope>().expect("a scope")).collect()
            };
            let (held, asked) = (of(&held), of(&asked));
            let covered = principal(held.clone()).cover(&asked).is_ok();
            let all = scopes(&["a", "b", "c", "d", "e"]);
            let exceeds = all.as_slice().iter().any(|s| asked.allow(s) && !held.allow(s));
            prop_assert_eq!(covered, !exceeds);
        }
    }

    #[test]
    fn a_refusal_names_what_is_missing() {
        let reader = principal(scopes(&["keys.read"]));
        assert_eq!(reader.require(&KEYS_WRITE), Err(Denial::MissingScope(KEYS_WRITE)));
        let scope = "x".parse().expect("a scope");
        assert_eq!(reader.cover(&scopes(&["keys.read", "x"])), Err(Denial::ScopeNotHeld(scope)));
        assert_eq!(reader.cover(&Scopes::full_access()), Err(Denial::FullAccessNotHeld));
    }

    #[test]
    fn the_root_is_in_no_organization() {
        let root = Principal::Root { key: "KEY".parse().expect("an id"), expires_at: None };
        assert_eq!(root.service_account(), Err(Denial::RootKey));
    }
}
