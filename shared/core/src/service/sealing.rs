//! Sealing data so that only the holder of a key's token can open it.
//!
//! Uses AES-256-GCM under a key that HKDF-SHA-256 derives from the token, which is never stored.

use std::fmt;

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, Key, KeyInit, Nonce};
use hkdf::Hkdf;
use rand::TryCryptoRng;
use sha2::Sha256;
use zeroize::Zeroizing;

const NONCE_LENGTH: usize = 12;

/// A secret derived from a caller's token, from which sealing keys derive. It does not reveal the token.
pub struct CallerSecret(Hkdf<Sha256>);

impl CallerSecret {
    /// Derives the secret from `token`.
    pub fn of(token: &str) -> Self {
        Self(Hkdf::new(None, token.as_bytes()))
    }

    /// Derives the key for `purpose`.
    pub(crate) fn key_for(&self, purpose: &[u8]) -> SealingKey {
        let mut key = Zeroizing::new([0; 32]);
        self.0
            .expand(purpose, key.as_mut_slice())
            .expect("HKDF produces up to 255 times the hash's length (RFC 5869)");
        SealingKey(key)
    }
}

impl fmt::Debug for CallerSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallerSecret(..)")
    }
}

/// A key derived from a caller's token.
pub(crate) struct SealingKey(Zeroizing<[u8; 32]>);

impl SealingKey {
    /// Seals `plain` for the location `context`.
    ///
    /// # Errors
    ///
    /// Returns the generator's error.
    pub(crate) fn seal<R: TryCryptoRng>(
        &self,
        rng: &mut R,
        plain: &[u8],
        context: &[u8],
    ) -> Result<Vec<u8>, R::Error> {
        let mut nonce = [0; NONCE_LENGTH];
        rng.try_fill_bytes(&mut nonce)?;
        let payload = Payload { msg: plain, aad: context };
        let ciphertext = self.cipher().encrypt(&Nonce::from(nonce), payload);
        let ciphertext = ciphertext.expect("AES-GCM can encrypt texts of less than 64 GiB");
        Ok([nonce.as_slice(), &ciphertext].concat())
    }

    /// Opens data sealed for the location `context`; `None` if it was sealed for another one or changed.
    pub(crate) fn open(&self, sealed: &[u8], context: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE_LENGTH>()?;
        let payload = Payload { msg: ciphertext, aad: context };
        self.cipher().decrypt(&Nonce::from(*nonce), payload).ok().map(Zeroizing::new)
    }

    fn cipher(&self) -> Aes256Gcm {
        Aes256Gcm::new(&Key::<Aes256Gcm>::from(*self.0))
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingKey(..)")
    }
}
