//! The embedded DynamoDB with its table and first keys, and its connection details.

use std::path::Path;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use latchkey::error::causes;
use latchkey::policy::KeyPolicy;
use latchkey::service::Clock;
use latchkey::store::environment::Environment;
use latchkey::store::{KeyStore, ReviewWalk};
use latchkey::warnings::{self, Incomplete};
use latchkey_database::{ACCESS_KEY, LocalDatabase, REGION, SECRET_KEY, Stream};
use latchkey_database::{sample, table};

use tokio::time::Instant;

use super::credentials::Credentials;
use super::env_file::EnvFile;
use super::events::Events;
use super::state::State;

/// The table's name, whatever table the caller's environment names.
const TABLE: &str = "latchkey";

/// Everything that runs next to the functions.
pub(crate) struct Stack {
    state: State,
    port: u16,
    ephemeral: bool,
    database: LocalDatabase,
    policy: KeyPolicy,
    credentials: Credentials,
}

/// Which keys are announced, unless the caller's environment says otherwise. The template's default is never.
pub(crate) const WARNINGS: [(&str, &str); 2] =
    [("LATCHKEY_EXPIRY_WARNINGS", "30,7,1"), ("LATCHKEY_UNUSED_WARNING", "90")];

/// The most that one look for keys to announce may take.
const WARNINGS_WITHIN: Duration = Duration::from_secs(10);

/// The rules for keys, from the same variables as the functions.
pub(crate) fn policy() -> Result<KeyPolicy, String> {
    policy_of(Environment::of_process())
}

fn policy_of(caller: Environment) -> Result<KeyPolicy, String> {
    let default = |name: &str| WARNINGS.into_iter().find(|(known, _)| *known == name);
    let environment = Environment::new(move |name| {
        caller.text(name).or_else(|| default(name).map(|(_, value)| value.to_owned()))
    });
    KeyPolicy::from_environment(&environment).map_err(|error| error.to_string())
}

impl Stack {
    /// Starts the database, with an earlier start's data unless it is ephemeral.
    pub(crate) async fn start(
        state: State,
        port: u16,
        policy: KeyPolicy,
        ephemeral: bool,
    ) -> Result<Self, String> {
        let file = (!ephemeral).then(|| state.database());
        let keys = (!ephemeral).then(|| state.credentials());
        let database = LocalDatabase::start(file.as_deref()).await?;
        let client = database.client();
        let failed = |error: String| format!("the embedded DynamoDB: {error}");
        prepare(&client, &policy).await.map_err(failed)?;
        sample::write(&client, TABLE).await.map_err(|error| failed(error.to_string()))?;
        let credentials =
            Credentials::load_or_make(client, TABLE, policy.clone(), keys.as_deref()).await?;
        let stack = Self { state, port, ephemeral, database, policy, credentials };
        stack.sweep().await;
        Ok(stack)
    }

    /// The API's URL.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The embedded DynamoDB's URL.
    pub(crate) fn endpoint(&self) -> String {
        self.database.endpoint()
    }

    /// The table.
    pub(crate) fn table(&self) -> &'static str {
        TABLE
    }

    /// Where the data is: its folder, or `memory`.
    pub(crate) fn data_shown(&self) -> String {
        if self.ephemeral { "memory".to_owned() } else { shown(&self.state.data()) }
    }

    /// The first organization, its account, and the tokens.
    pub(crate) fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// The environment variables for a program that uses the table.
    pub(crate) fn environment(&self) -> EnvFile {
        let mut variables = EnvFile::default();
        variables.set("LATCHKEY_TABLE", TABLE);
        variables.set("AWS_ENDPOINT_URL_DYNAMODB", &self.endpoint());
        variables.set("AWS_REGION", REGION);
        // The AWS CLI reads only this variable.
        variables.set("AWS_DEFAULT_REGION", REGION);
        variables.set("AWS_ACCESS_KEY_ID", ACCESS_KEY);
        variables.set("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
        variables
    }

    /// The file with what a client needs, as you would type its path in the current folder.
    pub(crate) fn env_file(&self) -> String {
        shown(&self.state.env_file())
    }

    /// Writes what a client needs to its file.
    pub(crate) fn write_env_file(&self) -> Result<(), String> {
        let mut file = EnvFile::default();
        file.set("LATCHKEY_URL", &self.url());
        self.credentials.add_to(&mut file);
        for (name, value) in self.environment().iter() {
            file.set(name, value);
        }
        file.write(&self.state.env_file())
    }

    /// The events of the audit trail from now on.
    pub(crate) async fn events(&self) -> Result<Events, String> {
        Ok(Events::new(self.stream().await?))
    }

    /// The changes of the table from now on.
    pub(crate) async fn stream(&self) -> Result<Stream, String> {
        let stream = self.database.stream(TABLE).await;
        stream.map_err(|error| format!("the stream of the table: {error}"))
    }

    /// Announces the keys that are due, as the function for warnings does every hour.
    pub(crate) async fn warn(&self) {
        let store = KeyStore::new(self.database.client(), TABLE);
        let (now, until) = (Clock::system().now(), Instant::now() + WARNINGS_WITHIN);
        if let Err(Incomplete { error, .. }) = warnings::run(&store, &self.policy, now, until).await
        {
            eprintln!("warning: some keys were not announced: {error}: {}", causes(&error));
        }
    }

    /// Deletes items that are past their time to live.
    pub(crate) async fn sweep(&self) {
        if let Err(error) = self.database.sweep().await {
            eprintln!("warning: the time-to-live sweep failed: {error}");
        }
    }
}

