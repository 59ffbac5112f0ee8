//! Arguments about root keys.

use clap::{Args as ClapArgs, Subcommand};

use super::{Consent, Descendants, Expiry, KeyReference};

#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  latchkey root-key create --expires-in 90d
  latchkey root-key list
  latchkey root-key revoke --key 0197CTTLAFLKW3FL

A root key is not rotated: create another one, hand it out, revoke the old one.")]
pub(crate) enum RootKeyCommand {
    /// Create a root key.
    Create(CreateRootKey),
    /// List root keys, oldest first, including ended ones.
    List,
    /// Revoke a root key permanently; with `--with-descendants`, also every root key that it created.
    ///
    /// Functions that have just verified the key reject it within `CacheTtl` (10 s by default).
    Revoke(RevokeRootKey),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct CreateRootKey {
    #[command(flatten)]
    pub(crate) expiry: Expiry,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct RevokeRootKey {
    /// Key ID, or the key's prefix as lists show it: `sk_ROOT_<key>_`.
    #[arg(long, value_parser = KeyReference::parser())]
    pub(crate) key: KeyReference,
    #[command(flatten)]
    pub(crate) descendants: Descendants,
    #[command(flatten)]
    pub(crate) consent: Consent,
}
