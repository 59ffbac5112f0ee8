//! The embedded DynamoDB, served on loopback.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{Builder, Credentials, Region};
use dynoxide::Database;
use latchkey::store::client;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::in_process::InProcess;

/// A running embedded DynamoDB, which stops when this is dropped.
pub struct LocalDatabase {
    database: Database,
    address: SocketAddr,
    _stop: oneshot::Sender<()>,
}

impl LocalDatabase {
    /// Starts a database on a free loopback port, in `file` or in memory.
    ///
    /// # Errors
    ///
    /// If the file is not a database or the port cannot be bound.
    pub async fn start(file: Option<&Path>) -> Result<Self, String> {
        let database = match file {
            Some(file) => Database::new(&file.to_string_lossy()),
            None => Database::memory(),
        };
        let database = database.map_err(|error| format!("the embedded DynamoDB: {error}"))?;
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let (stop, stopped) = oneshot::channel::<()>();
        let served = database.clone();
        tokio::spawn(async move {
            let stopped = async {
                let _ = stopped.await;
            };
            let _ = dynoxide::server::serve_with_shutdown(listener, served, stopped).await;
        });
        Ok(Self { database, address, _stop: stop })
    }

    /// The URL it listens on, for `AWS_ENDPOINT_URL_DYNAMODB`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A client configuration: the shipped one, with this endpoint and dummy credentials. It waits longer,
    /// because a busy machine is slower than DynamoDB.
    pub fn client_config(&self) -> Builder {
        let endpoint = self.endpoint();
        let patient = TimeoutConfig::builder()
            .operation_attempt_timeout(Duration::from_secs(10))
            .operation_timeout(Duration::from_secs(30))
            .build();
        client::config(client::http_client(Some(&endpoint), None))
            .region(Region::new(REGION))
            .credentials_provider(Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "local"))
            .endpoint_url(endpoint)
            .timeout_config(patient)
    }

    /// A client with the shipped configuration.
    pub fn client(&self) -> Client {
        Client::from_conf(self.client_config().build())
    }

    /// The same database without the connection.
    pub fn in_process(&self) -> InProcess {
        InProcess::new(self.database.clone())
    }

    /// Deletes items past their time to live, as DynamoDB does on its own; returns how many.
    ///
    /// # Errors
    ///
    /// The database's error.
    pub async fn sweep(&self) -> Result<usize, String> {
        let database = self.database.clone();
        let sweep = tokio::task::spawn_blocking(move || database.sweep_ttl());
        sweep.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
    }
}

/// The region of the embedded DynamoDB.
pub const REGION: &str = "us-east-1";

/// Credentials for the embedded DynamoDB, which accepts any.
pub const ACCESS_KEY: &str = "local";

/// The same for the secret.
pub const SECRET_KEY: &str = "local";
