//! The clients: each sends requests of all kinds, one after the other, and notes what it learns.

mod accounts;
mod keys;
mod verdict;

use std::time::{Duration, Instant};

use latchkey_testkit::misbehaving::Fault;
use latchkey_testkit::{Answer, event};
use rand::RngExt;
use rand::rngs::ChaCha20Rng;
use serde_json::Value;

use crate::register::{Register, WriteId};
use crate::truth::{Expected, Pending, Truth, Window};
use crate::world::{Outcome, World};

const LAKESAIL_ACCOUNTS: &str = "/api/org/v1/service-accounts";
const CHASER_ACCOUNTS: &str = "/v1/accounts/current/service-accounts";

/// How often a client sends a request whose answer it does not get.
const ATTEMPTS: usize = 3;

/// A dialect's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    LakeSail,
    Chaser,
}

impl Dialect {
    fn draw(rng: &mut ChaCha20Rng) -> Self {
        if rng.random() { Self::LakeSail } else { Self::Chaser }
    }

    pub(crate) fn function(self) -> &'static str {
        match self {
            Self::LakeSail => "lakesail",
            Self::Chaser => "chaser",
        }
    }

    fn accounts(self) -> &'static str {
        match self {
            Self::LakeSail => LAKESAIL_ACCOUNTS,
            Self::Chaser => CHASER_ACCOUNTS,
        }
    }

    /// The OpenAPI document's template for a path below the accounts.
    fn template(self, suffix: &str) -> String {
        let (account, key) = match self {
            Self::LakeSail => ("{sa}", "{key}"),
            Self::Chaser => ("{service_account_id}", "{key_id}"),
        };
        format!("{}{}", self.accounts(), suffix.replace("ACCOUNT", account).replace("KEY", key))
    }

    pub(crate) fn path(self, suffix: &str, account: &str, key: &str) -> String {
        let suffix = suffix.replace("KEY", key).replace("ACCOUNT", account);
        format!("{}{suffix}", self.accounts())
    }
}

/// A request about an account and perhaps a key.
struct Call {
    dialect: Dialect,
    operation: &'static str,
    method: &'static str,
    suffix: &'static str,
    body: Value,
    idempotent: bool,
}

/// What a client learned from all attempts of a request.
enum Learned {
    Done(Answer),
    Refused,
    Unknown,
}

impl World {
    /// Sends one request of a random kind.
    pub(crate) async fn step(&self, rng: &mut ChaCha20Rng) {
        match rng.random_range(0..100) {
            0..7 => self.create_account(rng).await,
            7..31 => self.mint(rng).await,
            31..44 => self.rotate(rng).await,
            44..51 => self.revoke(rng).await,
            51..59 => self.update_key(rng).await,
            59..66 => self.disable(rng).await,
            66..68 => self.delete_account(rng).await,
            68..72 => self.list(rng).await,
            _ => self.verify(rng).await,
        }
    }

    /// Sends a request, and again while its answer is lost. Returns what was learned, how many answers were
    /// lost, and the era in which it began.
    async fn send(
        &self,
        call: &Call,
        caller: usize,
        account: &str,
        key: &str,
        rng: &mut ChaCha20Rng,
    ) -> (Learned, usize, usize) {
        let (dialect, era) = (call.dialect, self.era());
        let path = dialect.path(call.suffix, account, key);
        let token = self.truth().keys[caller].token.clone();
        let mut event = match &call.body {
            Value::Null => event::call(call.method, &path, &token),
            body => event::call_with(call.method, &path, &token, &body.to_string()),
        };
        if call.idempotent {
            event["headers"]["idempotency-key"] = self.unique("request").into();
        }
        let template = dialect.template(call.suffix);
        // Nobody repeats a create or a rotation blindly.
        let creates = call.method == "POST";
        let attempts = if creates && !call.idempotent { 1 } else { ATTEMPTS };
        let mut lost = 0;
        for _ in 0..attempts {
            let from = self.now();
            match self.ask(dialect.function(), call.operation, &template, &event).await {
                Outcome::Done(answer) => {
                    self.check_authority(caller, call, from);
                    // After a jump, a repeated request may be a new one.
                    let repeat = creates && call.idempotent && self.plan.jumps.is_empty();
                    if repeat && rng.random_ratio(1, 4) {
                        self.repeat(call, &template, &event, &answer).await;
                    }
                    return (Learned::Done(answer), lost, era);
                }
                Outcome::Refused(_) => {
                    // An attempt may take effect after its retry was refused.
                    let late = self.plan.faults.faults.contains(&Fault::LateEffect);
                    return (Learned::Refused, lost + usize::from(late), era);
                }
                Outcome::Unknown => lost += 1,
            }
        }
        if call.idempotent {
            let account = self.truth().accounts.iter().position(|known| known.id == account);
            if let Some(account) = account {
                let function = dialect.function();
                let pending = Pending { function, event, account, era, lost };
                self.truth().pending.push(pending);
                // The final check decides whether they are lost.
                return (Learned::Unknown, 0, era);
            }
        }
        (Learned::Unknown, lost, era)
    }

