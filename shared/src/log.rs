//! Logs: one JSON object a line on standard output, with the request's id.

use lambda_http::http::StatusCode;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::InvalidConfig;
use crate::error::{Error, Unauthenticated};

/// Starts logging for `function`, at the level of `AWS_LAMBDA_LOG_LEVEL` (default `INFO`).
///
/// Lambda sets that variable from the function's logging configuration. Whatever it says, other
/// crates log at `WARN` at most: below, they may write requests, and with them secrets.
///
/// # Errors
///
/// Names the variable if its value is no level.
pub fn init(function: &'static str) -> Result<(), InvalidConfig> {
    let level = level(std::env::var("AWS_LAMBDA_LOG_LEVEL").ok().as_deref())?;
    subscriber(function, level, std::io::stdout).init();
    Ok(())
}

/// What [`init`] installs, writing to `writer`.
pub fn subscriber<W>(
    function: &'static str,
    level: LevelFilter,
    writer: W,
) -> impl tracing::Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let targets = Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        // It warns at each start under `cargo lambda watch`, of a feature that we leave out.
        .with_target("lambda_runtime", LevelFilter::ERROR)
        .with_target("latchkey", level)
        .with_target(function, level);
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_span_list(false)
        .with_writer(writer);
    tracing_subscriber::registry().with(targets).with(lines)
}

fn level(text: Option<&str>) -> Result<LevelFilter, InvalidConfig> {
    match text.unwrap_or_default().to_ascii_uppercase().as_str() {
        "" | "INFO" => Ok(LevelFilter::INFO),
        "TRACE" => Ok(LevelFilter::TRACE),
        "DEBUG" => Ok(LevelFilter::DEBUG),
        "WARN" => Ok(LevelFilter::WARN),
        "ERROR" | "FATAL" => Ok(LevelFilter::ERROR),
        _ => Err(InvalidConfig {
            variable: "AWS_LAMBDA_LOG_LEVEL",
            problem: "must be TRACE, DEBUG, INFO, WARN, ERROR or FATAL".to_owned(),
        }),
    }
}

/// Characters of a cause. What DynamoDB says is shorter.
const CAUSE_LENGTH_MAX: usize = 300;

/// Logs a request that was not served, once, before its answer is rendered.
pub(crate) fn failure(error: &Error) {
    let status = error.status();
    let code = status.as_u16();
    if status == StatusCode::UNAUTHORIZED {
        let reason = match error {
            Error::Unauthenticated(Unauthenticated::Refused(refusal)) => Some(refusal.to_string()),
            _ => None,
        };
        tracing::info!(http.status = code, auth.refusal = reason, "{error}");
    } else if status.is_server_error() {
        tracing::error!(http.status = code, error.source = causes(error), "{error}");
    } else {
        tracing::info!(http.status = code, "{error}");
    }
}

/// The causes of an error, outermost first, each cut short: the SDK's may hold a whole request.
pub fn causes(error: &dyn std::error::Error) -> String {
    let mut texts = Vec::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        texts.push(error.to_string().chars().take(CAUSE_LENGTH_MAX).collect::<String>());
        cause = error.source();
    }
    texts.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lambda_names_the_level() {
        assert_eq!(level(None), Ok(LevelFilter::INFO));
        assert_eq!(level(Some("debug")), Ok(LevelFilter::DEBUG));
        assert_eq!(level(Some("FATAL")), Ok(LevelFilter::ERROR));
        assert!(level(Some("loud")).is_err());
    }
}
