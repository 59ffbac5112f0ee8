//! Drafts: changes as events before their place in the trail is known.

use std::collections::BTreeMap;

use crate::account::{AccountChange, Organization, ServiceAccount};
use crate::id::{KeyId, OrganizationId, ServiceAccountId, WebhookId};
use crate::key::{Key, Rotation};
use crate::scope::Scopes;
use crate::time::Timestamp;
use crate::warning::Warning;
use crate::webhook::{DisableReason, Webhook};

use super::{Action, Chain, Change, EventTime, Resource, Value};

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

    /// Creates the draft of a warning.
    pub fn key_announced(
        organization: Option<&OrganizationId>,
        key: &Key,
        warning: &Warning,
        at: Timestamp,
    ) -> Self {
        let (field, time) = match warning {
            Warning::Expiring { .. } => ("expires_at", &key.spec.expires_at),
            Warning::Unused { .. } => ("last_used_at", &key.last_used_at),
        };
        let account = &key.spec.account;
        Self::key(warning.action(account), organization, account, &key.id, at)
            .with("days", None, Some(Value::text(&warning.days())))
            .with("name", None, key.spec.name.as_ref().map(Value::text))
            .with(field, None, time.as_ref().map(Value::text))
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

    /// Creates the draft of a new webhook. It has no path and no query, which may contain a secret of the endpoint.
    pub fn webhook_created(webhook: &Webhook, at: Timestamp) -> Self {
        let (organization, id) = (&webhook.organization, &webhook.id);
        let description = Value::text(&webhook.description);
        let events = webhook.events.names().map(ToString::to_string).collect();
        Self::webhook(Action::CreateWebhook, organization, id, at)
            .with("endpoint", None, Some(Value::Text(webhook.url.origin())))
            .with("description", None, Some(description).filter(|text| !text.is_empty()))
            .with("events", None, Some(Value::List(events)))
    }

    /// Creates the draft of a webhook that is disabled.
    pub fn webhook_disabled(
        organization: &OrganizationId,
        id: &WebhookId,
        reason: DisableReason,
        at: Timestamp,
    ) -> Self {
        Self::webhook(Action::DisableWebhook, organization, id, at)
            .with("disabled", Some(Value::Flag(false)), Some(Value::Flag(true)))
            .with("reason", None, Some(Value::text(reason.name())))
    }

    /// Creates the draft of a webhook's deletion.
    pub fn webhook_deleted(organization: &OrganizationId, id: &WebhookId, at: Timestamp) -> Self {
        Self::webhook(Action::DeleteWebhook, organization, id, at)
    }

    fn webhook(
        action: Action,
        organization: &OrganizationId,
        id: &WebhookId,
        at: Timestamp,
    ) -> Self {
        let chain = Chain::Organization(organization.clone());
        Self::new(action, Some(organization.clone()), chain, Resource::webhook(id), at)
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
