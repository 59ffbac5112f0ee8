//! `X-Chaser-Account`: the account that a request is about. A Chaser account is a Latchkey organization.

use std::borrow::Cow;

use latchkey::principal::{AccountPrincipal, Denial};
use latchkey_http::{Error, Request};

use crate::App;

const HEADER: &str = "x-chaser-account";

/// The vendor's name for a person's own account. Here it stands for the caller's account.
const PERSONAL: &str = "personal";

/// Checks that the selected account, by ID or exact name, is the caller's own.
///
/// # Errors
///
/// [`Denial::OtherOrganization`], also if the header is repeated. Ours: the vendor rejects a key for
/// another account, but does not say how.
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

/// Decodes a header, which need not be ASCII.
///
/// Clients send names in UTF-8 or, like the vendor's SDK, in Latin-1 (Python's `urllib`). Bytes that are
/// not valid UTF-8 are read as Latin-1, in which all bytes are valid.
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
