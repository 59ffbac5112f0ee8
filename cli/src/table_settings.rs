//! The settings of a table that a restore does not carry over.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::{
    PointInTimeRecoveryStatus, StreamSpecification, TableDescription, TableStatus, TimeToLiveStatus,
};
use latchkey::time::Timestamp;
use serde::Serialize;

use crate::connect::Place;

/// The attribute for the time to live, as in the template.
const TTL_ATTRIBUTE: &str = "ttl";

/// The index of keys to announce, as in the template, and the arguments that create it.
const INDEX: &str = "reviews";
const CREATE_INDEX: &str = concat!(
    "--attribute-definitions AttributeName=review,AttributeType=S AttributeName=review_at,AttributeType=N ",
    r#"--global-secondary-index-updates '[{"Create":{"IndexName":"reviews","Projection":{"ProjectionType":"KEYS_ONLY"},"#,
    r#""KeySchema":[{"AttributeName":"review","KeyType":"HASH"},{"AttributeName":"review_at","KeyType":"RANGE"}]}}]'"#,
);

/// A setting, or why it could not be read.
type Setting<T> = Result<T, String>;

/// A table and its settings.
pub(crate) struct TableSettings {
    table: String,
    arn: String,
    source_arn: Option<String>,
    /// The time of the backup that the table was restored from.
    pub(crate) backup_time: Option<Timestamp>,
    time_to_live: Setting<Option<String>>,
    recovery: Setting<bool>,
    protection: bool,
    /// The ARN of the KMS key; `None` for a key that DynamoDB owns.
    kms_key: Option<String>,
    /// The maximum read and write units per second on demand; -1 for none.
    maximum: (i64, i64),
    /// Whether the table has a stream, from which events are published.
    stream: bool,
    /// Whether the table has the index of keys to announce.
    index: bool,
    tags: Setting<BTreeMap<String, String>>,
}

/// A setting of the restored table that differs, and the command that changes it.
#[derive(Serialize)]
pub(crate) struct SettingDifference {
    pub(crate) setting: &'static str,
    pub(crate) restored: String,
    pub(crate) current: String,
    /// `None` if the setting could not be read.
    pub(crate) command: Option<String>,
}

impl TableSettings {
    /// Reads the settings of a table.
    ///
    /// # Errors
    ///
    /// If the table cannot be described or is not ready. A setting that cannot be read is not an error.
    pub(crate) async fn read(client: &Client, place: &Place) -> Result<Self, String> {
        let name = &place.table;
        let described = client.describe_table().table_name(name).send().await;
        let described = described.map_err(|error| unreadable(&error, place))?.table;
        let table =
            described.ok_or_else(|| format!("DynamoDB did not describe the table `{name}`"))?;
        if let Some(status) = table.table_status().filter(|status| **status != TableStatus::Active)
        {
            return Err(format!(
                "the table `{name}` is {}; wait with `aws dynamodb wait table-exists --table-name {name}`",
                status.as_str()
            ));
        }
        let summary = table.restore_summary();
        let backup_time = summary.and_then(|summary| summary.restore_date_time().to_millis().ok());
        let arn = table.table_arn().unwrap_or_default().to_owned();
        Ok(Self {
            table: name.clone(),
            source_arn: summary.and_then(|summary| summary.source_table_arn().map(str::to_owned)),
            backup_time: backup_time.and_then(Timestamp::from_millis),
            time_to_live: time_to_live(client, name).await,
            recovery: recovery(client, name).await,
            protection: table.deletion_protection_enabled() == Some(true),
            kms_key: table
                .sse_description()
                .and_then(|sse| sse.kms_master_key_arn().map(str::to_owned)),
            maximum: maximum(&table),
            stream: table.stream_specification().is_some_and(StreamSpecification::stream_enabled),
            index: table
                .global_secondary_indexes()
                .iter()
                .any(|index| index.index_name() == Some(INDEX)),
            tags: tags(client, &arn).await,
            arn,
        })
    }

    /// Whether this table was restored from a backup of `other`.
    pub(crate) fn is_restored_from(&self, other: &Self) -> bool {
        self.source_arn.as_ref() == Some(&other.arn)
    }

