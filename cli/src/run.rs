//! Running a command: connects to the table and explains failures to the operator.

use latchkey::policy::KeyPolicy;
use latchkey::service::Clock;
use latchkey::store::environment::Environment;

use crate::args::{Args, Command};
use crate::commands::{self, Context, Failure};
use crate::connect::{Connection, connect};
use crate::explain::explain;
use crate::restore_check::restore_check;
use crate::verify::verify;

/// Runs a command.
///
/// # Errors
///
/// What went wrong and what to do, for the operator.
pub(crate) async fn run(args: Args) -> Result<(), String> {
    let policy = KeyPolicy::from_environment(&Environment::of_process())
        .map_err(|error| error.to_string())?;
    let operation = match args.command {
        Command::Verify(arguments) => {
            return verify(&arguments, args.target, policy, args.output).await;
        }
        Command::RestoreCheck(arguments) => {
            return restore_check(arguments, args.target, policy, args.output).await;
        }
        Command::Operate(operation) => operation,
    };
    let connection = connect(args.target).await?;
    let now = Clock::system().now();
    let Connection { store, aws, place, .. } = &connection;
    let context = Context { store, aws, policy, now, format: args.output };
    commands::run(operation, &context).await.map_err(|failure| match failure {
        Failure::Message(message) => message,
        Failure::Operator(error) => explain(&error, place),
        Failure::Noted(error, note) => format!("{}\n  {note}", explain(&error, place)),
    })
}
