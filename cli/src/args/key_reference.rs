//! How the command line names a key.

use std::str::FromStr;

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use clap::{Arg, Args as ClapArgs, Command, Error};
use latchkey::id::{KeyId, ServiceAccountId};
use latchkey::token::Prefix;

use super::leak::{WHOLE_KEY, is_whole_key};

/// One key of one account.
#[derive(Debug, ClapArgs)]
pub(crate) struct OneKey {
    /// Service account ID, or `ROOT` for a root key; required if `--key` is a key ID.
    #[arg(long, value_name = "ID")]
    account: Option<ServiceAccountId>,
    /// Key ID, or key prefix as shown in lists: `sk_<account>_<key>_`. Never the whole key.
    #[arg(long, value_parser = KeyReference::parser())]
    key: KeyReference,
}

/// A key's ID, or its visible prefix, which also names its account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyReference {
    account: Option<ServiceAccountId>,
    key: KeyId,
}

impl OneKey {
    /// Returns both IDs.
    ///
    /// # Errors
    ///
    /// If the account is unknown, or is named twice with different values.
    pub(crate) fn ids(&self) -> Result<(ServiceAccountId, KeyId), String> {
        let account = self.account.as_ref().or(self.key.account.as_ref());
        let account = account.ok_or(
            "no service account: pass `--account` too, or pass as `--key` the key prefix that lists \
             show, `sk_<account>_<key>_`",
        )?;
        Ok((account.clone(), self.key.id_within(account)?))
    }
}

impl KeyReference {
    /// The account, if the reference names it.
    pub(crate) fn account(&self) -> Option<&ServiceAccountId> {
        self.account.as_ref()
    }

    /// The key's ID.
    pub(crate) fn key(&self) -> &KeyId {
        &self.key
    }

    /// A parser that never repeats its input, which may contain a secret. Clap's own parsers do.
    pub(crate) fn parser() -> impl TypedValueParser<Value = Self> {
        Silent
    }

    /// The key's ID, if the key belongs to `account`.
    ///
    /// # Errors
    ///
    /// If the key belongs to another account.
    pub(crate) fn id_within(&self, account: &ServiceAccountId) -> Result<KeyId, String> {
        match &self.account {
            Some(own) if own != account => Err(format!(
                "`--key` names a key of account `{own}`, not of `{account}`; check the IDs"
            )),
            _ => Ok(self.key.clone()),
        }
    }
}

impl FromStr for KeyReference {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const NEITHER: &str = "must be a key ID, such as 0197CTTLAFLKW3FL, or a key prefix as shown in \
                               lists, such as sk_0197CTTDF1YT9FUW_0197CTTLAFLKW3FL_";
        if is_whole_key(text) {
            return Err(WHOLE_KEY);
        }
        let Some((rest, key)) = text.strip_suffix('_').unwrap_or(text).rsplit_once('_') else {
            let key = text.parse().map_err(|_| NEITHER)?;
            return Ok(Self { account: None, key });
        };
        let (prefix, account) = rest.rsplit_once('_').ok_or(NEITHER)?;
        prefix.parse::<Prefix>().map_err(|_| NEITHER)?;
        let account = account.parse().map_err(|_| NEITHER)?;
        Ok(Self { account: Some(account), key: key.parse().map_err(|_| NEITHER)? })
    }
}

#[derive(Clone, Copy)]
struct Silent;

impl TypedValueParser for Silent {
    type Value = KeyReference;

    fn parse_ref(
        &self,
        command: &Command,
        _: Option<&Arg>,
        value: &std::ffi::OsStr,
    ) -> Result<KeyReference, Error> {
        value.to_string_lossy().parse().map_err(|problem| {
            let message = format!("invalid key: {problem}\n");
            Error::raw(ErrorKind::ValueValidation, message).with_cmd(command)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_named_by_its_id_or_by_what_lists_show_of_it() {
        let named = |text: &str| {
            let reference: KeyReference = text.parse()?;
            Ok::<_, &str>((reference.account.map(|id| id.to_string()), reference.key.to_string()))
        };
        let key = || "0197CTTLAFLKW3FL".to_owned();
        let account = || Some("0197CTTDF1YT9FUW".to_owned());
        assert_eq!(named("0197CTTLAFLKW3FL"), Ok((None, key())));
        for text in [
            "sk_0197CTTDF1YT9FUW_0197CTTLAFLKW3FL_",
            "sk_0197CTTDF1YT9FUW_0197CTTLAFLKW3FL",
            "sk_live_0197CTTDF1YT9FUW_0197CTTLAFLKW3FL_",
        ] {
            assert_eq!(named(text), Ok((account(), key())), "{text}");
        }
        assert_eq!(named("sk_ROOT_0197CTTLAFLKW3FL_"), Ok((Some("ROOT".to_owned()), key())));
        let whole = "sk_0197CTTDF1YT9FUW_0197CTTLAFLKW3FL_x9";
        assert_eq!(named(whole), Err(WHOLE_KEY));
        for text in ["", "_", "key", "A_B", "_A_B", "SK_A_B", "sk__B", "sk_A__"] {
            assert!(named(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_account_is_named_once_or_twice_the_same() {
        let ids = |account: Option<&str>, key: &str| {
            let account = account.map(|id| id.parse().expect("an id"));
            OneKey { account, key: key.parse().expect("a reference") }.ids().is_ok()
        };
        assert!(ids(Some("A"), "K") && ids(None, "sk_A_K_") && ids(Some("A"), "sk_A_K_"));
        assert!(!ids(None, "K") && !ids(Some("B"), "sk_A_K_"));
    }
}
