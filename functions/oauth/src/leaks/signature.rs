//! Signatures of leak reports: ECDSA on the curve P-256 with SHA-256, over the bytes of the body.
//!
//! Source: <https://docs.github.com/en/code-security/secret-scanning/secret-scanning-partnership-program/secret-scanning-partner-program#implement-signature-verification-in-your-secret-alert-service>

use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use latchkey_http::http::HeaderMap;
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject;

/// The header with the identifier of the key that signed the report. GitHub has also documented it in
/// uppercase; the case of a header's name has no meaning.
pub(crate) const KEY_IDENTIFIER: &str = "github-public-key-identifier";

/// The header with the signature of the body: DER in Base64.
pub(crate) const SIGNATURE: &str = "github-public-key-signature";

/// The length of an uncompressed point on P-256 in bytes: a format byte and two coordinates (SEC 1, 2.3.3).
const POINT_LENGTH: usize = 65;

/// What precedes the point in the `SubjectPublicKeyInfo` of a P-256 key (RFC 5480, section 2): the identifiers
/// `id-ecPublicKey` and `secp256r1`, and the header of the bit string.
const SPKI_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// The maximum length of a signature in bytes: a sequence of two integers of at most 33 bytes each.
const SIGNATURE_LENGTH_MAX: usize = 72;

/// The maximum length of a key identifier in bytes. GitHub's are SHA-256 in hexadecimal: 64 characters.
const IDENTIFIER_LENGTH_MAX: usize = 128;

/// A public key: an uncompressed point on P-256. Whether the point is on the curve is checked with each
/// signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PublicKey([u8; POINT_LENGTH]);

impl PublicKey {
    /// Reads a key from a `SubjectPublicKeyInfo` in PEM; `None` unless it is a P-256 key.
    pub(crate) fn from_pem(pem: &str) -> Option<Self> {
        let der = SubjectPublicKeyInfoDer::from_pem_slice(pem.as_bytes()).ok()?;
        let point = der.as_ref().strip_prefix(&SPKI_PREFIX)?;
        point.try_into().ok().map(Self)
    }

    /// Whether `signature` is this key's signature of exactly these bytes.
    pub(crate) fn verifies(&self, signature: &Signature, body: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &self.0);
        key.verify(body, &signature.0).is_ok()
    }
}

/// The bytes of a signature, which may be any.
#[derive(Clone, Debug)]
pub(crate) struct Signature(Vec<u8>);

impl FromStr for Signature {
    type Err = Unsigned;

    fn from_str(text: &str) -> Result<Self, Unsigned> {
        // Checked before decoding, so that no text of any length is decoded.
        if text.len() > SIGNATURE_LENGTH_MAX.div_ceil(3) * 4 {
            return Err(Unsigned::Malformed);
        }
        match STANDARD.decode(text) {
            // A sequence, the first byte of every signature.
            Ok(bytes) if bytes.first() == Some(&0x30) => Ok(Self(bytes)),
            _ => Err(Unsigned::Malformed),
        }
    }
}

/// The reason a report is not one of GitHub's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unsigned {
    /// A header is missing or given twice.
    #[error(
        "the request must have exactly one `Github-Public-Key-Identifier` and one \
         `Github-Public-Key-Signature`"
    )]
    Headers,
    /// The signature or the identifier cannot be one of GitHub's.
    #[error(
        "the signature must be an ECDSA signature in Base64, and its key identifier a short text"
    )]
    Malformed,
    /// GitHub publishes no key with this identifier.
    #[error("GitHub does not publish a key with this `Github-Public-Key-Identifier`")]
    UnknownKey,
    /// The signature is not of this body, or by another key.
    #[error("the signature does not match the body")]
    Mismatch,
}

/// The signature of a request and the key that it names, neither of which is verified yet.
#[derive(Clone, Debug)]
pub(crate) struct Claim<'r> {
    /// The identifier of the key.
    pub(crate) key: &'r str,
    /// The signature.
    pub(crate) signature: Signature,
}

impl<'r> Claim<'r> {
    /// Reads the two headers.
    ///
    /// # Errors
    ///
    /// [`Unsigned::Headers`], [`Unsigned::Malformed`].
    pub(crate) fn of(headers: &'r HeaderMap) -> Result<Self, Unsigned> {
        let (key, signature) = (single(headers, KEY_IDENTIFIER)?, single(headers, SIGNATURE)?);
        if key.is_empty() || key.len() > IDENTIFIER_LENGTH_MAX {
            return Err(Unsigned::Malformed);
        }
        Ok(Self { key, signature: signature.parse()? })
    }

    /// Checks the signature of `body` with the key that the request names; `None` if GitHub has no such key.
    ///
    /// # Errors
    ///
    /// [`Unsigned::UnknownKey`], [`Unsigned::Mismatch`].
    pub(crate) fn check(&self, key: Option<&PublicKey>, body: &[u8]) -> Result<(), Unsigned> {
        let key = key.ok_or(Unsigned::UnknownKey)?;
        if key.verifies(&self.signature, body) { Ok(()) } else { Err(Unsigned::Mismatch) }
    }
}

