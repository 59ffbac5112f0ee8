//! Delivers the events of the audit trail to the webhooks of their organizations.
//!
//! Lambda reads the table's stream and delivers two kinds of records here. An event of the trail becomes a delivery
//! for each webhook that wants it. A new delivery, of an event or of a replay, is attempted, unless its endpoint would
//! delay others. Every later attempt is made by a schedule, which calls this function again.
//!
//! A record that cannot be processed yet is left to Lambda, which continues there. A record that can never be
//! processed fails the invocation alone in its batch, as in the function `events`.

pub mod address;
mod deliver;
mod event;
mod schedule;
pub mod send;
mod settings;

use lambda_runtime::Diagnostic;
use latchkey::service::{Clock, Courier};
use latchkey::store::environment::Environment;
use latchkey_http::stream::BatchResponse;

pub use event::{Event, Woken};
pub use settings::StartError;

use address::Resolver;
use schedule::Scheduler;
use send::Sender;

/// The state of an execution environment.
#[derive(Debug)]
pub struct App {
    courier: Courier,
    sender: Sender,
    scheduler: Scheduler,
    clock: Clock,
}

impl App {
    /// Creates the state from the variables that the template sets.
    ///
    /// # Errors
    ///
    /// [`StartError`].
    pub async fn start(environment: &Environment) -> Result<Self, StartError> {
        let sender = Sender::new(resolver(environment));
        Self::start_with(environment, sender, Clock::system()).await
    }

    /// Does the same with another sender and another clock.
    ///
    /// # Errors
    ///
    /// [`StartError`].
    pub async fn start_with(
        environment: &Environment,
        sender: Sender,
        clock: Clock,
    ) -> Result<Self, StartError> {
        let scheduler = settings::scheduler(environment)?;
        let courier = settings::courier(environment, clock.clone()).await?;
        Ok(Self { courier, sender, scheduler, clock })
    }
}

/// Only public addresses.
#[cfg(not(feature = "dev"))]
fn resolver(_: &Environment) -> Resolver {
    Resolver::public()
}

/// Also the addresses of this machine, if `cargo dev` asks for it. No release has this.
#[cfg(feature = "dev")]
fn resolver(environment: &Environment) -> Resolver {
    match environment.text(latchkey::webhook::LOCAL_ENDPOINTS) {
        Some(_) => Resolver::public()
            .permitting(|address| address.is_loopback() || latchkey::webhook::is_public(address)),
        None => Resolver::public(),
    }
}

/// Processes an event. `arn` is the function's own, with its alias, which schedules call.
///
/// # Errors
///
/// If the first record of a batch can never be processed, or if a scheduled attempt must be repeated.
pub async fn handle(app: &App, event: Event, arn: String) -> Result<BatchResponse, Diagnostic> {
    match event {
        Event::Batch(batch) => deliver::batch(app, &batch, &arn).await,
        Event::Woken(woken) => {
            deliver::woken(app, &woken, &arn).await?;
            Ok(BatchResponse::default())
        }
    }
}
