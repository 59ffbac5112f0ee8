//! Random histories before and after a backup.

use std::time::Duration;

use latchkey::id::{KeyId, OrganizationId, ServiceAccountId};
use latchkey::key::{KeyChange, Minted};
use latchkey::operator::restore::{self, Lost};
use latchkey::operator::{self, MintSpec, OperatorError};
use latchkey::principal::AccountPrincipal;
use latchkey::scope::{Scope, Scopes};
use latchkey::service::RotateRequest;
use latchkey::store::KeyStore;
use latchkey::time::Timestamp;
use latchkey_testkit::{TestTable, sample};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use super::{accepted, apply, backup, check_consistent, compared, policy, store_of};

const HISTORIES: u64 = 8;
const STEPS: usize = 30;
const SCOPES: [&str; 3] = ["a", "b", "c"];
const HOUR: Duration = Duration::from_secs(3600);

/// A table and everything that was ever created in it.
struct World {
    table: TestTable,
    store: KeyStore,
    rng: StdRng,
    organizations: Vec<OrganizationId>,
    accounts: Vec<(OrganizationId, ServiceAccountId)>,
    keys: Vec<(ServiceAccountId, KeyId, String)>,
    bootstraps: u32,
}

impl World {
    async fn new(seed: u64) -> Self {
        let table = TestTable::start().await;
        let mut world = Self {
            store: store_of(&table),
            table,
            rng: StdRng::seed_from_u64(seed),
            organizations: Vec::new(),
            accounts: Vec::new(),
            keys: Vec::new(),
            bootstraps: 0,
        };
        world.bootstrap().await;
        world
    }

    /// Does something at random. Whether it succeeds depends on what was done before.
    async fn step(&mut self) {
        let (store, policy, now) = (self.store.clone(), policy(), sample::now());
        let some_key = self.keys.choose(&mut self.rng).cloned().expect("a key");
        let some_account = self.accounts.choose(&mut self.rng).cloned().expect("an account");
        let some_organization = self.organizations.choose(&mut self.rng).cloned().expect("one");
        let (account, key, _) = some_key;
        match self.rng.random_range(0..100) {
            0..30 => {
                let account = some_account.1;
                let spec = MintSpec {
                    name: None,
                    scopes: self.some_scopes(),
                    expires_at: self.some_end(),
                };
                let minted = operator::mint_key(&store, &policy, now, &account, spec).await;
                self.note(minted);
            }
            30..45 => {
                let grace = [Duration::ZERO, HOUR, 24 * HOUR][self.rng.random_range(0..3)];
                let request = RotateRequest { account, key, grace };
                let rotated = operator::rotate_key(&store, &policy, now, &request).await;
                self.note(rotated.map(|rotated| rotated.minted));
            }
            45..60 => {
                let _ = operator::revoke_key(&store, &policy, now, &account, &key).await;
            }
            60..70 => {
                let found = operator::key(&store, &account, &key).await;
                let change = KeyChange { scopes: Some(self.some_scopes()), ..KeyChange::default() };
                if let Ok(found) = found
                    && let Some(owner) = found.account
                {
                    let caller = AccountPrincipal {
                        organization: owner.organization,
                        account: owner.id,
                        key: found.key.id.clone(),
                        scopes: Scopes::full_access(),
                        expires_at: None,
                    };
                    let _ = store.update_key(&caller, found.key, &change, now).await;
                }
            }
            70..78 => {
                let disabled = self.rng.random_bool(0.4);
                let id = &some_account.1;
                let _ = operator::set_account_disabled(&store, now, id, disabled).await;
            }
            78..81 => {
                let (organization, id) = some_account;
                let _ = operator::delete_account(&store, now, &organization, &id).await;
            }
            81..88 => {
                let (name, about) = ("new".parse().expect("a name"), "".parse().expect("text"));
                let (id, organization) = (some_organization.clone(), some_organization);
                let made =
                    operator::create_account(&store, &policy, now, organization, name, about).await;
                self.accounts.extend(made.ok().map(|account| (id, account.id)));
            }
            88..93 => {
                let disabled = self.rng.random_bool(0.3);
                let id = &some_organization;
                let _ = operator::set_organization_disabled(&store, now, id, disabled).await;
            }
            93..94 => {
                let _ = operator::delete_organization(&store, now, &some_organization).await;
            }
            94..97 => self.bootstrap().await,
            _ => {
                let end = self.some_end();
                let minted = operator::create_root_key(&store, &policy, now, end).await;
                self.note(minted);
            }
        }
    }

