//! A request: what it asks for, and how it says so in its dialect.

use std::collections::BTreeSet;

use latchkey_http::Request as HttpRequest;
use latchkey_testkit::event;
use proptest::sample::Index;
use serde_json::{Value, json};

use super::state::{DAY, Key, Millis, Model};
use super::steps::{Action, Caller, Draw, ENVIRONMENTS};
use super::world::timestamp;

/// Scopes of the drawn keys, selected by the bits of a number.
const SCOPES: [&str; 3] = ["keys.write", "keys.read", "files.read"];

/// The dialect of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    LakeSail,
    Chaser,
}

/// What a request asks for. Numbers are places in the model's lists.
#[derive(Clone, Debug)]
pub(crate) enum Ask {
    CreateAccount,
    /// `scopes` is `None` for those of the caller, in the dialect without scopes.
    Mint {
        account: usize,
        ends: Option<Millis>,
        scopes: Option<BTreeSet<String>>,
    },
    Rotate {
        key: usize,
        grace: Millis,
    },
    Update {
        key: usize,
        name: Option<Option<String>>,
        scopes: Option<BTreeSet<String>>,
    },
    Revoke {
        key: usize,
    },
    Disable {
        account: usize,
        disabled: bool,
    },
    Delete {
        account: usize,
    },
}

/// A request as it is sent.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) environment: usize,
    pub(crate) dialect: Dialect,
    /// The time by the clock of the environment.
    pub(crate) now: Millis,
    pub(crate) caller: usize,
    pub(crate) token: String,
    /// The idempotency key.
    pub(crate) retry: Option<String>,
    pub(crate) ask: Ask,
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) body: Value,
}

impl Dialect {
    /// The dialect that an environment serves.
    pub(crate) fn of(environment: usize) -> Self {
        if environment < ENVIRONMENTS / 2 { Self::LakeSail } else { Self::Chaser }
    }

    pub(crate) fn accounts(self) -> &'static str {
        match self {
            Self::LakeSail => "/api/org/v1/service-accounts",
            Self::Chaser => "/v1/accounts/current/service-accounts",
        }
    }

    pub(crate) fn keys(self, account: &str) -> String {
        format!("{}/{account}/keys", self.accounts())
    }

    /// The status of a response to a successful create.
    pub(crate) fn created(self) -> u16 {
        if self == Self::LakeSail { 201 } else { 200 }
    }
}

impl Ask {
    /// Whether the request changes nothing.
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::Update { name: None, scopes: None, .. })
    }

    /// The key that the request is about.
    pub(crate) fn key(&self) -> Option<usize> {
        match self {
            Self::Rotate { key, .. } | Self::Update { key, .. } | Self::Revoke { key } => {
                Some(*key)
            }
            _ => None,
        }
    }
}

/// Draws a request by the present state, about the key `shared` or else about a subject of its own.
///
/// Returns `None` if the caller's token is unknown. The first key of an organization is never changed,
/// because then little else could happen.
pub(crate) fn resolve(
    model: &Model,
    draw: &Draw,
    shared: Option<&Index>,
    clocks: &[Millis; ENVIRONMENTS],
    retry: String,
) -> Option<Request> {
    let key = subject(model, shared.unwrap_or(&draw.subject), clocks[0]);
    let account = match (&draw.action, shared) {
        (Action::Mint { .. } | Action::Disable(_) | Action::Delete, None) => {
            draw.subject.index(model.accounts.len())
        }
        _ => model.keys[key].account,
    };
    let organization = |account: usize| &model.accounts[account].organization;
    let own = |key: &Key| organization(key.account) == organization(account);
    let caller = match draw.caller {
        Caller::First => model.keys.iter().position(own).expect("a first key"),
        Caller::Subject => key,
        Caller::Any(index) => index.index(model.keys.len()),
    };
    let token = model.keys[caller].token.clone()?;
    let only_chaser =
        matches!(draw.action, Action::Rotate { .. } | Action::Update { .. } | Action::Disable(_));
    let environment = draw.environment.index(ENVIRONMENTS);
    let environment = if only_chaser { environment % 2 + ENVIRONMENTS / 2 } else { environment };
    let (dialect, now) = (Dialect::of(environment), clocks[environment]);
    let ask = match &draw.action {
        Action::CreateAccount => Ask::CreateAccount,
        Action::Mint { days, scopes } => match dialect {
            Dialect::LakeSail => {
                Ask::Mint { account, ends: days.map(|days| now + days * DAY), scopes: None }
            }
            Dialect::Chaser => Ask::Mint { account, ends: None, scopes: Some(drawn(*scopes)) },
        },
        Action::Rotate { days } => Ask::Rotate { key, grace: days * DAY },
        Action::Update { name, scopes } => {
            Ask::Update { key, name: name.clone(), scopes: scopes.map(drawn) }
        }
        Action::Revoke => Ask::Revoke { key },
        Action::Disable(disabled) => Ask::Disable { account, disabled: *disabled },
        Action::Delete => Ask::Delete { account },
    };
    let (method, path, body) = wire(model, dialect, &ask);
    let retry = draw.keyed.then_some(retry);
    Some(Request { environment, dialect, now, caller, token, retry, ask, method, path, body })
}

