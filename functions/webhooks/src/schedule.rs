//! Waking the function again for a later attempt: a one-time schedule of `EventBridge` Scheduler.
//!
//! A schedule costs nothing while it waits, and deletes itself. The queue of Lambda's other sources would be polled
//! all the time, and delays a message by 15 minutes at most.

use std::time::Duration;

use aws_sdk_scheduler::Client;
use aws_sdk_scheduler::error::{DisplayErrorContext, ProvideErrorMetadata};
use aws_sdk_scheduler::types::{
    ActionAfterCompletion, FlexibleTimeWindow, FlexibleTimeWindowMode, Target,
};
use latchkey::service::Wake;
use latchkey::time::Timestamp;

use crate::event::Woken;

/// A schedule is at least this far ahead. The scheduler rejects times in the past, which the documentation does not say,
/// and its clock may be ahead.
const AHEAD: Duration = Duration::from_secs(5);

/// Creates schedules.
#[derive(Clone, Debug)]
pub(crate) struct Scheduler {
    client: Client,
    /// The group of the schedules.
    group: String,
    /// The ARN of the role with which the scheduler calls the function.
    role: String,
}

/// A schedule was not created.
#[derive(Debug, thiserror::Error)]
#[error("the next attempt of a delivery cannot be scheduled: {0}")]
pub(crate) struct NotScheduled(String);

impl Scheduler {
    /// Creates schedules in `group` with `client`.
    pub(crate) fn new(client: Client, group: String, role: String) -> Self {
        Self { client, group, role }
    }

    /// Has the function `arn` called at the time of `wake`, or up to a minute later. If that time has come, it is called
    /// soon after `now`. Does nothing if that is scheduled already.
    ///
    /// # Errors
    ///
    /// [`NotScheduled`].
    pub(crate) async fn schedule(
        &self,
        wake: &Wake,
        now: Timestamp,
        arn: &str,
    ) -> Result<(), NotScheduled> {
        let failed = |error: &dyn ToString| NotScheduled(error.to_string());
        let input = serde_json::to_string(&Woken::from(wake)).map_err(|error| failed(&error))?;
        let target = Target::builder().arn(arn).role_arn(&self.role).input(input).build();
        let window = FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off).build();
        let created = self
            .client
            .create_schedule()
            .name(format!("{}-{}", wake.delivery, wake.attempts))
            .group_name(&self.group)
            .schedule_expression(expression(wake.at.max(now.saturating_add(AHEAD))))
            .flexible_time_window(window.map_err(|error| failed(&error))?)
            .target(target.map_err(|error| failed(&error))?)
            .action_after_completion(ActionAfterCompletion::Delete)
            .send()
            .await;
        match created {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("ConflictException") => Ok(()),
            Err(error) => Err(failed(&DisplayErrorContext(error))),
        }
    }
}

/// The expression of a time, in UTC and whole seconds, never before it.
/// Source: <https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#one-time>
fn expression(at: Timestamp) -> String {
    let seconds = Timestamp::from_millis(at.as_seconds_ceil().saturating_mul(1000));
    let text = seconds.unwrap_or(at).to_string();
    format!("at({})", text.split('.').next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_is_never_early() {
        for (at, expected) in [
            ("2026-01-01T00:00:00Z", "at(2026-01-01T00:00:00)"),
            ("2026-01-01T00:00:00.001Z", "at(2026-01-01T00:00:01)"),
            ("2026-12-31T23:59:59.999Z", "at(2027-01-01T00:00:00)"),
        ] {
            assert_eq!(expression(at.parse().expect("a time")), expected);
        }
    }
}