    async fn bootstrap(&mut self) {
        // Also an ID that was used before, and whose organization may be deleted.
        self.bootstraps += self.rng.random_range(0..2);
        let id: OrganizationId = format!("org{}", self.bootstraps).parse().expect("an id");
        let name = || "name".parse().expect("a name");
        let (store, now) = (self.store.clone(), sample::now());
        let made = operator::bootstrap(&store, &policy(), now, id, name(), name()).await;
        if let Ok(made) = made {
            self.organizations.push(made.organization.id.clone());
            self.accounts.push((made.organization.id, made.account.id));
            self.note(Ok(made.minted));
        }
    }

    fn note(&mut self, minted: Result<Minted, OperatorError>) {
        if let Ok(Minted { key, token }) = minted {
            self.keys.push((key.spec.account, key.id, token.expose().to_owned()));
        }
    }

    fn some_scopes(&mut self) -> Scopes {
        let count = self.rng.random_range(0..3);
        let scopes = (0..count).map(|_| SCOPES[self.rng.random_range(0..SCOPES.len())]);
        scopes.map(|text| text.parse::<Scope>().expect("a scope")).collect()
    }

    fn some_end(&mut self) -> Option<Timestamp> {
        [None, Some(HOUR), Some(50 * HOUR)][self.rng.random_range(0..3)]
            .map(|lifetime| sample::now().saturating_add(lifetime))
    }
}

/// The moments at which keys are presented: now, and between and after the ends of keys.
fn moments() -> [Timestamp; 4] {
    [0, 2, 30, 60].map(sample::after_hours)
}

#[tokio::test]
async fn no_key_that_the_current_table_rejects_is_accepted_from_the_restored_one() {
    let (mut differences, mut rejected, mut copied) = (0, 0, 0);
    for seed in 0..HISTORIES {
        let mut world = World::new(seed).await;
        for _ in 0..STEPS {
            world.step().await;
        }
        let restored = backup(&world.table).await;
        let untouched = backup(&world.table).await;
        let (restored_store, backup_store) = (store_of(&restored), store_of(&untouched));
        for _ in 0..STEPS {
            world.step().await;
        }
        // The current table is in use until the first run ends.
        let first = compared(&restored, &world.table).await;
        for _ in 0..3 {
            world.step().await;
        }
        apply(&restored_store, &first).await.expect("applied");
        let second = compared(&restored, &world.table).await;
        apply(&restored_store, &second).await.expect("applied");
        differences += first.differences.len() + second.differences.len();

        let third = compared(&restored, &world.table).await;
        assert_eq!(third.differences, [], "seed {seed}");
        check_consistent(&restored).await;
        for (_, key, token) in &world.keys {
            for now in moments() {
                let before = accepted(&backup_store, token, now).await;
                let current = accepted(&world.store, token, now).await;
                let after = accepted(&restored_store, token, now).await;
                let both = before.clone().zip(current).and_then(|(one, other)| one.common(&other));
                assert_eq!(after, both, "seed {seed}: {key} at {now}");
                rejected += usize::from(before.is_some() && after.is_none());
            }
        }

        for lost in &third.lost {
            let Lost::Key(key) = lost else { continue };
            let now = sample::now();
            let done = restore::copy_key(&restored_store, &policy(), now, key).await;
            copied += usize::from(done.expect("copied or not"));
        }
        check_consistent(&restored).await;
        for (_, key, token) in &world.keys {
            for now in moments() {
                let current = accepted(&world.store, token, now).await;
                let after = accepted(&restored_store, token, now).await;
                let common = after.clone().zip(current).and_then(|(one, other)| one.common(&other));
                assert_eq!(after, common, "seed {seed}: {key} at {now}");
            }
        }
        assert_eq!(compared(&restored, &world.table).await.differences, [], "seed {seed}");
    }
    assert!(
        differences >= 15 && rejected >= 40 && copied >= 15,
        "{differences} {rejected} {copied}"
    );
}
