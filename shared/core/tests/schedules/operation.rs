//! Every operation that changes the table.

use std::time::Duration;

use latchkey::account::{AccountChange, ServiceAccount};
use latchkey::audit::Event;
use latchkey::error::{Error, StoreError};
use latchkey::key::{KeyChange, Minted};
use latchkey::leak::{LeakAction, Sighting};
use latchkey::operator::{self, MintSpec, OperatorError};
use latchkey::principal::Principal;
use latchkey::service::{
    Answer, CallerSecret, Courier, Freshness, IdempotentRequest, MintRequest, RotateRequest, Turn,
    Wake, WebhookRequest,
};
use latchkey::warnings;
use latchkey::webhook::{EventTypes, Webhook};
use latchkey_testkit::{Response, text_response};
use tokio::time::Instant;

use crate::world::{Process, World, after};

/// An operation. Keys are named as in the [`World`]; `repeat` is an `Idempotency-Key`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Mint {
        repeat: Option<&'static str>,
    },
    MintForAnHour,
    MintAndDescribe,
    Rotate {
        key: &'static str,
        grace: u64,
        repeat: Option<&'static str>,
    },
    Revoke(&'static str),
    RevokePresented(&'static str),
    ReportLeak(LeakAction, &'static str),
    Rename(&'static str, &'static str),
    Rescope(&'static str, &'static str),
    RecordUse(&'static str),
    /// Limits a key to a version of it that ended an hour ago, as after a restore.
    Limit(&'static str),
    /// Announces the keys that end soon.
    Warn,
    CreateAccount {
        repeat: Option<&'static str>,
    },
    SetDisabled(bool),
    Describe(&'static str),
    DeleteAccount,
    CreateRootKey {
        repeat: Option<&'static str>,
    },
    RevokeRootKey(&'static str),
    OperatorCreateAccount,
    OperatorMint,
    OperatorRotate(&'static str),
    OperatorSetDisabled(bool),
    OperatorDeleteAccount,
    Bootstrap,
    SetOrganizationDisabled(bool),
    DeleteOrganization,
    CreateWebhook {
        repeat: Option<&'static str>,
    },
    DeleteWebhook,
    /// Creates the delivery of an event, which exists already if the world has a webhook.
    Address,
    /// Attempts the pending delivery; the endpoint responds with this status.
    Attempt(u16),
    ReplayDelivery,
    DiscardDelivery,
    /// DynamoDB deletes the items of a partition that are past their time to live.
    Expire(&'static str),
}

/// Why an operation did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The caller must change the request.
    Refused(String),
    /// Others interfered; a retry may succeed.
    Busy,
    /// The table did not respond, so the outcome is unknown.
    Lost,
}

/// The token of the new key, the ID of the new account, or nothing.
pub(crate) type Done = Result<String, Failure>;

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Busy => Self::Busy,
            Error::Store(StoreError::Unavailable(_)) => Self::Lost,
            Error::Store(_) | Error::Random(_) => panic!("no schedule causes {error:?}"),
            error => Self::Refused(format!("{error:?}")),
        }
    }
}

impl From<OperatorError> for Failure {
    fn from(error: OperatorError) -> Self {
        match error {
            OperatorError::Failed(error) => error.into(),
            error => Self::Refused(format!("{error:?}")),
        }
    }
}

fn token(minted: &Minted) -> Response {
    text_response(minted.token.expose())
}

fn token_of(minted: &Minted, _: &ServiceAccount) -> Response {
    token(minted)
}

fn id(account: &ServiceAccount) -> Response {
    text_response(account.id.as_ref())
}

fn courier(process: &Process) -> Courier {
    let secret = "0123456789abcdefghijklmnopqrstuv".parse().expect("a secret");
    Courier::new(&process.store, secret, process.clock.clone())
}

impl Operation {
    /// Whether the same request may be sent again to finish the work, and nothing happens twice.
    pub(crate) fn is_repeatable(self) -> bool {
        match self {
            Self::Mint { .. }
            | Self::Rotate { .. }
            | Self::CreateAccount { .. }
            | Self::CreateWebhook { .. }
            | Self::CreateRootKey { .. } => self.is_idempotent(),
            Self::MintForAnHour
            | Self::MintAndDescribe
            | Self::OperatorCreateAccount
            | Self::OperatorMint
            | Self::OperatorRotate(_)
            | Self::Bootstrap
            | Self::ReplayDelivery
            | Self::Expire(_) => false,
            Self::Revoke(_)
            | Self::RevokePresented(_)
            | Self::ReportLeak(..)
            | Self::Rename(..)
            | Self::Rescope(..)
            | Self::RecordUse(_)
            | Self::Limit(_)
            | Self::Warn
            | Self::SetDisabled(_)
            | Self::Describe(_)
            | Self::DeleteAccount
            | Self::RevokeRootKey(_)
            | Self::OperatorSetDisabled(_)
            | Self::OperatorDeleteAccount
            | Self::SetOrganizationDisabled(_)
            | Self::DeleteWebhook
            | Self::Address
            | Self::Attempt(_)
            | Self::DiscardDelivery
            | Self::DeleteOrganization => true,
        }
    }

    /// Whether the same request, sent again, can undo what others have written since.
    pub(crate) fn overwrites(self) -> bool {
        matches!(
            self,
            Self::Rename(..)
                | Self::Rescope(..)
                | Self::SetDisabled(_)
                | Self::Describe(_)
                | Self::OperatorSetDisabled(_)
                | Self::SetOrganizationDisabled(_)
        )
    }

    /// Whether a repeated request gets the first response again.
    pub(crate) fn is_idempotent(self) -> bool {
        match self {
            Self::Mint { repeat }
            | Self::Rotate { repeat, .. }
            | Self::CreateAccount { repeat }
            | Self::CreateWebhook { repeat }
            | Self::CreateRootKey { repeat } => repeat.is_some(),
            _ => false,
        }
    }

    /// Whether it ends several items one after another, so that others see it half done.
    pub(crate) fn deletes(self) -> bool {
        matches!(
            self,
            Self::DeleteAccount
                | Self::OperatorDeleteAccount
                | Self::DeleteOrganization
                | Self::Expire(_)
        )
    }

    /// Performs the operation.
    pub(crate) async fn perform(self, world: &World, process: &Process) -> Done {
        let Process { latchkey, store, clock } = process;
        let (caller, account, policy) = (&world.caller, &world.account, &world.policy);
        let principal = Principal::Root { key: world.key("root").id.clone(), expires_at: None };
        let request = |repeat: Option<&str>, operation: &str, caller: &str| {
            let (key, token) = &world.keys[caller];
            let secret = CallerSecret::of(token);
            repeat.map(|repeat| {
                let repeat = repeat.parse().expect("an idempotency key");
                IdempotentRequest::new(&key.id, &secret, &repeat, operation, &[], b"{}")
            })
        };
        let mint = |expires_at| MintRequest {
            account: account.clone(),
            name: None,
            scopes: None,
            expires_at,
        };
        let rotate = |key: &str, grace: u64| RotateRequest {
            account: account.clone(),
            key: world.key(key).id.clone(),
            grace: Duration::from_secs(grace),
        };
        let text = |response: Response| response.body.to_string();
        let nothing = || "".parse().expect("a description");
        let disable = |disabled| AccountChange { disabled, ..AccountChange::default() };
        Ok(match self {
            Self::Mint { repeat } => {
                let request = request(repeat, "mint", "admin");
                text(latchkey.mint(caller, mint(None), request, token).await?)
            }
            Self::MintForAnHour => {
                let end = Some(after(3_600_000));
                text(latchkey.mint(caller, mint(end), None, token).await?)
            }
            Self::MintAndDescribe => {
                text(latchkey.mint_and_describe(caller, None, mint(None), None, token_of).await?)
            }
            Self::Rotate { key, grace, repeat } => {
                let request = request(repeat, "rotate", "admin");
                text(latchkey.rotate(caller, &rotate(key, grace), request, token_of).await?)
            }
            Self::Revoke(key) => {
                latchkey.revoke_key(caller, account, &world.key(key).id).await?;
                String::new()
            }
            Self::RevokePresented(key) => {
                latchkey.revoke_presented(world.token(key)).await?;
                String::new()
            }
            Self::ReportLeak(action, key) => {
                let place = Sighting::new("github", Some("commit"), Some("https://example.com/"));
                latchkey.report_leak(world.token(key), action, &place).await?;
                String::new()
            }
            Self::Rename(key, name) => {
                let name = Some(Some(name.parse().expect("a name")));
                let change = KeyChange { name, ..KeyChange::default() };
                latchkey.update_key(caller, account, &world.key(key).id, &change).await?;
                String::new()
            }
            Self::Rescope(key, scope) => {
                let scopes = Some([scope.parse().expect("a scope")].into_iter().collect());
                let change = KeyChange { scopes, ..KeyChange::default() };
                latchkey.update_key(caller, account, &world.key(key).id, &change).await?;
                String::new()
            }
            Self::RecordUse(key) => {
                // Whatever the verdict, and best effort.
                let _ = latchkey.verify(world.token(key), Freshness::Cached).await;
                latchkey.after_answer().await;
                String::new()
            }
            Self::Limit(key) => {
                let mut ended = world.key(key).clone();
                ended.spec.expires_at = Some(after(-3_600_000));
                store.limit_key(&ended, policy, clock.now()).await?;
                String::new()
            }
            Self::Warn => {
                // The clock of a schedule stands still, and all time limits are far away.
                let until = Instant::now() + Duration::from_secs(3600);
                let run = warnings::run(store, policy, clock.now(), until).await;
                let report = run.map_err(|incomplete| Failure::from(incomplete.error))?;
                if report.failed > 0 {
                    return Err(Failure::Lost);
                }
                String::new()
            }
            Self::CreateAccount { repeat } => {
                let request = request(repeat, "account", "admin");
                let name = "new".parse().expect("a name");
                text(latchkey.create_account(caller, name, nothing(), request, id).await?)
            }
            Self::SetDisabled(disabled) => {
                latchkey.update_account(caller, account, &disable(Some(disabled))).await?;
                String::new()
            }
            Self::Describe(description) => {
                let description = Some(description.parse().expect("a description"));
                let change = AccountChange { description, ..AccountChange::default() };
                latchkey.update_account(caller, account, &change).await?;
                String::new()
            }
            Self::DeleteAccount => {
                latchkey.delete_account(caller, account).await?;
                String::new()
            }
            Self::CreateRootKey { repeat } => {
                let request = request(repeat, "root", "root");
                text(latchkey.create_root_key(&principal, None, request, token).await?)
            }
            Self::RevokeRootKey(key) => {
                latchkey.revoke_root_key(&principal, &world.key(key).id).await?;
                String::new()
            }
            Self::OperatorCreateAccount => {
                let (name, organization) = ("new".parse().expect("a name"), &world.organization);
                let (now, organization) = (clock.now(), organization.clone());
                let made =
                    operator::create_account(store, policy, now, organization, name, nothing());
                made.await?.id.to_string()
            }
            Self::OperatorMint => {
                let spec = MintSpec::default();
                let minted = operator::mint_key(store, policy, clock.now(), account, spec).await?;
                minted.token.expose().to_owned()
            }
            Self::OperatorRotate(key) => {
                let request = rotate(key, 3600);
                let rotated = operator::rotate_key(store, policy, clock.now(), &request).await?;
                rotated.minted.token.expose().to_owned()
            }
            Self::OperatorSetDisabled(disabled) => {
                operator::set_account_disabled(store, clock.now(), account, disabled).await?;
                String::new()
            }
            Self::OperatorDeleteAccount => {
                operator::delete_account(store, clock.now(), &world.organization, account).await?;
                String::new()
            }
            Self::Bootstrap => {
                let name = || "New".parse().expect("a name");
                let id = "new".parse().expect("an id");
                let made =
                    operator::bootstrap(store, policy, clock.now(), id, name(), name()).await?;
                made.minted.token.expose().to_owned()
            }
            Self::SetOrganizationDisabled(disabled) => {
                let id = &world.organization;
                operator::set_organization_disabled(store, clock.now(), id, disabled).await?;
                String::new()
            }
            Self::DeleteOrganization => {
                operator::delete_organization(store, clock.now(), &world.organization).await?;
                String::new()
            }
            Self::CreateWebhook { repeat } => {
                let request = request(repeat, "webhook", "admin");
                let wanted = WebhookRequest {
                    url: "https://new.example.com".parse().expect("a URL"),
                    description: nothing(),
                    events: EventTypes::all(),
                };
                let id = |webhook: &Webhook| text_response(webhook.id.as_ref());
                text(latchkey.create_webhook(caller, wanted, request, id).await?)
            }
            Self::DeleteWebhook => {
                latchkey.delete_webhook(caller, &world.hook().webhook.id).await?;
                String::new()
            }
            Self::Address => {
                let webhooks = std::slice::from_ref(&world.hook().webhook);
                let event =
                    Event { time: world.hook().event.time.next(), ..world.hook().event.clone() };
                courier(process).address(&event, "webhook.created", "{}", webhooks).await?;
                String::new()
            }
            Self::Attempt(status) => {
                let wake = Wake::from(&world.hook().pending);
                let answer = Answer::Response { status, retry_after: None };
                courier(process).attempt(&wake, Turn::Own, async |_| answer).await?;
                String::new()
            }
            Self::ReplayDelivery => {
                latchkey.replay_delivery(caller, &world.hook().ended.id).await?;
                String::new()
            }
            Self::DiscardDelivery => {
                latchkey.discard_delivery(caller, &world.hook().pending.id).await?;
                String::new()
            }
            Self::Expire(partition) => {
                world.stage.expire(partition, clock.now());
                String::new()
            }
        })
    }
}