/// Returns the only value of a header.
fn single<'r>(headers: &'r HeaderMap, name: &str) -> Result<&'r str, Unsigned> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().map_err(|_| Unsigned::Malformed),
        _ => Err(Unsigned::Headers),
    }
}

#[cfg(test)]
mod tests {
    use latchkey_http::http::{HeaderName, HeaderValue};

    use super::*;

    /// A key that GitHub published, its identifier, and the sample request that it signed.
    /// Source: the page above.
    const KEY: &str = "-----BEGIN PUBLIC KEY-----\n\
        MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEYAGMWO8XgCamYKMJS6jc/qgvSlAd\n\
        AjPuDPRcXU22YxgBrz+zoN19MzuRyW87qEt9/AmtoNP5GrobzUvQSyJFVw==\n\
        -----END PUBLIC KEY-----\n";
    const BODY: &[u8] = br#"[{"source":"commit","token":"some_token","type":"some_type","url":"https://example.com/base-repo-url/"}]"#;
    const SIGNED: &str = "MEQCIQDaMKqrGnE27S0kgMrEK0eYBmyG0LeZismAEz/BgZyt7AIfXt9fErtRS4XaeSt/AO1RtBY66YcAdjxji410VQV4xg==";

    /// An earlier key and sample of the same page.
    const EARLIER_KEY: &str = "-----BEGIN PUBLIC KEY-----\n\
        MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE9MJJHnMfn2+H4xL4YaPDA4RpJqUq\n\
        kCmRCBnYERxZanmcpzQSXs1X/AljlKkbJ8qpVIW4clayyef9gWhFbNHWAA==\n\
        -----END PUBLIC KEY-----\n";
    const EARLIER_BODY: &[u8] = br#"[{"token":"some_token","type":"some_type","url":"some_url"}]"#;
    const EARLIER_SIGNED: &str = "MEUCIQDKZokqnCjrRtw0tni+2Ltvl/uiMJ1EGumEsp1BsNr32AIgQY1YXD2nlj+XNfGK4rBfkMJ1JDOQcYXxa2sY8FNkrKc=";

    #[test]
    fn githubs_own_samples_verify_and_nothing_else_of_them() {
        let key = PublicKey::from_pem(KEY).expect("a key");
        let earlier = PublicKey::from_pem(EARLIER_KEY).expect("a key");
        let of = |text: &str| text.parse::<Signature>().expect("a signature");
        assert!(key.verifies(&of(SIGNED), BODY));
        assert!(earlier.verifies(&of(EARLIER_SIGNED), EARLIER_BODY));
        assert!(!earlier.verifies(&of(SIGNED), BODY));
        assert!(!key.verifies(&of(EARLIER_SIGNED), BODY));
        // Without the last newline, as GitHub's sample in Ruby says.
        assert!(!key.verifies(&of(SIGNED), &[BODY, b"\n"].concat()));
    }

    #[test]
    fn only_a_p256_key_is_a_key() {
        // The same point, said to be on another curve: secp256k1.
        let other_curve = "-----BEGIN PUBLIC KEY-----\n\
            MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEYAGMWO8XgCamYKMJS6jc/qgvSlAdAjPu\n\
            DPRcXU22YxgBrz+zoN19MzuRyW87qEt9/AmtoNP5GrobzUvQSyJFVw==\n\
            -----END PUBLIC KEY-----\n";
        let shorter = KEY.replace("JFVw==", "J");
        for text in ["", "key", other_curve, &shorter, &KEY.replace("PUBLIC", "PRIVATE")] {
            assert_eq!(PublicKey::from_pem(text), None, "{text}");
        }
    }

    #[test]
    fn each_header_must_be_given_once_and_be_plausible() {
        let claim = |given: &[(&str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in given {
                let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
                headers.append(name, HeaderValue::from_str(value).expect("a value"));
            }
            Claim::of(&headers).map(|claim| claim.key.to_owned())
        };
        let long = "a".repeat(IDENTIFIER_LENGTH_MAX + 1);
        let (key, signature) = ("Github-Public-Key-Identifier", "GITHUB-PUBLIC-KEY-SIGNATURE");
        assert_eq!(claim(&[(key, "id"), (signature, SIGNED)]), Ok("id".to_owned()));
        for given in [
            &[][..],
            &[(key, "id")],
            &[(signature, SIGNED)],
            &[(key, "id"), (key, "id"), (signature, SIGNED)],
            &[(key, "id"), (signature, SIGNED), (signature, EARLIER_SIGNED)],
        ] {
            assert_eq!(claim(given), Err(Unsigned::Headers), "{given:?}");
        }
        let longer = format!("{SIGNED}AAAA");
        for (id, text) in [
            ("", SIGNED),
            (&*long, SIGNED),
            ("id", ""),
            ("id", "!"),
            ("id", "c2lnbmF0dXJl"),
            ("id", &longer),
        ] {
            let given = [(key, id), (signature, text)];
            assert_eq!(claim(&given), Err(Unsigned::Malformed), "{given:?}");
        }
    }
}
