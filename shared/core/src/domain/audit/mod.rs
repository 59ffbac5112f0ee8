//! The audit trail: who changed what, when, and from where.
//!
//! Each change is written together with its [`Event`]. The events of a [`Chain`] are numbered, and each holds the
//! digest of the one before it, so that no event can be edited, removed, or inserted unnoticed.

mod chain;
mod event;
mod time;
mod verify;

pub use chain::{Chain, Digest, Head, InvalidHead};
pub use event::{Change, Event, Value};
pub use time::EventTime;
pub use verify::{Break, Walk, WalkRules, Walked};

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::account::{AccountChange, Organization, ServiceAccount};
use super::id::{KeyId, OrganizationId, ServiceAccountId};
use super::key::{Key, Rotation};
use super::principal::Principal;
use super::scope::Scopes;
use super::time::Timestamp;

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
    /// A root key was created.
    CreateRootKey => "root_key.create",
    /// A root key was revoked.
    RevokeRootKey => "root_key.revoke",
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
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// `api_key`, `root_key`, `service_account`, or `organization`.
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
}

/// A change before it is written, when its place in the trail is not yet known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The organization whose trail has the event; `None` for the deployment's own trail.
    pub trail: Option<OrganizationId>,
    /// The chain that the event extends.
    pub chain: Chain,
    /// The account whose chain starts with this event.
    pub starts: Option<ServiceAccountId>,
    /// What was done.
    pub action: Action,
    /// What was changed.
    pub resource: Resource,
    /// The changed fields.
    pub changes: BTreeMap<String, Change>,
    /// When it was done.
    pub at: Timestamp,
    /// The event's time is later than this one, in addition to those of its chain.
    pub after: Option<EventTime>,
}

impl Draft {
    /// Creates the draft of a change of a key of `organization`; `None` for a root key.
    pub fn key(
        action: Action,
        organization: Option<&OrganizationId>,
        account: &ServiceAccountId,
        key: &KeyId,
        at: Timestamp,
    ) -> Self {
        let chain = match account.is_root() {
            true => Chain::Deployment,
            false => Chain::Account(account.clone()),
        };
        Self::new(action, organization.cloned(), chain, Resource::key(account, key), at)
    }

    /// Creates the draft of a new key.
    pub fn key_created(organization: Option<&OrganizationId>, key: &Key, at: Timestamp) -> Self {
        let account = &key.spec.account;
        let action = if account.is_root() { Action::CreateRootKey } else { Action::CreateKey };
        let optional = |value: &Option<Timestamp>| value.map(|at| Value::Text(at.to_string()));
        Self::key(action, organization, account, &key.id, at)
            .with("name", None, key.spec.name.as_ref().map(Value::text))
            .with("scopes", None, scopes(&key.spec.scopes))
            .with("expires_at", None, optional(&key.spec.expires_at))
            .with("created_by", None, key.spec.created_by.as_ref().map(Value::text))
            .with("rotated_from", None, key.rotated_from.as_ref().map(Value::text))
    }

    /// Creates the drafts of both halves of a rotation.
    pub fn key_rotated(
        organization: &OrganizationId,
        rotation: &Rotation,
        at: Timestamp,
    ) -> [Self; 2] {
        let Rotation { old, old_ends_at, new } = rotation;
        let account = &old.spec.account;
        let rotated = Self::key(Action::RotateKey, Some(organization), account, &old.id, at)
            .with("rotated_to", None, Some(Value::text(&new.id)))
            .with(
                "expires_at",
                old.spec.expires_at.as_ref().map(Value::text),
                Some(Value::text(old_ends_at)),
            );
        [rotated, Self::key_created(Some(organization), new, at)]
    }

    /// Creates the draft of a revocation.
    pub fn key_revoked(
        organization: Option<&OrganizationId>,
        account: &ServiceAccountId,
        key: &KeyId,
        at: Timestamp,
    ) -> Self {
        let action = if account.is_root() { Action::RevokeRootKey } else { Action::RevokeKey };
        Self::key(action, organization, account, key, at)
    }

