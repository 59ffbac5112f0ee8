//! Requests that create, change, delete, and list.

use rand::RngExt;
use rand::rngs::ChaCha20Rng;
use serde_json::{Value, json};

use crate::truth::Account;
use crate::world::World;

use super::{Call, Dialect, Learned};

impl World {
    pub(super) async fn create_account(&self, rng: &mut ChaCha20Rng) {
        let organization = rng.random_range(0..self.truth().organizations.len());
        let dialect = Dialect::draw(rng);
        let name = self.unique("account");
        let body = match dialect {
            Dialect::LakeSail => json!({ "username": name, "description": "" }),
            Dialect::Chaser => json!({ "name": name }),
        };
        let caller = self.truth().organizations[organization].admin;
        let call = Call {
            dialect,
            operation: "create account",
            method: "POST",
            suffix: "",
            body,
            idempotent: rng.random(),
        };
        let (learned, lost, era) = self.send(&call, caller, "", "", rng).await;
        let mut truth = self.truth();
        if era != self.era() || !matches!(learned, Learned::Done(_)) {
            truth.organizations[organization].lost_accounts += lost;
        }
        if let Learned::Done(answer) = learned {
            truth.accounts.push(Account::new(answer.id().to_owned(), organization));
        }
    }

    pub(super) async fn disable(&self, rng: &mut ChaCha20Rng) {
        let Some(account) = self.any_ordinary_account(rng) else { return };
        let caller = self.caller(account, rng);
        let disabled = rng.random_ratio(1, 3);
        let call = Call {
            dialect: Dialect::Chaser,
            operation: "change account",
            method: "PATCH",
            suffix: "/ACCOUNT",
            body: json!({ "disabled": disabled }),
            idempotent: false,
        };
        let (id, began) = {
            let mut truth = self.truth();
            let account = &mut truth.accounts[account];
            (account.id.clone(), account.disabled.begin(disabled))
        };
        let (learned, lost, _) = self.send(&call, caller, &id, "", rng).await;
        self.settle(&learned, lost, Some(began), |truth| &mut truth.accounts[account].disabled);
    }

    pub(super) async fn delete_account(&self, rng: &mut ChaCha20Rng) {
        let Some(account) = self.any_ordinary_account(rng) else { return };
        let caller = self.caller(account, rng);
        let call = Call {
            dialect: Dialect::draw(rng),
            operation: "delete account",
            method: "DELETE",
            suffix: "/ACCOUNT",
            body: Value::Null,
            idempotent: false,
        };
        let (id, began) = {
            let mut truth = self.truth();
            let account = &mut truth.accounts[account];
            (account.id.clone(), account.deleted.begin(true))
        };
        let (learned, lost, _) = self.send(&call, caller, &id, "", rng).await;
        self.settle(&learned, lost, Some(began), |truth| &mut truth.accounts[account].deleted);
    }

    pub(super) async fn list(&self, rng: &mut ChaCha20Rng) {
        let account = self.any_account(rng);
        let caller = self.caller(account, rng);
        let call = Call {
            dialect: Dialect::draw(rng),
            operation: "list keys",
            method: "GET",
            suffix: "/ACCOUNT/keys",
            body: Value::Null,
            idempotent: false,
        };
        let id = self.truth().accounts[account].id.clone();
        self.send(&call, caller, &id, "", rng).await;
    }
}
