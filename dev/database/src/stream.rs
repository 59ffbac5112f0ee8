//! The stream of a table's changes, as Lambda reads it.

use serde_json::{Value, json};

use crate::{InProcess, LocalDatabase};

/// Reads the changes of a table.
pub struct Stream {
    database: InProcess,
    iterator: String,
}

impl LocalDatabase {
    /// Turns the stream of `table` on, unless it is on, and starts at its end.
    ///
    /// # Errors
    ///
    /// The database's error.
    pub async fn stream(&self, table: &str) -> Result<Stream, String> {
        let database = self.in_process();
        let described = || call(&database, "DescribeTable", json!({ "TableName": table }));
        if described().await?["Table"]["LatestStreamArn"].is_null() {
            let stream = json!({ "StreamEnabled": true, "StreamViewType": "NEW_IMAGE" });
            let update = json!({ "TableName": table, "StreamSpecification": stream });
            call(&database, "UpdateTable", update).await?;
        }
        let arn = described().await?["Table"]["LatestStreamArn"].take();
        let shards = call(&database, "DescribeStream", json!({ "StreamArn": arn })).await?;
        // The embedded database has one for each table.
        let shard = &shards["StreamDescription"]["Shards"][0]["ShardId"];
        let start = json!({ "StreamArn": arn, "ShardId": shard, "ShardIteratorType": "LATEST" });
        let started = call(&database, "GetShardIterator", start).await?;
        let iterator = text(&started["ShardIterator"])?;
        Ok(Stream { database, iterator })
    }
}

impl Stream {
    /// The records of up to 1,000 changes since the last call, in order and as Lambda delivers them.
    ///
    /// A call that is canceled has no effect.
    ///
    /// # Errors
    ///
    /// The database's error.
    pub async fn records(&mut self) -> Result<Vec<Value>, String> {
        let request = json!({ "ShardIterator": self.iterator });
        let mut read = call(&self.database, "GetRecords", request).await?;
        let next = text(&read["NextShardIterator"])?;
        let records = read["Records"].as_array_mut().map(std::mem::take).unwrap_or_default();
        self.iterator = next;
        Ok(records)
    }
}

/// Sends a request to the database on a thread that may block.
async fn call(
    database: &InProcess,
    operation: &'static str,
    request: Value,
) -> Result<Value, String> {
    let database = database.clone();
    let serve = move || database.serve(operation, &request.to_string());
    let served = tokio::task::spawn_blocking(serve).await;
    let (status, body) = served.map_err(|error| error.to_string())?;
    if status == 200 {
        serde_json::from_str(&body).map_err(|error| error.to_string())
    } else {
        Err(body)
    }
}

fn text(value: &Value) -> Result<String, String> {
    value.as_str().map(str::to_owned).ok_or_else(|| "the stream has no iterator".to_owned())
}