    /// What this restored table lacks in comparison with the `current` one.
    pub(crate) fn differences_from(&self, current: &Self) -> Vec<SettingDifference> {
        let (name, mut found) = (&self.table, Vec::new());
        let mut add =
            |setting, restored: &Setting<String>, current: &Setting<String>, change: String| {
                let command = restored.is_ok() && current.is_ok();
                let shown = |value: &Setting<String>| value.clone().unwrap_or_else(|error| error);
                if !command || restored != current {
                    found.push(SettingDifference {
                        setting,
                        restored: shown(restored),
                        current: shown(current),
                        command: command.then(|| format!("aws dynamodb {change}")),
                    });
                }
            };
        let ttl =
            self.time_to_live.clone().map(|attribute| attribute.unwrap_or_else(|| "off".into()));
        // Latchkey always needs it, whatever the current table has.
        add(
            "time to live",
            &ttl,
            &Ok(TTL_ATTRIBUTE.to_owned()),
            format!(
                "update-time-to-live --table-name {name} \
                 --time-to-live-specification Enabled=true,AttributeName={TTL_ATTRIBUTE}"
            ),
        );
        if current.recovery != Ok(false) {
            add(
                "point-in-time recovery",
                &self.recovery.clone().map(on_or_off),
                &current.recovery.clone().map(on_or_off),
                format!(
                    "update-continuous-backups --table-name {name} \
                     --point-in-time-recovery-specification PointInTimeRecoveryEnabled=true"
                ),
            );
        }
        if current.protection {
            add(
                "deletion protection",
                &Ok(on_or_off(self.protection)),
                &Ok(on_or_off(true)),
                format!("update-table --table-name {name} --deletion-protection-enabled"),
            );
        }
        if let Some(key) = &current.kms_key {
            let shown =
                |key: &Option<String>| Ok(key.clone().unwrap_or_else(|| "AWS owned key".into()));
            add(
                "encryption",
                &shown(&self.kms_key),
                &Ok(key.clone()),
                format!(
                    "update-table --table-name {name} \
                     --sse-specification Enabled=true,SSEType=KMS,KMSMasterKeyId={key}"
                ),
            );
        }
        let (read, write) = current.maximum;
        if (read, write) != (-1, -1) {
            let shown = |(read, write)| Ok(format!("read {read}, write {write}"));
            add(
                "maximum throughput",
                &shown(self.maximum),
                &shown(current.maximum),
                format!(
                    "update-table --table-name {name} \
                     --on-demand-throughput MaxReadRequestUnits={read},MaxWriteRequestUnits={write}"
                ),
            );
        }
        if current.stream {
            add(
                "stream",
                &Ok(on_or_off(self.stream)),
                &Ok(on_or_off(true)),
                format!(
                    "update-table --table-name {name} \
                     --stream-specification StreamEnabled=true,StreamViewType=NEW_IMAGE"
                ),
            );
        }
        if current.index {
            add(
                "index for warnings",
                &Ok(on_or_off(self.index)),
                &Ok(on_or_off(true)),
                format!("update-table --table-name {name} {CREATE_INDEX}"),
            );
        }
        let missing = self.missing_tags(current);
        if missing.as_ref() != Ok(&BTreeMap::new()) {
            let list = missing.clone().unwrap_or_default();
            let list: Vec<_> = list.iter().map(|(key, value)| Tag { key, value }).collect();
            let list = serde_json::to_string(&list).unwrap_or_default().replace('\'', r"'\''");
            let keys = |tags: BTreeMap<String, String>| Vec::from_iter(tags.into_keys()).join(", ");
            add(
                "tags",
                &missing.clone().map(|_| "missing".to_owned()),
                &missing.map(keys),
                format!("tag-resource --resource-arn {} --tags '{list}'", self.arn),
            );
        }
        found
    }

    /// The tags of `current` that this table lacks. Nobody can set those of AWS.
    fn missing_tags(&self, current: &Self) -> Setting<BTreeMap<String, String>> {
        let (own, mut wanted) = (self.tags.clone()?, current.tags.clone()?);
        wanted.retain(|key, value| !key.starts_with("aws:") && own.get(key) != Some(value));
        Ok(wanted)
    }
}

/// A tag, as the AWS CLI reads it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Tag<'a> {
    key: &'a str,
    value: &'a str,
}

fn on_or_off(on: bool) -> String {
    if on { "on" } else { "off" }.to_owned()
}

fn maximum(table: &TableDescription) -> (i64, i64) {
    let set = table.on_demand_throughput();
    let read = set.and_then(|set| set.max_read_request_units());
    let write = set.and_then(|set| set.max_write_request_units());
    (read.unwrap_or(-1), write.unwrap_or(-1))
}

async fn time_to_live(client: &Client, table: &str) -> Setting<Option<String>> {
    let described = client.describe_time_to_live().table_name(table).send().await;
    let described = described.map_err(|error| unknown(&error))?.time_to_live_description;
    let enabled = described.filter(|ttl| {
        let status = ttl.time_to_live_status();
        matches!(status, Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling))
    });
    Ok(enabled.and_then(|ttl| ttl.attribute_name))
}

async fn recovery(client: &Client, table: &str) -> Setting<bool> {
    let described = client.describe_continuous_backups().table_name(table).send().await;
    let described = described.map_err(|error| unknown(&error))?.continuous_backups_description;
    let recovery = described.and_then(|backups| backups.point_in_time_recovery_description);
    let status = recovery.and_then(|recovery| recovery.point_in_time_recovery_status);
    Ok(status == Some(PointInTimeRecoveryStatus::Enabled))
}

async fn tags(client: &Client, arn: &str) -> Setting<BTreeMap<String, String>> {
    let (mut tags, mut next) = (BTreeMap::new(), None);
    loop {
        let list = client.list_tags_of_resource().resource_arn(arn).set_next_token(next);
        let page = list.send().await.map_err(|error| unknown(&error))?;
        for tag in page.tags() {
            tags.insert(tag.key().to_owned(), tag.value().to_owned());
        }
        next = page.next_token;
        if next.is_none() {
            return Ok(tags);
        }
    }
}

fn unknown<E: ProvideErrorMetadata>(error: &SdkError<E>) -> String {
    format!("unknown ({})", error.code().unwrap_or("no response"))
}

/// Explains why a table could not be described.
fn unreadable<E>(error: &SdkError<E>, place: &Place) -> String
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let Place { table, endpoint, .. } = place;
    match error.code() {
        Some("ResourceNotFoundException") => format!("there is no table `{table}` at {endpoint}"),
        Some("AccessDeniedException") => format!(
            "your AWS identity may not describe the table `{table}`; docs/restore.md lists the actions to allow"
        ),
        Some(code) => {
            format!(
                "cannot describe the table `{table}`: {code}\n  {}",
                error.message().unwrap_or_default()
            )
        }
        None => format!(
            "cannot describe the table `{table}` at {endpoint}\n  {}",
            DisplayErrorContext(error)
        ),
    }
}
