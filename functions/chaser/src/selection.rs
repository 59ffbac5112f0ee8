//! `X-Chaser-Account`: which account a request is about. Chaser's accounts are our organizations.

use std::borrow::Cow;

use latchkey::principal::{AccountPrincipal, Denial};
use latchkey_http::{Error, Request};

use crate::App;

const HEADER: &str = "x-chaser-account";

/// The caller's own account, where the vendor's callers are people: every caller here is in one.
const PERSONAL: &str = "personal";

/// Holds the account selected, by its id or its exact name, against the caller's own.
///
/// # Errors
///
/// [`Denial::OtherOrganization`], for two accounts too. Ours: the vendor refuses a key with another
/// account, and does not say how.
pub(crate) async fn check(
    app: &App,
    caller: &AccountPrincipal,
    request: &Request,
) -> Result<(), Error> {
    let mut values = request.headers.get_all(HEADER).iter();
    let Some(first) = values.next() else { return Ok(()) };
    if values.next().is_some() {
        return Err(Denial::OtherOrganization.into());
    }
    let selected = decode(first.as_bytes());
    match selected.trim() {
        PERSONAL => Ok(()),
        selected => Ok(app.latchkey.check_organization(caller, selected).await?),
    }
}

/// The text of a header. Names need not be ASCII, and go out in UTF-8 or, as from the vendor's SDK,
/// in Latin-1 (Python's `urllib`): what is not UTF-8 is Latin-1, which everything is.
fn decode(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => bytes.iter().copied().map(char::from).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_utf_8_is_latin_1() {
        assert_eq!(decode("Müller GmbH".as_bytes()), "Müller GmbH");
        assert_eq!(decode(b"M\xfcller GmbH"), "Müller GmbH");
        assert_eq!(decode(b"Acme"), "Acme");
    }
}
