//! The embedded DynamoDB with its table and first keys, and its connection details.

use std::path::Path;

use latchkey::policy::KeyPolicy;
use latchkey::store::environment::Environment;
use latchkey_database::{ACCESS_KEY, LocalDatabase, REGION, SECRET_KEY};
use latchkey_database::{sample, table};

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
    credentials: Credentials,
}

/// The rules for keys, from the same variables as the functions.
pub(crate) fn policy() -> Result<KeyPolicy, String> {
    let policy = KeyPolicy::from_environment(&Environment::of_process());
    policy.map_err(|error| error.to_string())
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
        table::create(&client, TABLE).await.map_err(|error| failed(error.to_string()))?;
        sample::write(&client, TABLE).await.map_err(|error| failed(error.to_string()))?;
        let credentials = Credentials::load_or_make(client, TABLE, policy, keys.as_deref()).await?;
        let stack = Self { state, port, ephemeral, database, credentials };
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
        let stream = self.database.stream(TABLE).await;
        Ok(Events::new(stream.map_err(|error| format!("the stream of the table: {error}"))?))
    }

    /// Deletes items that are past their time to live.
    pub(crate) async fn sweep(&self) {
        if let Err(error) = self.database.sweep().await {
            eprintln!("warning: the time-to-live sweep failed: {error}");
        }
    }
}

/// `path` as you would type it in the current folder.
fn shown(path: &Path) -> String {
    let current = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(current).unwrap_or(path).display().to_string()
}