    /// Creates the draft of a change from `old` to `new`, versions of one key.
    pub fn key_updated(
        organization: Option<&OrganizationId>,
        old: &Key,
        new: &Key,
        at: Timestamp,
    ) -> Self {
        let ends = |key: &Key| key.spec.expires_at.as_ref().map(Value::text);
        let name = |key: &Key| key.spec.name.as_ref().map(Value::text);
        let successor = |key: &Key| key.rotated_to.as_ref().map(Value::text);
        Self::key(Action::UpdateKey, organization, &old.spec.account, &old.id, at)
            .with("name", name(old), name(new))
            .with("scopes", scopes(&old.spec.scopes), scopes(&new.spec.scopes))
            .with("expires_at", ends(old), ends(new))
            .with("rotated_to", successor(old), successor(new))
    }

    /// Creates the draft of a new account.
    pub fn account_created(account: &ServiceAccount, at: Timestamp) -> Self {
        let organization = &account.organization;
        let chain = Chain::Organization(organization.clone());
        let resource = Resource::account(&account.id);
        let mut draft =
            Self::new(Action::CreateAccount, Some(organization.clone()), chain, resource, at);
        draft.starts = Some(account.id.clone());
        let description = Value::text(&account.description);
        draft.with("name", None, Some(Value::text(&account.name))).with(
            "description",
            None,
            Some(description).filter(|text| !text.is_empty()),
        )
    }

    /// Creates the draft of a change of `old`.
    pub fn account_updated(old: &ServiceAccount, change: &AccountChange, at: Timestamp) -> Self {
        let action = match change.disabled {
            Some(true) if !old.disabled => Action::DisableAccount,
            Some(false) if old.disabled => Action::EnableAccount,
            _ => Action::UpdateAccount,
        };
        let text = |new: &dyn ToString| Some(Value::text(new));
        let mut draft = Self::of_account(action, &old.organization, &old.id, at);
        if let Some(name) = &change.name {
            draft = draft.with("name", text(&old.name), text(name));
        }
        if let Some(description) = &change.description {
            draft = draft.with("description", text(&old.description), text(description));
        }
        if let Some(disabled) = change.disabled {
            let (old, new) = (Value::Flag(old.disabled), Value::Flag(disabled));
            draft = draft.with("disabled", Some(old), Some(new));
        }
        draft
    }

    /// Creates the draft of an account's deletion, the last event of its chain.
    pub fn account_deleted(
        organization: &OrganizationId,
        id: &ServiceAccountId,
        at: Timestamp,
    ) -> Self {
        Self::of_account(Action::DeleteAccount, organization, id, at)
    }

    /// Creates the draft of a new organization, whose ID may have had a trail until `after`.
    pub fn organization_created(
        organization: &Organization,
        at: Timestamp,
        after: Option<EventTime>,
    ) -> Self {
        let draft = Self::organization(Action::CreateOrganization, &organization.id, at);
        Self { after, ..draft }.with("name", None, Some(Value::text(&organization.name)))
    }

    /// Creates the draft of a change of an organization.
    pub fn organization(action: Action, id: &OrganizationId, at: Timestamp) -> Self {
        let chain = Chain::Organization(id.clone());
        Self::new(action, Some(id.clone()), chain, Resource::organization(id), at)
    }

    fn of_account(
        action: Action,
        organization: &OrganizationId,
        id: &ServiceAccountId,
        at: Timestamp,
    ) -> Self {
        let chain = Chain::Account(id.clone());
        Self::new(action, Some(organization.clone()), chain, Resource::account(id), at)
    }

    fn new(
        action: Action,
        trail: Option<OrganizationId>,
        chain: Chain,
        resource: Resource,
        at: Timestamp,
    ) -> Self {
        let changes = BTreeMap::new();
        Self { trail, chain, starts: None, action, resource, changes, at, after: None }
    }

    /// Adds a field, unless it has not changed.
    #[must_use]
    #[inline(never)] // It is called often, and inserting into a map is much code.
    pub fn with(mut self, field: &str, old: Option<Value>, new: Option<Value>) -> Self {
        if old != new {
            self.changes.insert(field.to_owned(), Change { old, new });
        }
        self
    }
}

/// The value of scopes; full access has none.
fn scopes(scopes: &Scopes) -> Option<Value> {
    let list = scopes.as_slice().iter().map(ToString::to_string);
    (!scopes.is_full_access()).then(|| Value::List(list.collect()))
}
