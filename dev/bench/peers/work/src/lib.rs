//! The work of a mint and a verification, without a database: what the Rust peers share.
//!
//! It is as much as Latchkey does for a valid request, and no more: no policy, no cache, no repeated requests.

use std::borrow::Cow;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The table's name, as the harness serves it.
pub const TABLE: &str = "table";

/// The update of an account that gets a key.
pub const UPDATE: &str = "SET live_keys = live_keys + :more, revision = revision + :one";

/// Its condition.
pub const CONDITION: &str = "organization = :organization AND disabled = :false AND \
     (attribute_not_exists(counted_to) OR counted_to <= :key) AND live_keys < :limit";

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A key that a caller presents.
pub struct Presented<'a> {
    /// Its account.
    pub account: &'a str,
    /// Its ID.
    pub key: &'a str,
    /// Its SHA-256.
    pub digest: [u8; 32],
}

/// Reads `<prefix>_<account>_<key>_<secret><checksum>`; `None` if the checksum is wrong.
pub fn parse(token: &str) -> Option<Presented<'_>> {
    let mut parts = token.rsplitn(4, '_');
    let (secret, key, account) = (parts.next()?, parts.next()?, parts.next()?);
    if secret.len() != 49 || !secret.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let (text, checksum) = token.split_at(token.len() - 6);
    let right = digits(crc32fast::hash(text.as_bytes()).into(), 6) == checksum;
    right.then(|| Presented { account, key, digest: Sha256::digest(token.as_bytes()).into() })
}

/// A new key.
pub struct Drawn {
    /// Its ID.
    pub id: String,
    /// What its holder presents.
    pub token: String,
    /// The token's SHA-256.
    pub digest: [u8; 32],
    /// The public part of the token.
    pub prefix: String,
    /// The time, in milliseconds since the Unix epoch.
    pub now: u64,
    /// A token for the transaction.
    pub request: String,
}

/// Draws a key for an account.
pub fn draw(account: &str) -> Drawn {
    let mut random = [0; 56];
    getrandom::fill(&mut random).expect("random numbers");
    let id = hex(&random[32..40]).to_ascii_uppercase();
    let prefix = format!("sk_{account}_{id}_");
    let (high, low) = (&random[..16], &random[16..32]);
    let half = |bytes: &[u8]| u128::from_be_bytes(bytes.try_into().expect("sixteen bytes"));
    let mut token = format!("{prefix}{}{}", digits(half(high), 21), digits(half(low), 22));
    token.push_str(&digits(crc32fast::hash(token.as_bytes()).into(), 6));
    let digest = Sha256::digest(token.as_bytes()).into();
    Drawn { id, token, digest, prefix, now: now(), request: hex(&random[40..]) }
}

/// The low digits of a number, in base 62.
fn digits(mut number: u128, width: usize) -> String {
    let mut digits = vec![b'0'; width];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[(number % 62) as usize];
        number /= 62;
    }
    digits.into_iter().map(char::from).collect()
}

/// The milliseconds since the Unix epoch.
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970");
    since.as_millis().try_into().expect("in range")
}

/// The account in a path that ends in `/<account>/keys`.
pub fn account_of(path: &str) -> &str {
    path.rsplit('/').nth(1).unwrap_or_default()
}

/// Compares in constant time.
pub fn same(left: &[u8], right: &[u8]) -> bool {
    let differs = left.iter().zip(right).fold(0, |differs, (left, right)| differs | (left ^ right));
    left.len() == right.len() && differs == 0
}

/// Lowercase hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)]))
        .collect()
}

/// Base64, as DynamoDB's JSON has it.
pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The bytes of base64.
pub fn from_base64(text: &str) -> Vec<u8> {
    STANDARD.decode(text).unwrap_or_default()
}

/// The body of a request for a key.
#[derive(Deserialize)]
pub struct Body<'a> {
    /// When the key ends.
    #[serde(rename = "expiresAt", borrow, default)]
    pub expires_at: Option<Cow<'a, str>>,
}

/// The body of the response.
pub fn response(drawn: &Drawn, expires_at: &str) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Response<'a> {
        id: &'a str,
        expires_at: &'a str,
        key: &'a str,
        created_at: u64,
        updated_at: u64,
    }
    let Drawn { id, token, now, .. } = drawn;
    let response = Response { id, expires_at, key: token, created_at: *now, updated_at: *now };
    serde_json::to_string(&response).expect("JSON")
}
