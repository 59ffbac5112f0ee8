//! Arguments about root keys.

use clap::{Args as ClapArgs, Subcommand};

use super::{Consent, Descendants, Expiry, KeyReference};

#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  latchkey root-key create --expires-in 90d
  latchkey root-key list
  latchkey root-key revoke --key 0197CTTLAFLKW3FL

You cannot rotate a root key. Instead, create a new one, switch to it, and revoke the old one.")]
pub(crate) enum RootKeyCommand {
    /// Create a root key. The key is printed only once.
    Create(CreateRootKey),
    /// List root keys, oldest first, including expired and revoked ones.
    List,
    /// Permanently revoke a root key; with `--with-descendants`, also every root key that it created.
    ///
    /// Functions may still accept a cached key for up to `CacheTtl` (10 s by default).
    Revoke(RevokeRootKey),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct CreateRootKey {
    #[command(flatten)]
    pub(crate) expiry: Expiry,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct RevokeRootKey {
    /// Key ID, or key prefix as shown in lists: `sk_ROOT_<key>_`. Never the whole key.
    #[arg(long, value_parser = KeyReference::parser())]
    pub(crate) key: KeyReference,
    #[command(flatten)]
    pub(crate) descendants: Descendants,
    #[command(flatten)]
    pub(crate) consent: Consent,
}
