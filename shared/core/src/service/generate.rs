//! Key generation, the only place where the service draws a key.

use rand::rngs::SysRng;

use crate::error::Error;
use crate::key::{Key, KeySpec, Minted};
use crate::policy::KeyPolicy;
use crate::store::StoreError;
use crate::time::Timestamp;

/// Generates a key without reading the table.
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

/// Logs a key that may be in the table although its minter never saw it, because the response to its write
/// was lost. A retry with the same idempotency key returns it, and an operator can revoke it.
pub(super) fn warn_if_orphaned(error: &Error, key: &Key) {
    if let Error::Store(StoreError::Unavailable(_)) = error {
        let account = &key.spec.account;
        tracing::warn!(
            account.id = %account,
            key.id = %key.id,
            "this key may exist although no caller received it; revoke it unless it is in use"
        );
    }
}
