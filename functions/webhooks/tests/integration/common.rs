//! The function, its clock, and what it calls.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use aws_smithy_http_client::tls::TrustStore;
use latchkey::Latchkey;
use latchkey::policy::KeyPolicy;
use latchkey::principal::AccountPrincipal;
use latchkey::service::{Clock, DeliveryFilter, Freshness, WebhookRequest};
use latchkey::store::environment::Environment;
use latchkey::time::Timestamp;
use latchkey::webhook::{Delivery, EventTypes, Webhook};
use latchkey_testkit::aws::Aws;
use latchkey_testkit::endpoint::{Endpoint, HOST};
use latchkey_testkit::sample::{self, SampleKey};
use latchkey_testkit::tls::TlsFront;
use latchkey_testkit::{ACCESS_KEY, NO_CACHE, REGION, SECRET_KEY, TestTable, text_response};
use serde_json::{Value, json};
use webhooks::address::Resolver;
use webhooks::send::Sender;
use webhooks::{App, handle};

pub(crate) const SECRET: &str = "0123456789abcdefghijABCDEFGHIJ0123456789abcdefghijABCDEFGHIJ0123";
pub(crate) const ARN: &str = "arn:aws:lambda:us-east-1:1:function:webhooks:live";

/// Resolves [`HOST`] to this machine, and permits that.
pub(crate) fn resolver() -> Resolver {
    resolving("127.0.0.1").permitting(|address| address.is_loopback())
}

/// Resolves [`HOST`] to `addresses`, which spaces separate, and no other name.
pub(crate) fn resolving(addresses: &str) -> Resolver {
    let addresses = addresses.split(' ').filter(|text| !text.is_empty());
    let found: Vec<IpAddr> =
        addresses.map(|address| address.parse().expect("an address")).collect();
    Resolver::new(move |name| {
        let found = found.clone();
        Box::pin(async move {
            if name == HOST { Ok(found) } else { Err(io::Error::other("no such name")) }
        })
    })
}

/// The certificate authority of an endpoint.
pub(crate) fn roots(tls: &TlsFront) -> TrustStore {
    let root = std::fs::read(tls.root()).expect("a certificate");
    TrustStore::empty().with_pem_certificate(root)
}

/// The variables of the function.
pub(crate) fn variables<'a>(
    table: &'a TestTable,
    database: &'a str,
    aws: &'a Aws,
) -> [(&'a str, &'a str); 10] {
    [
        ("LATCHKEY_TABLE", table.name()),
        ("LATCHKEY_WEBHOOK_SECRET", "secret"),
        ("LATCHKEY_SCHEDULE_GROUP", "group"),
        ("LATCHKEY_SCHEDULE_ROLE", "arn:aws:iam::1:role/scheduler"),
        ("AWS_ENDPOINT_URL_DYNAMODB", database),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", &aws.url),
        ("AWS_ENDPOINT_URL_SCHEDULER", &aws.url),
        ("AWS_REGION", REGION),
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
    ]
}

/// The function and everything around it, whose clock goes on only when a test says so.
pub(crate) struct World {
    pub(crate) table: TestTable,
    pub(crate) endpoint: Endpoint,
    pub(crate) aws: Aws,
    pub(crate) latchkey: Latchkey,
    pub(crate) app: App,
    millis: Arc<AtomicI64>,
    stream: latchkey_database::Stream,
}

fn advance(millis: &AtomicI64, time: Duration) {
    millis.fetch_add(i64::try_from(time.as_millis()).expect("in range"), Ordering::Relaxed);
}

