//! Logs: one JSON object per line on standard output, with the request's ID.

use latchkey::Latchkey;
use latchkey::error::causes;
use latchkey::principal::Principal;
use latchkey::service::metrics;
use latchkey::store::environment::{Environment, InvalidSetting};
use latchkey::token::Token;
use tracing::level_filters::LevelFilter;
use tracing::{Level, Span, record_all};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::error::Error;

/// Starts logging for `function`, at the level of `AWS_LAMBDA_LOG_LEVEL` (default `INFO`).
///
/// Lambda sets that variable from the function's logging configuration. Other crates log at `WARN` at most,
/// whatever its value: at lower levels, they may write requests, including secrets.
///
/// # Errors
///
/// Names the variable if its value is not a level.
pub fn init(function: &'static str, environment: &Environment) -> Result<(), InvalidSetting> {
    let level = level(environment)?;
    subscriber(function, level, std::io::stdout).init();
    Ok(())
}

/// Creates the subscriber that [`init`] installs, writing to `writer`.
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
        // At each start under `cargo lambda watch`, it warns about a feature that Latchkey does not use.
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

fn level(environment: &Environment) -> Result<LevelFilter, InvalidSetting> {
    let level =
        environment.read("AWS_LAMBDA_LOG_LEVEL", |text| match text.to_ascii_uppercase().as_str() {
            "INFO" => Ok(LevelFilter::INFO),
            "TRACE" => Ok(LevelFilter::TRACE),
            "DEBUG" => Ok(LevelFilter::DEBUG),
            "WARN" => Ok(LevelFilter::WARN),
            "ERROR" | "FATAL" => Ok(LevelFilter::ERROR),
            _ => Err("must be TRACE, DEBUG, INFO, WARN, ERROR, or FATAL"),
        });
    Ok(level?.unwrap_or(LevelFilter::INFO))
}

/// Logs a failed request, before its response is rendered.
///
/// Of each status, and of each reason for a 401, it logs one request in ten seconds, and how many it left out
/// before. At `DEBUG`, it logs every request.
pub(crate) fn failure(latchkey: &Latchkey, error: &Error) {
    let status = error.status();
    let refusal = match error {
        Error::Service(latchkey::Error::Unauthenticated(refusal)) => Some(*refusal),
        _ => None,
    };
    let kind = refusal.map(metrics::reason).or(status.canonical_reason());
    let admitted = latchkey.admit_line(kind.unwrap_or("other"));
    if admitted.is_none() && !tracing::enabled!(Level::DEBUG) {
        return;
    }
    let (code, left_out) = (status.as_u16(), admitted.filter(|left_out| *left_out > 0));
    if status.is_server_error() {
        tracing::error!(http.status = code, left_out, error.source = causes(error), "{error}");
    } else {
        let reason = refusal.map(|refusal| refusal.to_string());
        tracing::info!(http.status = code, left_out, auth.refusal = reason, "{error}");
    }
}

/// Adds the caller to the request's further lines.
pub fn caller(principal: &Principal) {
    match principal {
        Principal::ServiceAccount(caller) => record_all!(
            Span::current(),
            caller.organization.id = %caller.organization,
            caller.account.id = %caller.account,
            caller.key.id = %caller.key,
        ),
        Principal::Root { key, .. } => record_all!(Span::current(), caller.key.id = %key),
    }
}

/// Adds the ID of a presented key to the request's further lines, if it was not accepted or authorizes only its own
/// revocation.
pub fn presented(token: &str) {
    if let Ok(token) = token.parse::<Token>() {
        record_all!(
            Span::current(),
            presented.account.id = %token.account(),
            presented.key.id = %token.key(),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lambda_names_the_level() {
        let level = |text: &'static str| level(&Environment::new(move |_| Some(text.to_owned())));
        assert_eq!(level(""), Ok(LevelFilter::INFO));
        assert_eq!(level("debug"), Ok(LevelFilter::DEBUG));
        assert_eq!(level("FATAL"), Ok(LevelFilter::ERROR));
        assert!(level("loud").is_err());
    }
}
