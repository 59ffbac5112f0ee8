//! The embedded DynamoDB without a connection.
//!
//! A request is served on the calling thread, so the order of concurrent requests depends only on the
//! caller, and virtual time does not run on while a response is on its way.

use dynoxide::{Database, DynoxideError, Result};

/// Serves requests one at a time, each completely or not at all.
#[derive(Clone)]
pub struct InProcess(Database);

impl InProcess {
    pub(crate) fn new(database: Database) -> Self {
        Self(database)
    }

    /// An empty database in memory.
    ///
    /// # Panics
    ///
    /// If it cannot be created.
    pub fn in_memory() -> Self {
        Self(Database::memory().expect("an embedded DynamoDB"))
    }

    /// Serves a request: an operation that Latchkey uses, such as `GetItem`, and its JSON body. Returns the
    /// status and body of the response.
    pub fn serve(&self, operation: &str, body: &str) -> (u16, String) {
        match self.dispatch(operation, body) {
            Ok(response) => (200, response),
            Err(error) => (error.status_code(), error.to_json()),
        }
    }

    fn dispatch(&self, operation: &str, body: &str) -> Result<String> {
        let Self(database) = self;
        macro_rules! call {
            ($operation:ident) => {{
                let request = serde_json::from_str(body).map_err(malformed)?;
                serde_json::to_string(&database.$operation(request)?).map_err(malformed)
            }};
        }
        match operation {
            "BatchGetItem" => call!(batch_get_item),
            "BatchWriteItem" => call!(batch_write_item),
            "CreateTable" => call!(create_table),
            "DeleteItem" => call!(delete_item),
            "DescribeStream" => call!(describe_stream),
            "DescribeTable" => call!(describe_table),
            "GetItem" => call!(get_item),
            "GetRecords" => call!(get_records),
            "GetShardIterator" => call!(get_shard_iterator),
            "PutItem" => call!(put_item),
            "Query" => call!(query),
            "Scan" => call!(scan),
            "TransactWriteItems" => call!(transact_write_items),
            "UpdateItem" => call!(update_item),
            "UpdateTable" => call!(update_table),
            "UpdateTimeToLive" => call!(update_time_to_live),
            other => Err(DynoxideError::ValidationException(format!("{other} is not served here"))),
        }
    }
}

fn malformed(error: serde_json::Error) -> DynoxideError {
    DynoxideError::SerializationException(error.to_string())
}
