//! A function that tests send events to, and the checks for each of its responses.

use std::time::Duration;

use latchkey::Latchkey;
use latchkey::policy::{CachePolicy, KeyPolicy};
use latchkey::service::Clock;
use latchkey::time::Timestamp;
use latchkey_http::Request;
use latchkey_http::route::{self, Route};
use latchkey_http::serve;
use serde_json::Value;

use super::{Case, Dialect};
use crate::contract::Contract;
use crate::{Answer, TestTable, event, sample};

/// The ID of every request, so that the same request gets the same response.
const REQUEST_ID: &str = "8d3f5a0e-0000-4000-8000-000000000000";

/// A dialect's function with a table.
#[derive(Debug)]
pub struct Function<D> {
    dialect: D,
    contract: Contract,
}

impl<D: Dialect> Function<D> {
    /// A function at the samples' time, with the default policy.
    pub fn over(table: &TestTable) -> Self {
        Self::with(table, KeyPolicy::default())
    }

    /// A function at the samples' time, with `policy`.
    pub fn with(table: &TestTable, policy: KeyPolicy) -> Self {
        Self::new(table.latchkey(policy))
    }

    /// A function at `now`, with the default policy.
    pub fn at(table: &TestTable, now: Timestamp) -> Self {
        Self::new(table.latchkey_at(KeyPolicy::default(), now))
    }

    /// A function with a cache of verdicts, as deployed.
    pub fn caching(table: &TestTable) -> Self {
        let cache = CachePolicy { ttl: Duration::from_secs(10), entries: 100 };
        let clock = Clock::new(sample::now);
        Self::new(Latchkey::new(table.store(), KeyPolicy::default(), &cache, clock))
    }

    /// A function with a test's own service.
    pub fn new(latchkey: Latchkey) -> Self {
        Self { dialect: D::over(latchkey), contract: Contract::load(D::NAME) }
    }

    /// The service behind the function.
    pub fn latchkey(&self) -> &Latchkey {
        self.dialect.latchkey()
    }

    /// Responds to an event.
    ///
    /// # Panics
    ///
    /// If the contract does not promise the response for the operation, the response contains a field that
    /// this dialect does not have, or it contains a key that the request did not just create.
    pub async fn answer(&self, event: Value) -> Answer {
        // Boxed, because a test with many calls would otherwise keep as many requests on its stack.
        Box::pin(self.serve(event::request(event, REQUEST_ID))).await
    }

    /// Responds to a request, which need not come from an event.
    ///
    /// # Panics
    ///
    /// Like [`Function::answer`].
    pub async fn serve(&self, request: Request) -> Answer {
        let route = route_of::<D>(&request);
        let answer = Answer::from(serve::answer(REQUEST_ID, self.dialect.handle(request)).await);
        assert_eq!(answer.header("x-request-id"), REQUEST_ID);
        let endpoint = format!("{} {}", route.method, route.path);
        self.contract.check((route.method, route.path), &answer);
        check_fields::<D>(&answer.body, &endpoint);
        let tells = answer.text.contains("\"key\"");
        let made = D::mints(route.operation) && answer.status == D::CREATED;
        assert_eq!(tells, made, "{endpoint}: a new key is told, and no other");
        answer
    }

    /// Responds to one of the dialect's samples, by its name, or to a variation of one.
    pub async fn answer_to(&self, case: impl Into<Case>) -> Answer {
        self.answer(case.into().event(D::NAME)).await
    }

    /// Responds to a `GET`.
    pub async fn get(&self, token: &str, path: &str) -> Answer {
        self.answer(event::call("GET", path, token)).await
    }

    /// Responds to a `DELETE`.
    pub async fn delete(&self, token: &str, path: &str) -> Answer {
        self.answer(event::call("DELETE", path, token)).await
    }

    /// Responds to a `POST`.
    pub async fn post(&self, token: &str, path: &str, body: &str) -> Answer {
        self.answer(event::call_with("POST", path, token, body)).await
    }

    /// Responds to a `PATCH`.
    pub async fn patch(&self, token: &str, path: &str, body: &str) -> Answer {
        self.answer(event::call_with("PATCH", path, token, body)).await
    }

    /// The status of the caller's own identity: 200 if the key authenticates.
    pub async fn identify(&self, token: &str) -> u16 {
        self.get(token, D::IDENTITY).await.status
    }
}

/// The route of a request. If none matches, any will do, because every operation declares that rejection.
fn route_of<D: Dialect>(request: &Request) -> &'static Route<D::Operation> {
    let found = route::find(D::ROUTES, request).ok();
    let is_found = |route: &&Route<D::Operation>| match &found {
        Some(found) => route.operation == found.operation,
        None => D::mints(route.operation),
    };
    D::ROUTES.iter().find(is_found).expect("a route of the operation")
}

fn check_fields<D: Dialect>(value: &Value, endpoint: &str) {
    match value {
        Value::Object(fields) => {
            for (field, value) in fields {
                let known = D::FIELDS.contains(&field.as_str());
                assert!(known, "{endpoint}: this dialect has no `{field}`");
                let told = D::SERIALIZES_NULL || !value.is_null();
                assert!(told, "{endpoint}: `{field}` is null instead of absent");
                check_fields::<D>(value, endpoint);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| check_fields::<D>(value, endpoint)),
        _ => {}
    }
}
