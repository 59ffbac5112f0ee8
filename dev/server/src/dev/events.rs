//! Shows the events of the audit trail as they happen, from the table's stream.

use std::collections::VecDeque;
use std::time::Duration;

use latchkey::time::Timestamp;
use latchkey_database::Stream;
use serde_json::Value;
use tokio::time::{Interval, MissedTickBehavior};

/// How often to look for events, as often as Lambda does.
const INTERVAL: Duration = Duration::from_millis(250);

/// Follows the stream.
pub(crate) struct Events {
    stream: Stream,
    ticks: Interval,
    lines: VecDeque<String>,
}

impl Events {
    pub(crate) fn new(stream: Stream) -> Self {
        let mut ticks = tokio::time::interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { stream, ticks, lines: VecDeque::new() }
    }

    /// The line of the next event. Events of a canceled call are left for the next one.
    ///
    /// # Errors
    ///
    /// What is wrong with the stream, which then ends.
    pub(crate) async fn next(&mut self) -> Result<String, String> {
        loop {
            if let Some(line) = self.lines.pop_front() {
                return Ok(line);
            }
            self.ticks.tick().await;
            let records = self.stream.records().await?;
            let inserted = records.iter().filter(|record| record["eventName"] == "INSERT");
            self.lines.extend(inserted.filter_map(|record| line(&record["dynamodb"]["NewImage"])));
        }
    }
}

/// One line for an item of the trail; `None` for any other item.
fn line(item: &Value) -> Option<String> {
    let text = |name: &str| item[name]["S"].as_str();
    let trail = text("pk").filter(|pk| *pk == "AUDIT" || pk.starts_with("AUDIT#"))?;
    let micros: i64 = text("sk")?.parse().ok()?;
    let time = Timestamp::from_millis(micros / 1000)?;
    let actor = [text("actor_type")?, text("actor").unwrap_or_default()].join(" ");
    let organization = trail.strip_prefix("AUDIT#").map(|id| format!(" in {id}"));
    Some(format!(
        "event  {time}  {action}  {kind} {id}{organization}  by {actor}",
        action = text("action")?,
        kind = text("resource_type")?,
        id = text("resource")?,
        organization = organization.unwrap_or_default(),
        actor = actor.trim_end(),
    ))
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::types::AttributeValue;
    use latchkey_database::{LocalDatabase, table};

    use super::*;

    /// Writes an item with these attributes, which are all texts.
    async fn write(database: &LocalDatabase, attributes: &[(&str, &str)]) {
        let client = database.client();
        let item = attributes.iter();
        let item =
            item.map(|(name, value)| ((*name).to_owned(), AttributeValue::S((*value).to_owned())));
        let put = client.put_item().table_name("table").set_item(Some(item.collect()));
        put.send().await.expect("an item");
    }

    #[tokio::test]
    async fn a_line_tells_each_event_since_the_start() {
        let database = LocalDatabase::start(None).await.expect("a database");
        table::create(&database.client(), "table").await.expect("a table");
        let event = |sk: &'static str, resource: &'static str| {
            [
                ("pk", "AUDIT#acme"),
                ("sk", sk),
                ("action", "api_key.revoke"),
                ("actor_type", "service_account"),
                ("actor", "ACCOUNT1"),
                ("resource_type", "api_key"),
                ("resource", resource),
            ]
        };
        write(&database, &event("001767225600000001", "EARLIER")).await;
        drop(database.stream("table").await.expect("a stream"));
        write(&database, &event("001767225600000002", "EARLIER")).await;
        // It is on already.
        let mut events = Events::new(database.stream("table").await.expect("a stream"));
        write(&database, &[("pk", "ACCOUNT#1"), ("sk", "KEY#1"), ("action", "none")]).await;
        write(&database, &event("001767225600042003", "KEY1")).await;
        write(&database, &event("001767225600042004", "KEY2")).await;
        for key in ["KEY1", "KEY2"] {
            let line = events.next().await.expect("a line");
            let expected = format!(
                "event  2026-01-01T00:00:00.042Z  api_key.revoke  api_key {key} in acme  by service_account ACCOUNT1"
            );
            assert_eq!(line, expected);
        }
    }

    #[test]
    fn an_operator_without_an_identity_has_none() {
        let item = serde_json::json!({
            "pk": { "S": "AUDIT" },
            "sk": { "S": "001767225600000000" },
            "action": { "S": "root_key.create" },
            "actor_type": { "S": "operator" },
            "resource_type": { "S": "root_key" },
            "resource": { "S": "KEY1" },
        });
        let expected =
            "event  2026-01-01T00:00:00.000Z  root_key.create  root_key KEY1  by operator";
        assert_eq!(line(&item).as_deref(), Some(expected));
    }
}