/// A key to change; more often a live one, so that more happens.
fn subject(model: &Model, subject: &Index, now: Millis) -> usize {
    let changeable = 2..model.keys.len();
    let live = |at: &usize| model.is_valid(&model.keys[*at], now);
    let live: Vec<usize> = changeable.clone().filter(live).collect();
    if live.is_empty() || subject.index(4) == 0 {
        return changeable.start + subject.index(changeable.len());
    }
    *subject.get(&live)
}

fn wire(model: &Model, dialect: Dialect, ask: &Ask) -> (&'static str, String, Value) {
    let of_account = |at: usize| format!("{}/{}", dialect.accounts(), model.accounts[at].id);
    let of_key = |at: usize| {
        let key = &model.keys[at];
        format!("{}/{}", dialect.keys(&model.accounts[key.account].id), key.id)
    };
    match ask {
        Ask::CreateAccount => {
            let body = match dialect {
                Dialect::LakeSail => json!({ "username": "drawn", "description": "" }),
                Dialect::Chaser => json!({ "name": "drawn" }),
            };
            ("POST", dialect.accounts().to_owned(), body)
        }
        Ask::Mint { account, ends, scopes } => {
            let body = match scopes {
                Some(scopes) => json!({ "name": "drawn", "scopes": scopes }),
                None => ends.map_or(json!({}), |ends| json!({ "expiresAt": timestamp(ends) })),
            };
            ("POST", format!("{}/keys", of_account(*account)), body)
        }
        Ask::Rotate { key, grace } => {
            ("POST", format!("{}/rotate", of_key(*key)), json!({ "grace_days": grace / DAY }))
        }
        Ask::Update { key, name, scopes } => {
            let mut body = json!({});
            if let Some(name) = name {
                body["name"] = json!(name);
            }
            if let Some(scopes) = scopes {
                body["scopes"] = json!(scopes);
            }
            ("PATCH", of_key(*key), body)
        }
        Ask::Revoke { key } => ("DELETE", of_key(*key), Value::Null),
        Ask::Disable { account, disabled } => {
            ("PATCH", of_account(*account), json!({ "disabled": disabled }))
        }
        Ask::Delete { account } => ("DELETE", of_account(*account), Value::Null),
    }
}

/// An event with these parts.
pub(crate) fn http(
    method: &str,
    path: &str,
    token: &str,
    body: &Value,
    retry: Option<&str>,
) -> HttpRequest {
    let mut request = json!({
        "version": "2.0", "rawPath": path,
        "headers": { "authorization": format!("Bearer {token}") },
        "requestContext": { "http": { "method": method } },
    });
    if !body.is_null() {
        request["body"] = body.to_string().into();
    }
    if let Some(retry) = retry {
        request["headers"]["idempotency-key"] = retry.into();
    }
    event::parse(request)
}

fn drawn(bits: u8) -> BTreeSet<String> {
    let chosen = SCOPES.iter().enumerate().filter(|(bit, _)| bits & (1 << bit) != 0);
    chosen.map(|(_, scope)| (*scope).to_owned()).collect()
}
