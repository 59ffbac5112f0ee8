//! Verifications, each checked against what is known about the key.

use std::time::Duration;

use latchkey_testkit::event;
use rand::RngExt;
use rand::rngs::ChaCha20Rng;
use serde_json::{Value, json};

use crate::fleet::Reply;
use crate::truth::{Expected, Window};
use crate::world::World;

impl World {
    /// Asks whether a key is valid, and checks the answer against what is known.
    pub(super) async fn verify(&self, rng: &mut ChaCha20Rng) {
        let key = rng.random_range(0..self.truth().keys.len());
        let way = rng.random_range(0..3);
        self.check_verdict(key, way, self.plan.staleness(), false).await;
    }

    /// Asks in one of three ways whether a key is valid. With `all`, asks each environment.
    pub(crate) async fn check_verdict(&self, key: usize, way: usize, stale: Duration, all: bool) {
        let (token, admin, account, organization) = {
            let truth = self.truth();
            let account = &truth.accounts[truth.keys[key].account];
            let organization = &truth.organizations[account.organization];
            let admin = truth.keys[organization.admin].token.clone();
            let token = truth.keys[key].token.clone();
            (token, admin, account.id.clone(), organization.id.clone())
        };
        let from = self.now();
        let replies = match way {
            0 => {
                let event = event::call("GET", "/verify", &token);
                self.request("oauth", &event, all).await
            }
            1 => {
                let form = format!("token={token}");
                let mut event = event::call_with("POST", "/oauth/introspect", &admin, &form);
                event["headers"]["content-type"] = "application/x-www-form-urlencoded".into();
                self.request("oauth", &event, all).await
            }
            _ => {
                let event = authorizer_event(&token);
                if all {
                    self.fleet.authorize_all(&event).await
                } else {
                    vec![self.fleet.authorize(&event).await]
                }
            }
        };
        let window = Window { from, to: self.now() };
        let expected = self.truth().expected(key, window, stale, self.plan.skew_max());
        for reply in replies {
            let text = format!("{reply:?}");
            let Some(accepted) = verdict(way, reply) else {
                self.count("verify: unknown");
                continue;
            };
            self.count(format!("verify: accepted {accepted}, expected {expected:?}"));
            let right = match expected {
                Expected::Accepted => accepted,
                Expected::Refused => !accepted,
                Expected::Either => true,
            };
            assert!(
                right,
                "way {way}: accepted {accepted}, expected {expected:?}: {}\nthe answer: {text}",
                self.known(key)
            );
            assert!(
                !accepted || text.contains(&account) && text.contains(&organization),
                "a key of {account} in {organization}: {text}"
            );
        }
    }

    /// What is known about a key, for a message.
    fn known(&self, key: usize) -> String {
        let truth = self.truth();
        let key = &truth.keys[key];
        format!("{key:?} in {:?}", truth.accounts[key.account])
    }

    async fn request(&self, function: &str, event: &Value, all: bool) -> Vec<Reply> {
        if all {
            self.fleet.request_all(function, event).await
        } else {
            vec![self.fleet.request(function, event).await]
        }
    }
}

/// Whether a key was accepted; `None` without a verdict.
fn verdict(way: usize, reply: Reply) -> Option<bool> {
    match reply {
        Reply::Answer(answer) => match (way, answer.status) {
            (0, 204) => Some(true),
            (0, 401) => Some(false),
            (1, 200) => answer.body["active"].as_bool(),
            (_, 503) => None,
            _ => panic!("neither accepted nor refused: {answer:?}"),
        },
        Reply::Verdict(verdict) => {
            let allow = verdict["policyDocument"]["Statement"][0]["Effect"] == "Allow";
            Some(verdict["isAuthorized"] == true || allow)
        }
        Reply::Failed => None,
    }
}

/// What API Gateway sends to an authorizer of an HTTP API.
fn authorizer_event(token: &str) -> Value {
    let bearer = format!("Bearer {token}");
    json!({
        "version": "2.0",
        "type": "REQUEST",
        "routeArn": "arn:aws:execute-api:us-east-1:123456789012:abc123/$default/GET/orders/1",
        "identitySource": [bearer],
        "routeKey": "GET /orders/{id}",
        "rawPath": "/orders/1",
        "rawQueryString": "",
        "headers": { "authorization": bearer },
        "requestContext": { "http": { "method": "GET", "path": "/orders/1" }, "stage": "$default" },
    })
}
