//! Keys that tests sign with, in the place of GitHub's.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair,
};

use crate::leaks::signature::PublicKey;

/// The header of a P-256 key: an `id-ecPublicKey` on `secp256r1`, and a bit string of 65 bytes.
const P256: &str = "3059301306072a8648ce3d020106082a8648ce3d030107034200";

/// A key pair and its identifier.
pub(crate) struct SigningKey {
    pub(crate) id: String,
    pair: EcdsaKeyPair,
}

impl SigningKey {
    /// Generates a P-256 key.
    pub(crate) fn new(id: &str) -> Self {
        Self { id: id.to_owned(), pair: generate(&ECDSA_P256_SHA256_ASN1_SIGNING) }
    }

    /// The public key, as read from the document.
    pub(crate) fn public(&self) -> PublicKey {
        PublicKey::from_pem(&self.pem()).expect("a P-256 key")
    }

    /// The public key in PEM.
    pub(crate) fn pem(&self) -> String {
        let prefix = (0..P256.len()).step_by(2);
        let prefix = prefix.map(|at| u8::from_str_radix(&P256[at..at + 2], 16).expect("hex"));
        let der: Vec<u8> = prefix.chain(self.pair.public_key().as_ref().iter().copied()).collect();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der))
    }

    /// A signature of `body` in DER. Each is different.
    pub(crate) fn sign(&self, body: &[u8]) -> Vec<u8> {
        sign(&self.pair, body)
    }
}

/// Generates a key pair on the curve of `algorithm`.
pub(crate) fn generate(algorithm: &'static EcdsaSigningAlgorithm) -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("random numbers");
    EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).expect("a key pair")
}

/// A signature of `body` in DER.
pub(crate) fn sign(pair: &EcdsaKeyPair, body: &[u8]) -> Vec<u8> {
    pair.sign(&SystemRandom::new(), body).expect("random numbers").as_ref().to_vec()
}

/// The document in which GitHub would publish these keys.
pub(crate) fn document(keys: &[&SigningKey]) -> Vec<u8> {
    let keys: Vec<_> = keys
        .iter()
        .map(|key| serde_json::json!({"key_identifier": key.id, "key": key.pem(), "is_current": true}))
        .collect();
    serde_json::json!({ "public_keys": keys }).to_string().into_bytes()
}
