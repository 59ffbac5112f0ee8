//! The kinds of events: the actions of the audit trail, and their names on the bus.

/// A kind of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// The action's name in the audit trail.
    pub action: &'static str,
    /// The `detail-type` on the bus.
    pub detail_type: &'static str,
    /// The type of the resource.
    pub resource_type: &'static str,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 17] = [
        kind("api_key.create", "key.created", "api_key"),
        kind("api_key.update", "key.updated", "api_key"),
        kind("api_key.rotate", "key.rotated", "api_key"),
        kind("api_key.revoke", "key.revoked", "api_key"),
        kind("api_key.leak", "key.leaked", "api_key"),
        kind("api_key.expiring", "key.expiring", "api_key"),
        kind("root_key.create", "root_key.created", "root_key"),
        kind("root_key.revoke", "root_key.revoked", "root_key"),
        kind("service_account.create", "service_account.created", "service_account"),
        kind("service_account.update", "service_account.updated", "service_account"),
        kind("service_account.disable", "service_account.disabled", "service_account"),
        kind("service_account.enable", "service_account.enabled", "service_account"),
        kind("service_account.delete", "service_account.deleted", "service_account"),
        kind("organization.create", "organization.created", "organization"),
        kind("organization.disable", "organization.disabled", "organization"),
        kind("organization.enable", "organization.enabled", "organization"),
        kind("organization.delete", "organization.deleted", "organization"),
    ];

    /// The kind of an action, by its name in the audit trail.
    pub fn of(action: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.action == action)
    }
}

const fn kind(
    action: &'static str,
    detail_type: &'static str,
    resource_type: &'static str,
) -> Kind {
    Kind { action, detail_type, resource_type }
}
