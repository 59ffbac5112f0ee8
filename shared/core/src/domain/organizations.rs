//! Which organizations may pass a verification.

use std::str::FromStr;

use super::id::{InvalidOrganizationId, OrganizationId};
use super::principal::{AccountPrincipal, Denial};

/// The organizations with keys that a verification accepts. An empty list accepts every organization.
///
/// A key with full access passes every scope, so in a deployment with several organizations only this
/// keeps one organization's keys out of the API of another.
///
/// ```
/// use latchkey::organizations::AllowedOrganizations;
///
/// let allowed: AllowedOrganizations = "acme, example".parse()?;
/// assert!(allowed.allows(&"acme".parse().expect("an ID")));
/// assert!(!allowed.allows(&"other".parse().expect("an ID")));
/// # Ok::<(), latchkey::organizations::InvalidOrganizations>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedOrganizations(Vec<OrganizationId>);

impl AllowedOrganizations {
    /// Accepts every organization.
    pub fn every() -> Self {
        Self::default()
    }

    /// Accepts the organizations that the values of a request's parameter name, separated by spaces.
    /// Without a value it accepts every organization.
    ///
    /// # Errors
    ///
    /// [`InvalidOrganizationId`] for an entry that is not an organization ID, and for values that name
    /// no organization at all: a proxy that fills the parameter from an empty variable must not open
    /// the door to everyone.
    pub fn named<T: AsRef<str>>(
        values: impl IntoIterator<Item = T>,
    ) -> Result<Self, InvalidOrganizationId> {
        let mut organizations = Vec::new();
        for value in values {
            let before = organizations.len();
            for entry in value.as_ref().split(' ').filter(|entry| !entry.is_empty()) {
                organizations.push(entry.parse()?);
            }
            if organizations.len() == before {
                return Err(InvalidOrganizationId);
            }
        }
        Ok(Self(organizations))
    }

    /// Whether some organizations are refused.
    pub fn is_restricted(&self) -> bool {
        !self.0.is_empty()
    }

    /// Whether keys of `organization` pass.
    pub fn allows(&self, organization: &OrganizationId) -> bool {
        self.0.is_empty() || self.0.contains(organization)
    }

    /// Checks that keys of the caller's organization pass.
    ///
    /// # Errors
    ///
    /// [`Denial::OrganizationNotAllowed`] if they do not.
    pub fn check(&self, caller: &AccountPrincipal) -> Result<(), Denial> {
        if self.allows(&caller.organization) { Ok(()) } else { Err(Denial::OrganizationNotAllowed) }
    }
}

/// Why a list does not name organizations: which entry is no ID. A list of separators only is no list
/// either: its author meant some organization.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{entry:?} is not an organization ID; {rule}", rule = InvalidOrganizationId)]
pub struct InvalidOrganizations {
    entry: String,
}

impl FromStr for AllowedOrganizations {
    type Err = InvalidOrganizations;

    /// Accepts the organizations of a setting, which are separated by commas or white space. An empty
    /// setting accepts every organization.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = |entry: &str| InvalidOrganizations { entry: entry.to_owned() };
        let separators = |c: char| c == ',' || c.is_whitespace();
        let entries = text.split(separators).filter(|entry| !entry.is_empty());
        let parsed = entries.map(|entry| entry.parse().map_err(|_| invalid(entry)));
        let organizations = parsed.collect::<Result<Vec<_>, _>>()?;
        if organizations.is_empty() && !text.is_empty() {
            return Err(invalid(text));
        }
        Ok(Self(organizations))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<AllowedOrganizations, InvalidOrganizations> {
        text.parse()
    }

    fn id(text: &str) -> OrganizationId {
        text.parse().expect("an ID")
    }

    #[test]
    fn an_unset_list_accepts_every_organization() {
        let every = parse("").expect("valid");
        assert_eq!(every, AllowedOrganizations::every());
        assert!(!every.is_restricted());
        assert!(every.allows(&id("acme")));
    }

    #[test]
    fn a_list_accepts_exactly_its_organizations() {
        for list in ["acme,b.c-d", "acme b.c-d", " acme,\n b.c-d ,"] {
            let allowed = parse(list).expect(list);
            assert!(allowed.is_restricted(), "{list}");
            assert!(allowed.allows(&id("acme")) && allowed.allows(&id("b.c-d")), "{list}");
            // Neither a prefix nor another case will do.
            for other in ["acm", "acme2", "Acme", "b.c"] {
                assert!(!allowed.allows(&id(other)), "{list}: {other}");
            }
        }
    }

    #[test]
    fn a_bad_entry_is_named() {
        for (list, entry) in
            [("acme,-b", "-b"), ("a/b", "a/b"), ("acme;b", "acme;b"), (" , ", " , ")]
        {
            let error = parse(list).expect_err(list);
            assert!(error.to_string().starts_with(&format!("{entry:?} is not an")), "{error}");
        }
    }

    #[test]
    fn a_parameter_that_names_nobody_is_no_restriction_but_an_error() {
        let named = |values: &[&str]| AllowedOrganizations::named(values);
        assert_eq!(named(&[]), Ok(AllowedOrganizations::every()));
        let two = named(&["acme", " b  c "]).expect("valid");
        assert!(["acme", "b", "c"].into_iter().all(|known| two.allows(&id(known))));
        for bad in [&[""][..], &[" "], &["acme", ""], &["acme,b"], &["-acme"]] {
            assert_eq!(named(bad), Err(InvalidOrganizationId), "{bad:?}");
        }
    }
}