/// Creates the table, or adds what tables of version 0.1.0 lack.
///
/// The keys of a new table are planned as `policy` says from the beginning, so no run need look for others. Only the
/// sample keys are not: nobody uses them, and a line for each would say nothing.
async fn prepare(client: &Client, policy: &KeyPolicy) -> Result<(), String> {
    let new = table::create(client, TABLE).await.map_err(|error| error.to_string())?;
    if !new {
        return table::add_index(client, TABLE).await.map_err(|error| error.to_string());
    }
    let (policy, from) = (policy.warnings.clone(), Clock::system().now());
    let walk = ReviewWalk { policy, left: 0, from, seen: from, position: None };
    let kept = KeyStore::new(client.clone(), TABLE).keep_review_walk(&walk).await;
    kept.map_err(|error| error.to_string())
}

/// `path` as you would type it in the current folder.
fn shown(path: &Path) -> String {
    let current = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(current).unwrap_or(path).display().to_string()
}

#[cfg(test)]
mod tests {
    use latchkey::operator::{self, MintSpec};
    use latchkey::warning::WarningPolicy;

    use super::*;

    #[tokio::test]
    async fn keys_are_announced_as_events_and_samples_are_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let state = State::open(folder.path()).expect("a state");
        let warnings = WarningPolicy { steps: vec![1], unused: Some(90) };
        let policy = KeyPolicy { warnings, ..KeyPolicy::default() };
        let stack = Stack::start(state, 9000, policy, true).await.expect("a stack");
        let account = stack.credentials().account.parse().expect("an ID");
        let store = KeyStore::new(stack.database.client(), TABLE);
        let (now, hour) = (Clock::system().now(), Duration::from_secs(3600));
        // There has been a day left since an hour ago.
        let spec =
            MintSpec { expires_at: Some(now.saturating_add(hour * 23)), ..MintSpec::default() };
        let created = now.saturating_sub(hour * 2);
        let minted = operator::mint_key(&store, &stack.policy, created, &account, spec).await;
        let id = minted.expect("a key").key.id;

        let mut events = stack.events().await.expect("events");
        stack.warn().await;
        stack.warn().await;
        let line = events.next().await.expect("a line");
        let expected = format!("api_key.expiring  api_key {id} in dev  by system warnings");
        assert!(line.ends_with(&expected), "{line}");
        // The next event is the next change.
        operator::revoke_key(&store, &stack.policy, now, &account, &id).await.expect("revoked");
        let line = events.next().await.expect("a line");
        assert!(line.contains("api_key.revoke"), "{line}");
    }

    #[test]
    fn warnings_are_on_unless_a_setting_turns_them_off() {
        let policy = |variables: &[(&str, &str)]| {
            policy_of(Environment::from_iter(variables.iter().copied())).expect("valid").warnings
        };
        let default = WarningPolicy { steps: vec![30, 7, 1], unused: Some(90) };
        assert_eq!(policy(&[]), default);
        let off = WARNINGS.map(|(name, _)| (name, "off"));
        assert_eq!(policy(&off), WarningPolicy::default());
    }
}