    /// A repeated request gets the same response again.
    async fn repeat(&self, call: &Call, template: &str, event: &Value, first: &Answer) {
        let again = self.ask(call.dialect.function(), "repeat", template, event).await;
        match again {
            Outcome::Done(again) => assert_eq!(first.text, again.text, "{event}"),
            // The caller may have ended in the meantime.
            Outcome::Refused(again) => assert_eq!(again.status, 401, "{}", again.text),
            Outcome::Unknown => {}
        }
    }

    /// A key that has ended changes nothing, however recently it ended.
    fn check_authority(&self, caller: usize, call: &Call, from: (Instant, i64)) {
        if call.method == "GET" {
            return;
        }
        let window = Window { from, to: self.now() };
        let expected = self.truth().expected(caller, window, Duration::ZERO, self.plan.skew_max());
        assert_ne!(expected, Expected::Refused, "{} by an ended key", call.operation);
    }

    /// Notes the result of a write.
    fn settle<T: Clone + PartialEq>(
        &self,
        learned: &Learned,
        lost: usize,
        write: Option<WriteId>,
        register: impl FnOnce(&mut Truth) -> &mut Register<T>,
    ) {
        let Some(write) = write else { return };
        let mut truth = self.truth();
        match learned {
            Learned::Done(_) => register(&mut truth).acknowledge(write),
            // After a lost answer, a refusal may be about the first attempt's effect.
            Learned::Refused if lost == 0 => register(&mut truth).refuse(write),
            Learned::Refused | Learned::Unknown => {}
        }
    }

    fn any_account(&self, rng: &mut ChaCha20Rng) -> usize {
        rng.random_range(0..self.truth().accounts.len())
    }

    /// An account that is not the first of its organization, whose key the clients need.
    fn any_ordinary_account(&self, rng: &mut ChaCha20Rng) -> Option<usize> {
        let first = self.truth().organizations.len();
        let accounts = self.truth().accounts.len();
        (first < accounts).then(|| rng.random_range(first..accounts))
    }

    /// A key that is not the first of its organization.
    fn any_key(&self, rng: &mut ChaCha20Rng) -> Option<usize> {
        let first = self.truth().organizations.len();
        let keys = self.truth().keys.len();
        // Recent keys are used more often.
        (first < keys).then(|| rng.random_range(first..keys).max(rng.random_range(first..keys)))
    }

    /// The organization's first key, or any other of its keys.
    fn caller(&self, account: usize, rng: &mut ChaCha20Rng) -> usize {
        let truth = self.truth();
        let organization = truth.accounts[account].organization;
        if rng.random_ratio(5, 6) {
            return truth.organizations[organization].admin;
        }
        let own =
            |key: &usize| truth.accounts[truth.keys[*key].account].organization == organization;
        let keys: Vec<usize> = (0..truth.keys.len()).filter(own).collect();
        keys[rng.random_range(0..keys.len())]
    }
}
