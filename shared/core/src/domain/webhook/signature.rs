//! Signing secrets and signatures, by the Standard Webhooks specification.
//! Source: <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::id::{OrganizationId, WebhookId};
use crate::time::Timestamp;

/// The prefix of a signing secret, by the specification.
const PREFIX: &str = "whsec_";

/// The number of characters of a signing secret that a preview shows, after its prefix: 24 of 256 bits.
const PREVIEW_LENGTH: usize = 4;

/// What the derivation is for, so that the same deployment secret can have other uses.
const PURPOSE: &[u8] = b"latchkey webhook v1";

/// The fewest characters of a deployment secret. The template has one of 64 letters and digits made.
const LENGTH_MIN: usize = 32;

/// The secret of a deployment, from which all signing secrets derive. The table has neither.
pub struct DeploymentSecret(Hkdf<Sha256>);

/// The reason a text is not a [`DeploymentSecret`]. It does not quote the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must have at least {LENGTH_MIN} characters, none of them white space")]
pub struct InvalidSecret;

impl FromStr for DeploymentSecret {
    type Err = InvalidSecret;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() < LENGTH_MIN || text.contains(char::is_whitespace) {
            return Err(InvalidSecret);
        }
        Ok(Self(Hkdf::new(Some(PURPOSE), text.as_bytes())))
    }
}

impl DeploymentSecret {
    /// Derives the signing secret of a webhook (HKDF-SHA-256, RFC 5869).
    pub fn signing_secret(&self, organization: &OrganizationId, id: &WebhookId) -> SigningSecret {
        let mut secret = Zeroizing::new([0; 32]);
        // Neither of the IDs contains `#`.
        let info = [organization.as_ref().as_bytes(), b"#", id.as_ref().as_bytes()];
        self.0
            .expand_multi_info(&info, secret.as_mut_slice())
            .expect("HKDF produces up to 255 times the hash's length (RFC 5869)");
        SigningSecret(secret)
    }
}

impl fmt::Debug for DeploymentSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeploymentSecret(..)")
    }
}

/// The secret with which a webhook's deliveries are signed: 256 bits.
pub struct SigningSecret(Zeroizing<[u8; 32]>);

impl SigningSecret {
    /// The secret in the form that libraries for the specification accept: `whsec_` and Base64.
    pub fn expose(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(PREFIX.to_owned());
        BASE64_STANDARD.encode_string(self.0.as_slice(), &mut text);
        text
    }

    /// The start of the secret, by which its owner recognizes it.
    pub fn preview(&self) -> String {
        format!("{}…", &self.expose()[..PREFIX.len() + PREVIEW_LENGTH])
    }

    /// Signs a message that is sent `at` a time: the value of the header `webhook-signature`. `id` is the value of
    /// `webhook-id`, and the whole seconds of `at` are that of `webhook-timestamp`.
    pub fn sign(&self, id: &str, at: Timestamp, body: &str) -> String {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(self.0.as_slice())
            .expect("HMAC takes keys of any length (RFC 2104)");
        for part in [id, ".", &unix_seconds(at).to_string(), ".", body] {
            mac.update(part.as_bytes());
        }
        format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
    }
}

/// The value of the header `webhook-timestamp` of a message that is sent `at` a time.
pub fn unix_seconds(at: Timestamp) -> i64 {
    at.as_millis().div_euclid(1000)
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "0123456789abcdefghijABCDEFGHIJ0123456789abcdefghijABCDEFGHIJ0123";

    fn derive(secret: &str, organization: &str, id: &str) -> SigningSecret {
        let secret: DeploymentSecret = secret.parse().expect("a secret");
        secret.signing_secret(&organization.parse().expect("an id"), &id.parse().expect("an id"))
    }

    /// The example in the tests of the specification's libraries.
    #[test]
    fn a_signature_is_that_of_the_libraries() {
        let key = BASE64_STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("Base64");
        let mut padded = [0; 32];
        padded[..key.len()].copy_from_slice(&key);
        // HMAC pads keys with zeros up to its block of 64 bytes, so this one is equal to the key of 24 bytes.
        let secret = SigningSecret(Zeroizing::new(padded));
        let at = Timestamp::from_millis(1_614_265_330_999).expect("in range");
        let signed = secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", at, r#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    /// Computed with Python's `hmac`. A change here would change the secret of every webhook.
    #[test]
    fn a_derived_secret_never_changes() {
        let secret = derive(SECRET, "acme", "0197CTTDF1YT9FUW");
        assert_eq!(*secret.expose(), "whsec_BmP9fPj4imlZXKFN3RexKRnsodMcnVncs09YYPpmGJ4=");
        assert_eq!(secret.preview(), "whsec_BmP9…");
    }

    #[test]
    fn each_webhook_of_each_organization_and_deployment_has_its_own() {
        let all = [
            derive(SECRET, "acme", "A"),
            derive(SECRET, "acme", "B"),
            derive(SECRET, "acme2", "A"),
            derive(&SECRET.to_lowercase(), "acme", "A"),
        ];
        for (at, secret) in all.iter().enumerate() {
            assert_eq!(secret.expose().len(), 6 + 44);
            for other in &all[..at] {
                assert_ne!(*secret.expose(), *other.expose());
            }
        }
    }

    #[test]
    fn a_secret_is_long_and_shows_itself_nowhere() {
        for bad in ["", &SECRET[..31], &format!("{SECRET}\n")] {
            let error = bad.parse::<DeploymentSecret>().expect_err("invalid");
            assert_eq!(error, InvalidSecret);
        }
        let secret: DeploymentSecret = SECRET[..32].parse().expect("a secret");
        assert_eq!(format!("{secret:?}"), "DeploymentSecret(..)");
        assert_eq!(format!("{:?}", derive(SECRET, "acme", "A")), "SigningSecret(..)");
    }
}
