//! What each operation costs in tables of several sizes.

use latchkey_testkit::{Answer, event};
use serde::Serialize;

use crate::database::Usage;
use crate::environment::{Environment, Function, chaser_keys, lakesail_keys};
use crate::world::{KEY_LIMIT, World};

/// The numbers of keys in the tables.
pub(crate) const SIZES: [u64; 3] = [1, 10_000, 200_000];

/// A limit of live keys that leaves a full account more keys than a page of a list.
const HIGH_LIMIT: u64 = 1000;

/// What an operation costs.
#[derive(Debug, Serialize)]
pub(crate) struct Cost {
    /// The keys in the table, without the keys of the accounts that the operations concern.
    keys: u64,
    operation: &'static str,
    calls: u32,
    read: f64,
    write: f64,
}

/// Measures tables with these numbers of keys.
pub(crate) async fn measure(sizes: &[u64]) -> Vec<Cost> {
    let mut costs = Vec::new();
    for &keys in sizes {
        let world = World::start().await;
        world.fill(keys - 1).await;
        Table { world: &world, keys, costs: &mut costs }.measure().await;
    }
    costs
}

struct Table<'a> {
    world: &'a World,
    keys: u64,
    costs: &'a mut Vec<Cost>,
}

impl Table<'_> {
    async fn measure(&mut self) {
        let world = self.world;
        let target = world.add_account(1);
        let key = world.add_keys(&target, 0..1, |_| ()).remove(0);
        let (own, token) = (&world.caller.account, world.caller.token.as_str());
        let post = async |environment: &Environment, function, path: &str, body| {
            environment.send(function, ("POST", path), token, body).await
        };
        let (lakesail, chaser) = (lakesail_keys(&target), chaser_keys(&target));
        let (lakesail_own, chaser_own) = (lakesail_keys(own), chaser_keys(own));
        self.cost("create a key (LakeSail)", 201, async |environment| {
            post(environment, Function::LakeSail, &lakesail_own, "{}").await
        })
        .await;
        self.cost("create a key (Chaser)", 200, async |environment| {
            post(environment, Function::Chaser, &chaser_own, r#"{"name":"ci"}"#).await
        })
        .await;
        self.cost("create a key with an Idempotency-Key (LakeSail)", 201, async |environment| {
            let mut event = event::call_with("POST", &lakesail_own, token, "{}");
            event["headers"]["idempotency-key"] = "\"once\"".into();
            environment.answer(Function::LakeSail, event).await
        })
        .await;
        let created = self
            .cost("create a key of another account (LakeSail)", 201, async |environment| {
                post(environment, Function::LakeSail, &lakesail, "{}").await
            })
            .await;
        let other = self
            .cost("create a key of another account (Chaser)", 200, async |environment| {
                post(environment, Function::Chaser, &chaser, r#"{"name":"ci"}"#).await
            })
            .await;
        let rotate = format!("{chaser}/{key}/rotate");
        self.cost("rotate a key (Chaser)", 200, async |environment| {
            post(environment, Function::Chaser, &rotate, "{}").await
        })
        .await;
        self.verifications(&created).await;
        let names = ["list 10 keys (LakeSail)", "list 10 keys (Chaser)"];
        self.lists(KEY_LIMIT, names, ["", "?limit=10"], 10).await;
        let names = ["list 100 keys (LakeSail)", "list 100 keys (Chaser)"];
        self.lists(100, names, ["", ""], 100).await;
        let names = ["list 10 of 100 keys (LakeSail)", "list 10 of 100 keys (Chaser)"];
        self.lists(100, names, ["?limit=10"; 2], 10).await;
        let path = format!("{lakesail}/{}", created.id());
        self.cost("revoke a key (LakeSail)", 204, async |environment| {
            environment.send(Function::LakeSail, ("DELETE", &path), token, "").await
        })
        .await;
        let path = format!("{chaser}/{}", other.string("/id"));
        self.cost("revoke a key (Chaser)", 204, async |environment| {
            environment.send(Function::Chaser, ("DELETE", &path), token, "").await
        })
        .await;
        self.full_accounts().await;
    }

    /// `created` is the response that contains a key that no environment has verified.
    async fn verifications(&mut self, created: &Answer) {
        let token = created.string("/key");
        let verify = async |environment: &Environment| {
            environment.send(Function::OAuth, ("GET", "/verify"), token, "").await
        };
        let database = &self.world.database;
        let first = Environment::start(database, KEY_LIMIT);
        self.cost_in(&first, "verify a key, first in its environment", 204, verify).await;
        let warm = Environment::warm(self.world, KEY_LIMIT).await;
        self.cost_in(&warm, "verify a key, not cached", 204, verify).await;
        self.cost_in(&warm, "verify a key, cached", 204, verify).await;
        warm.after_answer().await;
        let used = database.take();
        self.note("record when a key was last used, after the response", used);
        self.cost("introspect a key, not cached", 200, async |environment| {
            let caller = &self.world.caller.token;
            let body = format!("token={token}");
            let mut event = event::call_with("POST", "/oauth/introspect", caller, &body);
            event["headers"]["content-type"] = "application/x-www-form-urlencoded".into();
            environment.answer(Function::OAuth, event).await
        })
        .await;
    }

    /// Lists `listed` keys, in each dialect, of an account that has `keys` live ones and no others.
    async fn lists(
        &mut self,
        keys: u64,
        operations: [&'static str; 2],
        queries: [&str; 2],
        listed: usize,
    ) {
        let world = self.world;
        let account = world.add_account(keys);
        world.add_keys(&account, 0..keys, |_| ());
        let functions = [Function::LakeSail, Function::Chaser];
        let paths = [lakesail_keys(&account), chaser_keys(&account)];
        for at in 0..2 {
            let path = format!("{}{}", paths[at], queries[at]);
            let answer = self
                .cost(operations[at], 200, async |environment| {
                    environment.send(functions[at], ("GET", &path), &world.caller.token, "").await
                })
                .await;
            assert_eq!(answer.ids().len(), listed, "{}", operations[at]);
        }
    }

    /// The last key of an account, and the rejection of one more, with the default limit and a high one.
    async fn full_accounts(&mut self) {
        let operations = [
            (KEY_LIMIT, "create the 10th of 10 keys (LakeSail)", 201),
            (KEY_LIMIT, "reject the 11th of 10 keys (LakeSail)", 409),
            (HIGH_LIMIT, "create the 1,000th of 1,000 keys (LakeSail)", 201),
            (HIGH_LIMIT, "reject the 1,001st of 1,000 keys (LakeSail)", 409),
            (HIGH_LIMIT, "reject it again (LakeSail)", 409),
        ];
        let mut account = (0, String::new());
        for (limit, operation, status) in operations {
            if account.0 != limit {
                account = (limit, self.world.add_account(limit - 1));
                self.world.add_keys(&account.1, 0..limit - 1, |_| ());
            }
            let environment = Environment::warm(self.world, limit).await;
            let (path, token) = (lakesail_keys(&account.1), &self.world.caller.token);
            self.cost_in(&environment, operation, status, async |environment| {
                environment.send(Function::LakeSail, ("POST", &path), token, "{}").await
            })
            .await;
        }
    }

    /// Measures a request to an environment of its own.
    async fn cost(
        &mut self,
        operation: &'static str,
        status: u16,
        work: impl AsyncFnOnce(&Environment) -> Answer,
    ) -> Answer {
        let environment = Environment::warm(self.world, KEY_LIMIT).await;
        self.cost_in(&environment, operation, status, work).await
    }

    async fn cost_in(
        &mut self,
        environment: &Environment,
        operation: &'static str,
        status: u16,
        work: impl AsyncFnOnce(&Environment) -> Answer,
    ) -> Answer {
        self.world.database.take();
        let answer = work(environment).await;
        let usage = self.world.database.take();
        assert_eq!(answer.status, status, "{operation}: {}", answer.text);
        self.note(operation, usage);
        answer
    }

    fn note(&mut self, operation: &'static str, usage: Usage) {
        let Usage { calls, read, write, .. } = usage;
        self.costs.push(Cost { keys: self.keys, operation, calls, read, write });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_cost_depends_on_the_size_of_the_table() {
        let costs = measure(&[1, 1000]).await;
        let (small, large) = costs.split_at(costs.len() / 2);
        assert!(small.len() > 20);
        for (small, large) in small.iter().zip(large) {
            let cost = |of: &Cost| (of.operation, of.calls, of.read.to_bits(), of.write.to_bits());
            assert_eq!(cost(small), cost(large));
        }
    }
}
