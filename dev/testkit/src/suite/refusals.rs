//! Refusals that every dialect says alike: the events of these names, and what their clients read.

use super::expectations::Refusal;

/// An account that does not exist.
pub const UNKNOWN_ACCOUNT: &str = "service account `SAMPLEACCOUNT999` does not exist";

/// An account of another organization, which does not exist for the caller.
pub const OTHER_ORGANIZATION: &str = "service account `SAMPLEACCOUNT004` does not exist";

/// Root keys lie where an account of this id would have its own.
pub const OF_ROOT: &str = "service account `ROOT` does not exist";

/// A root key, where an account's is needed.
pub const ROOT_KEY: &str =
    "a root key belongs to no organization; present a service account's key instead";

/// No `Authorization` header.
pub const NO_CREDENTIALS: &str =
    "the request carries no credentials; send `Authorization: Bearer <key>`";

/// A key that is altered, unknown, expired, revoked or of a disabled account.
pub const NOT_VALID: &str = "the key presented is not valid";

/// A limit that is none.
pub const BAD_LIMIT: &str = "`limit` must be a whole number from 1 to 100, given once";

/// The account of the key presented, which is to be disabled or deleted.
pub const OWN_ACCOUNT: &str = "service account `SAMPLEACCOUNT001` is the one whose key you present; \
                               to disable or delete it, present a key of another account";

/// An account with as many keys as it may have.
pub const FULL_ACCOUNT: &str =
    "service account `SAMPLEACCOUNT002` already holds 10 keys; revoke one before minting another";

/// An account that gets no key.
pub const DISABLED_ACCOUNT: &str =
    "service account `SAMPLEACCOUNT003` is disabled; enable it before minting keys for it";

const NOT_JSON: &str = "the body must be JSON in UTF-8: send `Content-Type: application/json`";

/// Of creating a key.
pub const CREATE_KEY: &[Refusal] = &[
    ("create-key-bad-base64", 400, "the body is not valid base64"),
    (
        "create-key-malformed-json",
        400,
        "the body is not valid JSON: it ends too early at line 1, column 2",
    ),
    ("create-key-not-an-object", 400, "the body must be a JSON object, not a list"),
    ("create-key-no-credentials", 401, NO_CREDENTIALS),
    (
        "create-key-basic-credentials",
        401,
        "the `Authorization` header is not of the form `Bearer <key>`",
    ),
    ("create-key-altered-key", 401, NOT_VALID),
    ("create-key-unknown-key", 401, NOT_VALID),
    ("create-key-expired-key", 401, NOT_VALID),
    ("create-key-revoked-key", 401, NOT_VALID),
    ("create-key-disabled-caller", 401, NOT_VALID),
    ("create-key-root-key", 403, ROOT_KEY),
    ("create-key-unknown-account", 404, UNKNOWN_ACCOUNT),
    ("create-key-other-organization", 404, OTHER_ORGANIZATION),
    ("unknown-route", 404, "no operation has this path"),
    ("wrong-method", 405, "this path does not take PUT; it takes `POST` and `GET`"),
    ("create-key-disabled-account", 409, DISABLED_ACCOUNT),
    ("create-key-full-account", 409, FULL_ACCOUNT),
    ("create-key-form-body", 415, NOT_JSON),
];

/// Of listing keys.
pub const LIST_KEYS: &[Refusal] = &[
    ("list-keys-bad-limit", 400, BAD_LIMIT),
    ("list-keys-two-limits", 400, "the parameter `limit` must be given once"),
    ("list-keys-no-credentials", 401, NO_CREDENTIALS),
    ("list-keys-root-key", 403, ROOT_KEY),
    ("list-keys-unknown-account", 404, UNKNOWN_ACCOUNT),
    ("list-keys-other-organization", 404, OTHER_ORGANIZATION),
    ("list-keys-of-root", 404, OF_ROOT),
];

/// Of what is done to accounts.
pub const ACCOUNTS: &[Refusal] = &[
    ("list-accounts-bad-limit", 400, BAD_LIMIT),
    ("list-accounts-root-key", 403, ROOT_KEY),
    ("create-account-root-key", 403, ROOT_KEY),
    ("create-account-form-body", 415, NOT_JSON),
    ("update-account-root-key", 403, ROOT_KEY),
    ("update-account-unknown", 404, UNKNOWN_ACCOUNT),
    ("update-account-other-organization", 404, OTHER_ORGANIZATION),
    ("delete-account-root-key", 403, ROOT_KEY),
    ("delete-account-unknown", 404, UNKNOWN_ACCOUNT),
    ("delete-account-other-organization", 404, OTHER_ORGANIZATION),
    ("delete-account-of-root", 404, OF_ROOT),
    ("delete-account-own", 409, OWN_ACCOUNT),
];
