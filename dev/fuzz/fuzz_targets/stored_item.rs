//! Damaged items of the table: an error or a refusal, and never more rights than the items grant.
//!
//! Each line changes an attribute of the sample key, its account, or the deployment: `key.name={"S":"x"}` sets
//! one, and `key.name` removes it.

#![no_main]

use std::sync::{Arc, Mutex};

use latchkey::principal::Principal;
use latchkey::service::Freshness;
use latchkey_fuzz::sample::{self, SampleKey};
use latchkey_fuzz::service::{block_on, latchkey_with_table};
use latchkey_fuzz::table::Table;
use latchkey_http::Request;
use latchkey_http::http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

#[derive(Clone)]
struct Items {
    key: Value,
    account: Value,
    deployment: Value,
}

impl Items {
    fn of(table: &Table, key: &str) -> Self {
        let account = format!("ACCOUNT#{}", sample::ACCOUNT);
        let item = |pk: &str, sk: &str| table.item(pk, sk).expect("a stored item").clone();
        Self {
            key: item(&account, &format!("KEY#{key}")),
            account: item(&account, "ACCOUNT"),
            deployment: item("DEPLOYMENT", "DEPLOYMENT"),
        }
    }

    fn damage(&mut self, line: &str) {
        let (target, value) = line.split_once('=').map_or((line, None), |(t, v)| (t, Some(v)));
        let item = match target.split_once('.') {
            Some(("key", _)) => &mut self.key,
            Some(("account", _)) => &mut self.account,
            Some(("deployment", _)) => &mut self.deployment,
            _ => return,
        };
        let name = target.split_once('.').expect("an attribute").1;
        // The primary key is what the item was found by.
        if matches!(name, "pk" | "sk") {
            return;
        }
        let item = item.as_object_mut().expect("an item");
        match value {
            None => drop(item.remove(name)),
            Some(value) => {
                let text = || Value::Object([("S".to_owned(), value.into())].into_iter().collect());
                item.insert(
                    name.to_owned(),
                    serde_json::from_str(value).unwrap_or_else(|_| text()),
                );
            }
        }
    }

    /// Checks that the items grant what the principal has. A key item without `scopes` has full access.
    fn check(&self, principal: &Principal, sound: &Self) {
        let caller = principal.service_account().expect("the key is a service account's");
        assert_eq!(self.key["digest"], sound.key["digest"], "let in by another digest");
        assert_eq!(self.key.get("revoked_at"), None, "let in although revoked");
        assert_eq!(self.account["disabled"]["BOOL"], false, "let in although disabled");
        assert_eq!(self.account["organization"]["S"], caller.organization.as_ref());
        let scopes: Vec<&str> = caller.scopes.as_slice().iter().map(AsRef::as_ref).collect();
        match self.key.get("scopes") {
            None => assert!(caller.scopes.is_full_access()),
            Some(stored) => {
                let stored = stored["L"].as_array().expect("a list").iter();
                let stored: Vec<&str> = stored.map(|s| s["S"].as_str().expect("a text")).collect();
                assert!(!scopes.is_empty(), "full access from {stored:?}");
                assert!(scopes.iter().all(|scope| stored.contains(scope)));
                assert!(stored.iter().all(|scope| scopes.contains(scope)));
            }
        }
        let ends = self.key.get("expires_at").map(|end| end["N"].as_str().expect("a number"));
        let ends = ends.map(|end| end.parse::<i64>().expect("a time"));
        assert_eq!(ends, caller.expires_at.map(|end| end.as_millis()));
        assert!(ends.is_none_or(|end| end > sample::now().as_millis()), "let in although expired");
        if let Some(disabled) = self.deployment.get("disabled_organizations") {
            let disabled = disabled["SS"].as_array().expect("a set of texts");
            assert!(!disabled.iter().any(|id| id == caller.organization.as_ref()));
        }
    }
}

struct State {
    chaser: chaser::App,
    table: Arc<Mutex<Table>>,
    sound: Items,
    token: String,
}

impl State {
    fn new() -> Self {
        let (latchkey, table) = latchkey_with_table();
        let scopes = chaser::AllowedScopes::parse("keys.read keys.write").expect("scopes");
        let key = SampleKey::Reader.mint().0.id.to_string();
        let sound = Items::of(&table.lock().expect("no panic before"), &key);
        let chaser = chaser::App::new(latchkey, scopes);
        Self { chaser, table, sound, token: SampleKey::Reader.token() }
    }

    fn store(&self, items: &Items) {
        let mut table = self.table.lock().expect("no panic before");
        for item in [&items.key, &items.account, &items.deployment] {
            table.put(item.clone());
        }
    }
}

thread_local! {
    static STATE: State = State::new();
}

fuzz_target!(|text: &str| {
    STATE.with(|state| {
        let mut damaged = state.sound.clone();
        text.lines().for_each(|line| damaged.damage(line));
        state.store(&damaged);

        let service = &state.chaser.latchkey;
        let verified = block_on(service.verify(&state.token, Freshness::Now));
        let Ok(principal) = verified else { return };
        damaged.check(&principal, &state.sound);
        // A list reads them too. It takes most of the time, so it reads only a part of them.
        if !text.len().is_multiple_of(8) {
            return;
        }
        let headers = HeaderMap::from_iter([(
            "authorization".parse().expect("a name"),
            HeaderValue::try_from(format!("Bearer {}", state.token)).expect("a header"),
        )]);
        let path = format!("/v1/accounts/current/service-accounts/{}/keys", sample::ACCOUNT);
        let request = Request { path, headers, ..Request::default() };
        let response = block_on(chaser::handle(&state.chaser, request));
        assert!(
            matches!(response.status.as_u16(), 200 | 401 | 403 | 404 | 500 | 503),
            "{response:?}"
        );
    });
});
