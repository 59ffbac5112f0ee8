//! Running a command: connects to the table and explains failures to the operator.

use latchkey::audit::AuditPolicy;
use latchkey::operator;
use latchkey::policy::KeyPolicy;
use latchkey::service::Clock;
use latchkey::store::environment::Environment;

use crate::args::{Args, Command};
use crate::commands::{self, Context, Failure};
use crate::connect::{Connection, connect};
use crate::explain::explain;
use crate::identity::author;
use crate::restore_check::restore_check;
use crate::verify::verify;

/// The exit status of a command that failed. Clap uses 2 for wrong arguments.
const FAILED: u8 = 1;

/// The exit status of a command that found a broken audit trail.
const BROKEN: u8 = 3;

/// Why a command failed.
pub(crate) struct Failed {
    /// What went wrong and what to do, for the operator.
    pub(crate) message: String,
    pub(crate) status: u8,
}

impl From<String> for Failed {
    fn from(message: String) -> Self {
        Self { message, status: FAILED }
    }
}

/// Runs a command.
///
/// # Errors
///
/// What went wrong and what to do, for the operator.
pub(crate) async fn run(args: Args) -> Result<(), Failed> {
    let environment = Environment::of_process();
    let mut policy =
        KeyPolicy::from_environment(&environment).map_err(|error| error.to_string())?;
    let audit = AuditPolicy::from_environment(&environment).map_err(|error| error.to_string())?;
    let operation = match args.command {
        Command::Verify(arguments) => {
            return Ok(verify(&arguments, args.target, policy, args.output).await?);
        }
        Command::RestoreCheck(arguments) => {
            return Ok(restore_check(arguments, args.target, policy, audit, args.output).await?);
        }
        Command::Operate(operation) => operation,
    };
    let connection = connect(args.target).await?;
    let Connection { store, aws, place, .. } = &connection;
    let mut store = store.clone().with_audit(audit);
    if audit.enabled && operation.changes() {
        store = store.by(author(aws, place, &environment).await);
    }
    if operation.changes() {
        let rules = operator::warning_rules(&store).await;
        policy.warnings = rules.map_err(|error| explain(&error, place))?;
    }
    let (clock, format) = (Clock::system(), args.output);
    let context = Context { store: &store, aws, policy, audit, clock, format };
    commands::run(operation, &context).await.map_err(|failure| match failure {
        Failure::Message(message) => message.into(),
        Failure::Operator(error) => explain(&error, place).into(),
        Failure::Noted(error, note) => format!("{}\n  {note}", explain(&error, place)).into(),
        // `main` puts `error: ` before the first.
        Failure::Broken(messages) => Failed { message: messages.join("\nerror: "), status: BROKEN },
    })
}
