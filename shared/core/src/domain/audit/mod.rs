//! The audit trail: who changed what, when, and from where.
//!
//! Each change is written together with its [`Event`]. The events of a [`Chain`] are numbered, and each holds the
//! digest of the one before it, so that no event can be edited, removed, or inserted unnoticed.

mod chain;
pub mod detail;
mod draft;
mod event;
mod time;
mod verify;

pub use chain::{Chain, Digest, Head, InvalidHead};
pub use draft::Draft;
pub use event::{Change, Event, Value};
pub use time::EventTime;
pub use verify::{Break, Walk, WalkRules, Walked};

use std::fmt;
use std::time::Duration;

use super::id::{KeyId, OrganizationId, ServiceAccountId, WebhookId};
use super::principal::Principal;

/// How long the table keeps an event by default: one year.
pub const DEFAULT_RETENTION: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The maximum number of characters of a request ID, an address, an agent, or an operator's identity in an event.
/// With it, the event of a new key stays within 1 kB, which a transaction writes with 2 units.
const TEXT_MAX: usize = 160;

/// Whether and for how long the table keeps events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditPolicy {
    /// Whether changes are recorded.
    pub enabled: bool,
    /// How long an event is kept; `None` for ever.
    pub retention: Option<Duration>,
}

impl Default for AuditPolicy {
    fn default() -> Self {
        Self { enabled: true, retention: Some(DEFAULT_RETENTION) }
    }
}

/// Where a change came from. Every part is optional, because a command line has no address and an event of AWS may
/// lack any field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The ID of the request, which its log lines and its response have, too.
    pub request: Option<String>,
    /// The address that the request came from, as API Gateway saw it.
    pub source_ip: Option<String>,
    /// What the client calls itself.
    pub user_agent: Option<String>,
}

impl Origin {
    /// Shortens each part to 160 characters and replaces control characters, because a client chooses them.
    #[must_use]
    pub fn new(request: Option<&str>, source_ip: Option<&str>, user_agent: Option<&str>) -> Self {
        let clean = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(shortened);
        Self { request: clean(request), source_ip: clean(source_ip), user_agent: clean(user_agent) }
    }
}

fn shortened(text: &str) -> String {
    let characters = text.chars().take(TEXT_MAX);
    characters.map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Who made a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// `service_account`, `root_key`, `operator`, or `system`.
    pub kind: String,
    /// The ID of the service account or of the root key, the AWS identity of the operator, or the name of the
    /// system. `None` for an operator without one.
    pub id: Option<String>,
    /// The ID of the key that authorized the change, if one did.
    pub key: Option<String>,
}

impl Actor {
    /// A service account that presented `key`.
    pub fn service_account(account: &ServiceAccountId, key: &KeyId) -> Self {
        Self::of("service_account", Some(account.to_string()), Some(key))
    }

    /// The holder of a root key.
    pub fn root_key(key: &KeyId) -> Self {
        Self::of("root_key", Some(key.to_string()), Some(key))
    }

    /// Someone with direct access to the table, by the ARN of the AWS identity, if it is known.
    pub fn operator(identity: Option<&str>) -> Self {
        Self::of("operator", identity.map(shortened), None)
    }

    /// Latchkey itself, on behalf of no caller, for example after a leak report.
    pub fn system(name: &str) -> Self {
        Self::of("system", Some(name.to_owned()), None)
    }

    /// Whoever holds a key of `account`.
    pub fn holder(account: &ServiceAccountId, key: &KeyId) -> Self {
        if account.is_root() { Self::root_key(key) } else { Self::service_account(account, key) }
    }

    fn of(kind: &str, id: Option<String>, key: Option<&KeyId>) -> Self {
        Self { kind: kind.to_owned(), id, key: key.map(ToString::to_string) }
    }
}

impl From<&Principal> for Actor {
    fn from(principal: &Principal) -> Self {
        match principal {
            Principal::Root { key, .. } => Self::root_key(key),
            Principal::ServiceAccount(caller) => {
                Self::service_account(&caller.account, &caller.key)
            }
        }
    }
}

/// Who makes changes, and from where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    /// Who makes them.
    pub actor: Actor,
    /// Where they come from.
    pub origin: Origin,
}

impl Default for Author {
    /// Whoever has direct access to the table.
    fn default() -> Self {
        Self { actor: Actor::operator(None), origin: Origin::default() }
    }
}

macro_rules! actions {
    ($($(#[$doc:meta])* $variant:ident => $name:literal,)*) => {
        /// What was done. The vendor's documentation has `api_key.create` and `api_key.revoke`; the other names
        /// follow them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Action {
            $($(#[$doc])* $variant,)*
        }

        impl Action {
            /// Every action.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The name of the action in events and log lines.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

actions! {
    /// A key was created.
    CreateKey => "api_key.create",
    /// The name, the scopes, or the expiry of a key changed.
    UpdateKey => "api_key.update",
    /// Another key replaced a key.
    RotateKey => "api_key.rotate",
    /// A key was revoked.
    RevokeKey => "api_key.revoke",
    /// A leak report named a key.
    LeakKey => "api_key.leak",
    /// A key ends soon.
    WarnOfExpiry => "api_key.expiring",
    /// Nobody has used a key for a long time.
    WarnOfUnused => "api_key.unused",
    /// A root key was created.
    CreateRootKey => "root_key.create",
    /// A root key was revoked.
    RevokeRootKey => "root_key.revoke",
    /// A root key ends soon.
    WarnOfRootExpiry => "root_key.expiring",
    /// Nobody has used a root key for a long time.
    WarnOfRootUnused => "root_key.unused",
    /// A service account was created.
    CreateAccount => "service_account.create",
    /// The name or the description of a service account changed.
    UpdateAccount => "service_account.update",
    /// A service account was disabled.
    DisableAccount => "service_account.disable",
    /// A service account was enabled.
    EnableAccount => "service_account.enable",
    /// A service account was deleted with its keys.
    DeleteAccount => "service_account.delete",
    /// An organization was created.
    CreateOrganization => "organization.create",
    /// An organization was disabled.
    DisableOrganization => "organization.disable",
    /// An organization was enabled.
    EnableOrganization => "organization.enable",
    /// The deletion of an organization began, which ended all of its keys.
    DeleteOrganization => "organization.delete",
    /// A webhook was created.
    CreateWebhook => "webhook.create",
    /// A webhook was disabled because its endpoint failed.
    DisableWebhook => "webhook.disable",
    /// A webhook was deleted.
    DeleteWebhook => "webhook.delete",
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// `api_key`, `root_key`, `service_account`, `organization`, or `webhook`.
    pub kind: String,
    /// Its ID.
    pub id: String,
    /// The service account of a key.
    pub account: Option<String>,
}

impl Resource {
    fn key(account: &ServiceAccountId, id: &KeyId) -> Self {
        let (kind, account) = match account.is_root() {
            true => ("root_key", None),
            false => ("api_key", Some(account.to_string())),
        };
        Self { kind: kind.to_owned(), id: id.to_string(), account }
    }

    fn account(id: &ServiceAccountId) -> Self {
        Self { kind: "service_account".to_owned(), id: id.to_string(), account: None }
    }

    fn organization(id: &OrganizationId) -> Self {
        Self { kind: "organization".to_owned(), id: id.to_string(), account: None }
    }

    fn webhook(id: &WebhookId) -> Self {
        Self { kind: "webhook".to_owned(), id: id.to_string(), account: None }
    }
}
