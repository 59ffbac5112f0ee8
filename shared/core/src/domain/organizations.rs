//! The organizations that a verification accepts.

use std::str::FromStr;

use super::id::{InvalidOrganizationId, OrganizationId};
use super::principal::{AccountPrincipal, Denial};

/// The organizations whose keys a verification accepts. An empty list accepts every organization.
///
/// A key with full access passes every scope check. In a deployment with several organizations, only this
/// list keeps one organization's keys out of another organization's API.
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

    /// Accepts the organizations named in the values of a request's parameter, separated by spaces. If there
    /// are no values, accepts every organization.
    ///
    /// # Errors
    ///
    /// [`InvalidOrganizationId`] if an entry is not an organization ID or a value names no organization: a
    /// proxy that fills the parameter from an empty variable must not admit everyone.
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

    /// Returns whether some organizations are rejected.
    pub fn is_restricted(&self) -> bool {
        !self.0.is_empty()
    }

    /// Returns whether keys of `organization` are accepted.
    pub fn allows(&self, organization: &OrganizationId) -> bool {
        self.0.is_empty() || self.0.contains(organization)
    }

    /// Checks that keys of the caller's organization are accepted.
    ///
    /// # Errors
    ///
    /// [`Denial::OrganizationNotAllowed`] if they are not.
    pub fn check(&self, caller: &AccountPrincipal) -> Result<(), Denial> {
        if self.allows(&caller.organization) { Ok(()) } else { Err(Denial::OrganizationNotAllowed) }
    }
}

/// The entry of a list that is not an organization ID. A list of only separators is also invalid, because its
/// author meant to name an organization.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("contains {entry:?}, which is not an organization ID; {rule}", rule = InvalidOrganizationId)]
pub struct InvalidOrganizations {
    entry: String,
}

impl FromStr for AllowedOrganizations {
    type Err = InvalidOrganizations;

    /// Parses a setting: organizations separated by commas or white space. An empty setting accepts every
    /// organization.
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
            // Neither a prefix nor a different case matches.
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
            let problem = format!("contains {entry:?}, which is not an organization ID; ");
            assert!(error.to_string().starts_with(&problem), "{error}");
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
