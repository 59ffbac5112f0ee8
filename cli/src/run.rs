//! The commands.

use latchkey::config::KeyPolicy;
use latchkey::operator::{self, OperatorError};
use latchkey::time::Clock;

use crate::args::{AccountCommand, Args, Command, KeyCommand, Make, RootKeyCommand};
use crate::connect::{Connection, connect};
use crate::explain::explain;
use crate::output::{Made, print};
use crate::verify::verify;

/// Runs a command.
///
/// # Errors
///
/// What went wrong and what to do, for the operator.
pub(crate) async fn run(args: Args) -> Result<(), String> {
    let policy = KeyPolicy::from_env().map_err(|error| error.to_string())?;
    let command = match args.command {
        Command::Verify(arguments) => {
            return verify(&arguments, args.target, policy, args.output).await;
        }
        Command::Make(command) => command,
    };
    let connection = connect(args.target).await?;
    let made = make(command, &connection, &policy).await;
    let made = made.map_err(|error| explain(&error, &connection))?;
    print(&made, args.output)
}

async fn make(
    command: Make,
    connection: &Connection,
    policy: &KeyPolicy,
) -> Result<Made, OperatorError> {
    let store = &connection.store;
    let now = Clock::system().now();
    match command {
        Make::Bootstrap(new) => {
            let (id, name, account_name) = (new.organization, new.name, new.account_name);
            let made = operator::bootstrap(store, policy, now, id, name, account_name).await?;
            Ok(Made::from(&made))
        }
        Make::Key(KeyCommand::Revoke(end)) => {
            let revoked = operator::revoke_key(store, policy, now, &end.account, &end.key).await?;
            Ok(Made::from(&revoked))
        }
        Make::RootKey(RootKeyCommand::Create(new)) => {
            let end = new.expires_in.map(|lifetime| now.saturating_add(lifetime));
            let end = new.expires_at.or(end);
            let minted = operator::create_root_key(store, policy, now, end).await?;
            Ok(Made::from(&minted))
        }
        Make::Account(AccountCommand::Create(new)) => {
            let (organization, name) = (new.organization, new.name);
            let made =
                operator::create_account(store, now, organization, name, new.description).await?;
            Ok(Made::from(&made))
        }
    }
}
