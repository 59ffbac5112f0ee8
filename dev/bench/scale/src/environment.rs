//! Execution environments of the functions.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use latchkey::Latchkey;
use latchkey::policy::{CachePolicy, KeyPolicy};
use latchkey::service::Clock;
use latchkey::store::KeyStore;
use latchkey_http::serve;
use latchkey_testkit::{Answer, event, sample};
use serde_json::Value;

use crate::database::{Database, TABLE};
use crate::world::World;

/// The deployed interval between records of a key's use.
const LAST_USED_INTERVAL: Duration = Duration::from_secs(300);

/// A function.
#[derive(Clone, Copy)]
pub(crate) enum Function {
    /// The LakeSail dialect.
    LakeSail,
    /// The Chaser dialect.
    Chaser,
    /// Verification.
    OAuth,
}

/// An execution environment with a client and a cache of its own.
pub(crate) struct Environment {
    lakesail: lakesail::App,
    chaser: chaser::App,
    oauth: oauth::App,
}

impl Environment {
    /// An environment that has not served a request, with the default policy except for the limit of keys.
    pub(crate) fn start(database: &Database, key_limit: u64) -> Self {
        let limit = u32::try_from(key_limit).ok().and_then(NonZeroU32::new);
        let policy = KeyPolicy { key_limit: limit, ..KeyPolicy::default() };
        let cache = CachePolicy { ttl: Duration::from_secs(10), entries: 1000 };
        let store = KeyStore::new(database.client(), TABLE);
        // No two requests at the same time, as the clock of DynamoDB's clients would have it.
        static MILLIS: AtomicU64 = AtomicU64::new(0);
        let clock = Clock::new(|| {
            let since = Duration::from_millis(MILLIS.fetch_add(1, Ordering::Relaxed));
            sample::now().saturating_add(since)
        });
        let latchkey = Latchkey::new(store, policy, &cache, clock);
        let latchkey = latchkey.with_last_used(LAST_USED_INTERVAL);
        let scopes = chaser::AllowedScopes::parse("").expect("the default");
        Self {
            lakesail: lakesail::App { latchkey: latchkey.clone() },
            chaser: chaser::App::new(latchkey.clone(), scopes),
            oauth: oauth::App::new(latchkey, oauth::Settings::default()),
        }
    }

    /// An environment that has verified the caller's key, as most have when a request comes.
    pub(crate) async fn warm(world: &World, key_limit: u64) -> Self {
        let environment = Self::start(&world.database, key_limit);
        let token = &world.caller.token;
        let verified = environment.send(Function::OAuth, ("GET", "/verify"), token, "").await;
        assert!(verified.status < 300, "{}", verified.text);
        environment.after_answer().await;
        world.database.take();
        environment
    }

    /// Responds to a request with a body of JSON, or none if it is empty.
    pub(crate) async fn send(
        &self,
        function: Function,
        (method, path): (&str, &str),
        token: &str,
        body: &str,
    ) -> Answer {
        let event = match body {
            "" => event::call(method, path, token),
            body => event::call_with(method, path, token, body),
        };
        self.answer(function, event).await
    }

    /// Responds to an event.
    pub(crate) async fn answer(&self, function: Function, event: Value) -> Answer {
        let request = event::parse(event);
        // Boxed, because the compiler cannot lay out so many nested futures.
        let answer = match function {
            Function::LakeSail => {
                serve::answer("", Box::pin(lakesail::handle(&self.lakesail, request))).await
            }
            Function::Chaser => {
                serve::answer("", Box::pin(chaser::handle(&self.chaser, request))).await
            }
            Function::OAuth => {
                serve::answer("", Box::pin(oauth::handle(&self.oauth, request))).await
            }
        };
        answer.into()
    }

    /// Does what waits until a response is sent.
    pub(crate) async fn after_answer(&self) {
        self.oauth.latchkey.after_answer().await;
    }
}

/// The path of an account's keys in LakeSail.
pub(crate) fn lakesail_keys(account: &str) -> String {
    format!("/api/org/v1/service-accounts/{account}/keys")
}

/// The path of an account's keys in Chaser.
pub(crate) fn chaser_keys(account: &str) -> String {
    format!("/v1/accounts/current/service-accounts/{account}/keys")
}
