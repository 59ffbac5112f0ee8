//! Serving requests, one or several at the same time, and comparing them with the model.

use std::sync::Arc;

use latchkey::service::Freshness;
use latchkey_testkit::Answer;
use latchkey_testkit::wire::{Fault, Plan};
use proptest::sample::Index;

use super::explain::{Explained, Served, explain};
use super::request::{Request, http, resolve};
use super::steps::{Draw, ENVIRONMENTS};
use super::world::World;

impl World {
    /// Serves the drawn requests at the same time, and then some of them again.
    pub(crate) async fn serve(&mut self, subject: Option<&Index>, draws: &[Draw]) {
        let clocks: [_; ENVIRONMENTS] = std::array::from_fn(|at| self.time(at));
        let (mut requests, mut again) = (Vec::new(), Vec::new());
        let mut is_healthy = true;
        for draw in draws {
            self.requests += 1;
            let retry = format!("request-{}", self.requests);
            let Some(request) = resolve(&self.model, draw, subject, &clocks, retry) else {
                continue;
            };
            // Whether two failed requests took effect could not be told apart.
            let fault = draw.fault.filter(|(_, fault)| is_healthy || !fault.is_permanent());
            is_healthy &= fault.is_none_or(|(_, fault)| !fault.is_permanent());
            again.push(draw.again);
            requests.push((request, Plan::new(fault, draw.pace.clone())));
        }
        let statuses = self.serve_together(&requests).await;
        for (((mut request, _), status), again) in requests.into_iter().zip(statuses).zip(again) {
            // A request that may be sent again must then have exactly one effect.
            if request.retry.is_some() && (status == 503 || again && status < 300) {
                // By the other environment of its dialect.
                request.environment ^= 1;
                request.now = self.time(request.environment);
                self.tally.repeats += 1;
                self.serve_together(&[(request, Plan::new(None, Vec::new()))]).await;
            }
        }
    }

    /// Serves requests at the same time, checks that the model explains the result, and returns the statuses.
    async fn serve_together(&mut self, requests: &[(Request, Arc<Plan>)]) -> Vec<u16> {
        for (request, _) in requests {
            self.prime(request).await;
        }
        let send = |(request, plan): &(Request, Arc<Plan>)| {
            let (app, retry) = (&self.apps[request.environment], request.retry.as_deref());
            let Request { method, path, token, body, .. } = request;
            let (event, plan) = (http(method, path, token, body, retry), Arc::clone(plan));
            Box::pin(async move { plan.run(app.handle(event)).await })
        };
        let answers: Vec<Answer> = match requests {
            [] => return Vec::new(),
            [one] => vec![send(one).await],
            [one, two] => <[_; 2]>::from(tokio::join!(send(one), send(two))).into(),
            [one, two, three] => {
                <[_; 3]>::from(tokio::join!(send(one), send(two), send(three))).into()
            }
            _ => unreachable!("at most three requests are drawn"),
        };
        let answered = requests.iter().zip(answers);
        let served: Vec<Served> = answered
            .map(|((request, plan), answer)| {
                let struck = plan.struck();
                Served { request: request.clone(), answer, struck }
            })
            .collect();
        for Served { request, answer, struck } in &served {
            self.log.borrow_mut().push(line(request, answer, *struck));
            if answer.status == 503 {
                assert_eq!(answer.header("retry-after"), "1", "{}", answer.text);
            }
        }
        let table = self.table().await;
        let explained = explain(&self.model, &served, &table);
        let Explained { model, orders, failed_but_done } =
            explained.unwrap_or_else(|misfits| panic!("no order explains this:\n{misfits}"));
        self.tally.add(&served, orders, failed_but_done);
        let before = std::mem::replace(&mut self.model, model);
        if let Some(low) = table.low_count(&self.model) {
            panic!("{low}");
        }
        for Served { request, answer, .. } in &served {
            let repeated = before.reply(request).is_some();
            if answer.status < 300 && !repeated && !request.ask.is_empty() {
                self.check_own_verdict(request).await;
            }
        }
        served.iter().map(|served| served.answer.status).collect()
    }

    /// Lets the environment cache its verdict on the key that a request is about.
    async fn prime(&self, request: &Request) {
        let token = request.ask.key().and_then(|key| self.model.keys[key].token.as_ref());
        if let Some(token) = token {
            let latchkey = self.apps[request.environment].latchkey();
            let _ = latchkey.verify(token, Freshness::Cached).await;
        }
    }

    /// An environment that has changed a key judges it by that change at once, despite its cache.
    async fn check_own_verdict(&self, request: &Request) {
        let Some(key) = request.ask.key().map(|key| &self.model.keys[key]) else { return };
        let Some(token) = &key.token else { return };
        let latchkey = self.apps[request.environment].latchkey();
        let verified = latchkey.verify(token, Freshness::Cached).await;
        let valid = self.model.is_valid(key, request.now);
        assert_eq!(verified.is_ok(), valid, "{key:?} where it was changed");
    }
}

/// A request and its response, for the message of a failure.
fn line(request: &Request, answer: &Answer, struck: Option<Fault>) -> String {
    let Request { environment, caller, retry, ask, .. } = request;
    let mut line = format!("  environment {environment}, K{caller}: {ask:?}");
    if let Some(retry) = retry {
        line.push_str(&format!(" as {retry}"));
    }
    if let Some(struck) = struck {
        line.push_str(&format!(" with {struck:?}"));
    }
    line.push_str(&format!(" -> {}", answer.status));
    if answer.status >= 400 {
        line.push_str(&format!(" {}", answer.text));
    }
    line
}
