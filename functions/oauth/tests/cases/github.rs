//! GitHub, as far as leak reports need it: a key that signs reports, and the document with its public keys.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use latchkey::Latchkey;
use latchkey::leak::LeakAction;
use latchkey_testkit::suite::change::{Change, body, header};
use oauth::{App, KeySource, Settings};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING as P256, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

pub(crate) const KEY_IDENTIFIER: &str = "github-public-key-identifier";
pub(crate) const SIGNATURE: &str = "github-public-key-signature";

/// The key that signed the sample event. Nobody has its private key anymore.
const SAMPLES_KEY: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEJGIKhQxPHscKORRjsCQ35nABCP3V\
    vAGwcUhudzCnRzx/nYwMI3XgkMfr5JtTr/Nv0/+v2JDSdF26hJ52aE1awg==";
const SAMPLES_KEY_IDENTIFIER: &str =
    "e1362f62475f189a706150fbef601c2530f9c29a473aeaa4688665c16ca26eef";

/// What precedes the point in the `SubjectPublicKeyInfo` of a P-256 key.
const HEADER: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// A key that GitHub publishes, and one that it does not.
static KEYS: LazyLock<[EcdsaKeyPair; 2]> = LazyLock::new(|| {
    [(); 2].map(|()| {
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&P256, &SystemRandom::new()).expect("a key");
        EcdsaKeyPair::from_pkcs8(&P256, pkcs8.as_ref(), &SystemRandom::new()).expect("a key")
    })
});

/// The document with GitHub's public keys.
fn document() -> Vec<u8> {
    let spki = [&HEADER[..], KEYS[0].public_key().as_ref()].concat();
    let key = |id: &str, base64: &str| {
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{base64}\n-----END PUBLIC KEY-----\n");
        json!({"key_identifier": id, "key": pem, "is_current": id == "current"})
    };
    let keys = [key(SAMPLES_KEY_IDENTIFIER, SAMPLES_KEY), key("current", &STANDARD.encode(spki))];
    json!({ "public_keys": keys }).to_string().into_bytes()
}

/// The source of that document.
pub(crate) fn source() -> KeySource {
    KeySource::new(|| Box::pin(async { Ok(document()) }))
}

/// The function of a deployment with these settings, which reads GitHub's keys from [`source`].
pub(crate) fn app(latchkey: Latchkey, settings: Settings) -> App {
    App::new(latchkey, settings).with_github_keys(source())
}

/// The settings of a deployment in which a leak causes `action`.
pub(crate) fn on(action: LeakAction) -> Settings {
    Settings { leak_action: Some(action), ..Settings::default() }
}

/// Sends `text`, signed by GitHub.
pub(crate) fn signed(text: impl Into<String>) -> [Change; 3] {
    signed_by(&KEYS[0], text.into())
}

/// Sends `text`, signed by a key that is not GitHub's, but with the identifier of one of GitHub's.
pub(crate) fn forged(text: impl Into<String>) -> [Change; 3] {
    signed_by(&KEYS[1], text.into())
}

fn signed_by(pair: &EcdsaKeyPair, text: String) -> [Change; 3] {
    let signature = pair.sign(&SystemRandom::new(), text.as_bytes()).expect("random numbers");
    let signature = STANDARD.encode(signature.as_ref());
    [header(KEY_IDENTIFIER, "current"), header(SIGNATURE, signature), body(text)]
}

/// A report that finds `token` at a public URL.
pub(crate) fn found(token: &str) -> Value {
    found_at(token, "https://github.com/octocat/Hello-World/blob/main/.env")
}

/// A report that finds `token` at `url`.
pub(crate) fn found_at(token: &str, url: &str) -> Value {
    json!({"token": token, "type": "latchkey", "url": url, "source": "commit"})
}