impl World {
    pub(crate) async fn new() -> Self {
        let table = TestTable::start().await;
        let stream = table.stream().await;
        let endpoint = Endpoint::start().await;
        let millis = Arc::new(AtomicI64::new(sample::now().as_millis()));
        let read = Arc::clone(&millis);
        let clock = Clock::new(move || {
            Timestamp::from_millis(read.load(Ordering::Relaxed)).expect("in range")
        });
        let aws = Aws::start_at(SECRET, clock.clone()).await;
        let latchkey = Latchkey::new(table.store(), KeyPolicy::default(), &NO_CACHE, clock.clone());
        let database = table.endpoint();
        let environment = Environment::from_iter(variables(&table, &database, &aws));
        let sender = Sender::trusting(resolver(), roots(&endpoint.tls));
        let app = App::start_with(&environment, sender, clock).await.expect("started");
        Self { table, endpoint, aws, latchkey, app, millis, stream }
    }

    pub(crate) fn pass(&self, time: Duration) {
        advance(&self.millis, time);
    }

    pub(crate) async fn caller(&self) -> AccountPrincipal {
        let principal =
            self.latchkey.verify(&SampleKey::FullAccess.token(), Freshness::Cached).await;
        principal.expect("valid").service_account().expect("an account").clone()
    }

    /// Creates a webhook with this URL, or that of the endpoint.
    pub(crate) async fn create(&self, url: Option<&str>, events: EventTypes) -> Webhook {
        let request = WebhookRequest {
            url: url.unwrap_or(&self.endpoint.url).parse().expect("a URL"),
            description: "".parse().expect("a description"),
            events,
        };
        let caller = self.caller().await;
        let created = self.latchkey.create_webhook(&caller, request, None, |_| text_response(""));
        created.await.expect("created");
        // IDs sort by time.
        self.pass(Duration::from_millis(1));
        self.webhooks().await.pop().expect("a webhook")
    }

    /// The webhooks besides that of the samples, oldest first.
    pub(crate) async fn webhooks(&self) -> Vec<Webhook> {
        let mut found = self.latchkey.webhooks(&self.caller().await).await.expect("webhooks");
        found.retain(|webhook| webhook.id.as_ref() != sample::WEBHOOK);
        found
    }

    /// The deliveries to these webhooks, newest first.
    pub(crate) async fn deliveries(&self) -> Vec<Delivery> {
        let filter = DeliveryFilter::default();
        let page = self.latchkey.deliveries(&self.caller().await, &filter, 100, None).await;
        let mut found = page.expect("a page").items;
        found.retain(|delivery| delivery.webhook.as_ref() != sample::WEBHOOK);
        found
    }

    /// The records of the stream since the last call.
    pub(crate) async fn records(&mut self) -> Vec<Value> {
        self.stream.records().await.expect("records")
    }

    /// Has the function process everything that happens, including what it does itself.
    pub(crate) async fn settle(&mut self) {
        loop {
            let records = self.records().await;
            if records.is_empty() {
                return;
            }
            for batch in records.chunks(5) {
                let response = self.process(batch).await;
                assert_eq!(response, json!({ "batchItemFailures": [] }));
            }
        }
    }

    /// Moves the clock to the time of a schedule, and calls the function as it says.
    pub(crate) async fn wake(&self, name: &str) {
        let schedule = &self.aws.schedules()[name];
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let at = text(&schedule["ScheduleExpression"]);
        let at: Timestamp = format!("{}Z", &at[3..22]).parse().expect("a time");
        let now = self.millis.load(Ordering::Relaxed);
        assert!(at.as_millis() > now, "{name}");
        self.millis.store(at.as_millis(), Ordering::Relaxed);
        let input = serde_json::from_str(&text(&schedule["Target"]["Input"])).expect("JSON");
        self.call(input).await.expect("a response");
    }

    /// Calls the function with a batch.
    pub(crate) async fn process(&self, records: &[Value]) -> Value {
        self.call(json!({ "Records": records })).await.expect("a response")
    }

    /// Calls the function; an error has its type.
    pub(crate) async fn call(&self, event: Value) -> Result<Value, String> {
        let event = serde_json::from_value(event).expect("an event");
        let response = handle(&self.app, event, ARN.to_owned()).await;
        let response = response.map_err(|error| error.error_type)?;
        Ok(serde_json::to_value(response).expect("JSON"))
    }
}
