//! Generating keys: the one place where the service draws one.

use rand::rngs::SysRng;

use crate::error::Error;
use crate::key::{Key, KeySpec, Minted};
use crate::policy::KeyPolicy;
use crate::store::StoreError;
use crate::time::Timestamp;

/// Generates a key, without a look at the table.
///
/// # Errors
///
/// [`Error::Random`].
pub(super) fn generate_key(
    policy: &KeyPolicy,
    now: Timestamp,
    spec: KeySpec,
) -> Result<Minted, Error> {
    let generated = Key::mint(&mut SysRng, now, &policy.prefix, spec);
    let (key, token) = generated.map_err(Error::Random)?;
    Ok(Minted { key, token })
}

/// Logs a key that may be in the table although its minter never gets to see it: the answer to its write
/// was lost. Whoever sends the request again with the same idempotency key gets it, and an operator can
/// revoke it.
pub(super) fn warn_if_orphaned(error: &Error, key: &Key) {
    if let Error::Store(StoreError::Unavailable(_)) = error {
        let account = &key.spec.account;
        tracing::warn!(account.id = %account, key.id = %key.id, "a key may be left without a holder");
    }
}
