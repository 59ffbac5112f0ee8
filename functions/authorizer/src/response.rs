//! The responses of an authorizer: a simple response or a policy.

use latchkey::principal::AccountPrincipal;
use latchkey::time::Timestamp;
use serde::Serialize;

use crate::settings::ResponseForm;
use crate::{Event, NoVerdict};

/// An authorizer's response.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Response {
    /// For HTTP APIs with payload 2.0 and simple responses enabled.
    #[serde(rename_all = "camelCase")]
    Simple {
        /// The verdict.
        is_authorized: bool,
        /// What the backend receives.
        #[serde(skip_serializing_if = "Option::is_none")]
        context: Option<Context>,
    },
    /// For AppSync GraphQL APIs.
    #[serde(rename_all = "camelCase")]
    AppSync {
        /// The verdict.
        is_authorized: bool,
        /// What resolvers receive.
        #[serde(skip_serializing_if = "Option::is_none")]
        resolver_context: Option<ResolverContext>,
        /// For how many seconds AppSync may cache the verdict: 0, which overrides the API's own setting.
        ///
        /// A revoked key would pass for that long, and the function already has a cache.
        ttl_override: u32,
    },
    /// For everything else.
    #[serde(rename_all = "camelCase")]
    Policy {
        /// The caller: a service account's ID.
        principal_id: String,
        /// The verdict.
        policy_document: PolicyDocument,
        /// What the backend receives.
        #[serde(skip_serializing_if = "Option::is_none")]
        context: Option<Context>,
    },
}

/// What the backend receives about the caller. Only strings and booleans: REST APIs accept nothing else.
#[derive(Debug, Serialize)]
pub struct Context {
    organization: String,
    service_account: String,
    key_id: String,
    /// Separated by spaces; empty for full access.
    scopes: String,
    full_access: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
}

/// What AppSync resolvers receive about the caller: the same, but only strings.
#[derive(Debug, Serialize)]
pub struct ResolverContext {
    organization: String,
    service_account: String,
    key_id: String,
    scopes: String,
    full_access: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
}

/// An IAM policy with one statement.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PolicyDocument {
    version: &'static str,
    statement: [Statement; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    action: &'static str,
    effect: &'static str,
    resource: String,
}

/// The form of response that an event needs.
pub(crate) enum Form {
    Simple,
    AppSync,
    Policy { whole_api: String },
}

impl Form {
    /// The form that `event` needs; `configured` applies to payload 2.0.
    pub(crate) fn of(event: &Event, configured: ResponseForm) -> Result<Self, NoVerdict> {
        if event.is_v2() && configured == ResponseForm::Simple {
            return Ok(Self::Simple);
        }
        if event.is_app_sync() {
            return Ok(Self::AppSync);
        }
        let whole_api = event.arn().and_then(whole_api).ok_or(NoVerdict::NoApi)?;
        Ok(Self::Policy { whole_api })
    }

    pub(crate) fn allow(self, caller: &AccountPrincipal) -> Response {
        let context = Context::from(caller);
        match self {
            Self::Simple => Response::Simple { is_authorized: true, context: Some(context) },
            Self::AppSync => Response::AppSync {
                is_authorized: true,
                resolver_context: Some(context.into()),
                ttl_override: 0,
            },
            Self::Policy { whole_api } => Response::Policy {
                principal_id: caller.account.to_string(),
                policy_document: policy("Allow", whole_api),
                context: Some(context),
            },
        }
    }

    pub(crate) fn deny(self) -> Response {
        match self {
            Self::Simple => Response::Simple { is_authorized: false, context: None },
            Self::AppSync => {
                Response::AppSync { is_authorized: false, resolver_context: None, ttl_override: 0 }
            }
            Self::Policy { whole_api } => Response::Policy {
                principal_id: "anonymous".to_owned(),
                policy_document: policy("Deny", whole_api),
                context: None,
            },
        }
    }
}

/// The ARN of the whole stage, from `arn:aws:execute-api:<region>:<account>:<api>/<stage>/<method>/<path>`.
///
/// Never just the requested method: API Gateway caches the policy by the caller's key, so a policy that
/// allowed only the first requested route would deny the second.
fn whole_api(arn: &str) -> Option<String> {
    let mut parts = arn.splitn(3, '/');
    let (api, stage) = (parts.next()?, parts.next()?);
    let execute_api = api.starts_with("arn:") && api.split(':').nth(2) == Some("execute-api");
    (execute_api && !stage.is_empty()).then(|| format!("{api}/{stage}/*"))
}

fn policy(effect: &'static str, resource: String) -> PolicyDocument {
    let statement = Statement { action: "execute-api:Invoke", effect, resource };
    PolicyDocument { version: "2012-10-17", statement: [statement] }
}

impl From<&AccountPrincipal> for Context {
    fn from(caller: &AccountPrincipal) -> Self {
        Self {
            organization: caller.organization.to_string(),
            service_account: caller.account.to_string(),
            key_id: caller.key.to_string(),
            scopes: caller.scopes.join(" "),
            full_access: caller.scopes.is_full_access(),
            expires_at: caller.expires_at,
        }
    }
}

impl From<Context> for ResolverContext {
    fn from(context: Context) -> Self {
        Self {
            organization: context.organization,
            service_account: context.service_account,
            key_id: context.key_id,
            scopes: context.scopes,
            full_access: if context.full_access { "true" } else { "false" },
            expires_at: context.expires_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_about_the_whole_stage() {
        for (arn, expected) in [
            (
                "arn:aws:execute-api:us-east-1:1:abc/prod/GET/a/b",
                "arn:aws:execute-api:us-east-1:1:abc/prod/*",
            ),
            (
                "arn:aws-cn:execute-api:r:1:abc/$default/GET",
                "arn:aws-cn:execute-api:r:1:abc/$default/*",
            ),
            ("arn:aws:execute-api:r:1:abc/prod/$connect", "arn:aws:execute-api:r:1:abc/prod/*"),
        ] {
            assert_eq!(whole_api(arn).as_deref(), Some(expected));
        }
        for arn in
            ["", "arn:aws:lambda:us-east-1:1:abc/prod/GET", "arn:aws:execute-api:r:1:abc", "*"]
        {
            assert_eq!(whole_api(arn), None, "{arn}");
        }
    }
}
