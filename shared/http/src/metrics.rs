//! Metrics in CloudWatch's embedded metric format: written as log lines, without any API calls.
//!
//! Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::io::Write;

use latchkey::service::metrics::{Batch, LATENCIES_MAX, Metrics};
use latchkey::time::Timestamp;

/// The names of all metrics. Each has the dimension `Function`; [`REFUSED`] also has `Reason`, and [`KEYS_EXPIRING`]
/// also has `Days`.
pub const NAMES: &[&str] = &[
    "KeysMinted",
    "KeysRotated",
    "KeysRevoked",
    "Verified",
    "CacheHits",
    "StoreFailures",
    "LastUsedFailures",
    STORE_LATENCY,
    REFUSED,
    KEYS_EXPIRING,
    KEYS_UNUSED,
    WARNINGS_FAILED,
];

/// The latencies of requests to the store, in milliseconds.
pub const STORE_LATENCY: &str = "StoreLatency";

/// Rejected keys, in total and by reason.
pub const REFUSED: &str = "Refused";

/// Keys that were announced because they end soon, in total and by the days before their end.
pub const KEYS_EXPIRING: &str = "KeysExpiring";

/// Keys that were announced because nobody has used them.
pub const KEYS_UNUSED: &str = "KeysUnused";

/// Keys that could not be announced.
pub const WARNINGS_FAILED: &str = "WarningsFailed";

/// Creates metrics of `function` in `namespace` on standard output; none without a namespace.
pub fn to_stdout(function: &'static str, namespace: Option<String>) -> Metrics {
    match namespace {
        None => Metrics::off(),
        Some(namespace) => to(function, namespace, |line| {
            // If the log's reader is gone, the function keeps serving.
            let _ = writeln!(std::io::stdout(), "{line}");
        }),
    }
}

/// Creates metrics of `function` in `namespace` that pass each line to `write`.
pub fn to(
    function: &'static str,
    namespace: String,
    write: impl Fn(&str) + Send + Sync + 'static,
) -> Metrics {
    let format = Format { function: json(function), namespace: json(&namespace) };
    Metrics::new(move |batch, now| {
        for line in format.lines(batch, now) {
            write(&line);
        }
    })
}

/// Returns the line for `values` of `function` in `namespace`, which may have one more dimension, for a function that
/// counts on its own.
pub fn line(
    function: &str,
    namespace: &str,
    dimension: Option<(&str, &str)>,
    values: &[(&str, u64)],
    now: Timestamp,
) -> String {
    let values: Vec<_> = values.iter().map(|(name, count)| (*name, count.to_string())).collect();
    let format = Format { function: json(function), namespace: json(namespace) };
    format.line(dimension, &values, now)
}

/// The format of the lines, with names as JSON.
struct Format {
    function: String,
    namespace: String,
}

impl Format {
    /// Returns one line for all metrics, one for each further hundred latencies, and one for each reason for
    /// rejection.
    fn lines(&self, batch: &Batch, now: Timestamp) -> Vec<String> {
        let mut values = Vec::new();
        for (counter, count) in &batch.counts {
            values.push((counter.name(), count.to_string()));
        }
        if !batch.refused.is_empty() {
            values.push((REFUSED, batch.refused.values().sum::<u64>().to_string()));
        }
        let mut lines = Vec::new();
        let mut latencies = batch.latencies.chunks(LATENCIES_MAX);
        if let Some(latencies) = latencies.next() {
            values.push((STORE_LATENCY, list(latencies)));
        }
        if !values.is_empty() {
            lines.push(self.line(None, &values, now));
        }
        for latencies in latencies {
            lines.push(self.line(None, &[(STORE_LATENCY, list(latencies))], now));
        }
        for (reason, count) in &batch.refused {
            let reason = Some(("Reason", *reason));
            lines.push(self.line(reason, &[(REFUSED, count.to_string())], now));
        }
        lines
    }

    /// Returns a line with `values`, which are names and JSON. Text, because a JSON tree took 2% of the
    /// instructions of minting a key.
    fn line(
        &self,
        dimension: Option<(&str, &str)>,
        values: &[(&str, String)],
        now: Timestamp,
    ) -> String {
        let Self { function, namespace } = self;
        let mut line = format!(
            r#"{{"_aws":{{"Timestamp":{},"CloudWatchMetrics":[{{"Namespace":{namespace},"Dimensions":[["Function""#,
            now.as_millis()
        );
        if let Some((name, _)) = dimension {
            line.push_str(&format!(r#","{name}""#));
        }
        line.push_str(r#"]],"Metrics":["#);
        for (place, (name, _)) in values.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            let unit = if *name == STORE_LATENCY { "Milliseconds" } else { "Count" };
            line.push_str(&format!(r#"{comma}{{"Name":"{name}","Unit":"{unit}"}}"#));
        }
        // Lambda requires `level` and `timestamp` to recognize a JSON log line.
        let rest = format!(r#"]}}]}},"level":"INFO","timestamp":"{now}","Function":{function}"#);
        line.push_str(&rest);
        if let Some((name, value)) = dimension {
            line.push_str(&format!(r#","{name}":{}"#, json(value)));
        }
        for (name, value) in values {
            line.push_str(&format!(r#","{name}":{value}"#));
        }
        line.push('}');
        line
    }
}

/// Returns a JSON string.
fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Returns a JSON array of latencies, which have one decimal.
fn list(latencies: &[f64]) -> String {
    let mut list = "[".to_owned();
    for (place, latency) in latencies.iter().enumerate() {
        let comma = if place == 0 { "" } else { "," };
        list.push_str(&format!("{comma}{latency}"));
    }
    list.push(']');
    list
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use latchkey::error::Refusal;
    use latchkey::service::metrics::Counter;
    use serde_json::{Value, json};

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000).expect("in range")
    }

    fn metrics() -> (Metrics, Arc<Mutex<Vec<Value>>>) {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let written = Arc::clone(&lines);
        let metrics = to("oauth", "Latchkey/test".to_owned(), move |line| {
            let line = serde_json::from_str(line).expect("JSON");
            written.lock().expect("no panic elsewhere").push(line);
        });
        (metrics, lines)
    }

    fn take(lines: &Mutex<Vec<Value>>) -> Vec<Value> {
        std::mem::take(&mut *lines.lock().expect("no panic elsewhere"))
    }

    /// Reads a line as CloudWatch does: each metric with the values of its dimensions.
    fn read(line: &Value) -> Vec<(String, Vec<String>, Value)> {
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Namespace"], "Latchkey/test");
        let dimensions = directive["Dimensions"][0].as_array().expect("dimensions").iter();
        let dimensions: Vec<String> = dimensions
            .map(|name| line[name.as_str().expect("a name")].as_str().expect("a value").to_owned())
            .collect();
        let metrics = directive["Metrics"].as_array().expect("metrics").iter();
        let metrics = metrics.map(|metric| {
            let name = metric["Name"].as_str().expect("a name").to_owned();
            assert!(NAMES.contains(&name.as_str()), "{name}");
            let value = line[&name].clone();
            (name, dimensions.clone(), value)
        });
        metrics.collect()
    }

    #[test]
    fn no_latency_is_lost() {
        let (metrics, lines) = metrics();
        for _ in 0..250 {
            metrics.latency(Duration::from_millis(1));
        }
        metrics.flush(at(0));
        let lines = take(&lines);
        let read: Vec<_> = lines.iter().flat_map(read).map(|(_, _, values)| values).collect();
        let counts: Vec<_> = read.iter().map(|values| values.as_array().map(Vec::len)).collect();
        assert_eq!(counts, [Some(100), Some(100), Some(50)]);
    }

    #[test]
    fn what_is_frequent_is_written_once_a_minute() {
        let (metrics, lines) = metrics();
        for second in 0..=60 {
            metrics.count(Counter::Verified, 1);
            metrics.latency(Duration::from_micros(1_234));
            metrics.flush(at(second));
        }
        let lines = take(&lines);
        let read: Vec<_> = lines.iter().map(read).collect();
        let verified = |number| ("Verified".to_owned(), vec!["oauth".to_owned()], json!(number));
        assert_eq!(read.len(), 2);
        assert!(read[0].contains(&verified(1)));
        assert!(read[1].contains(&verified(60)));
        assert_eq!(lines[0]["StoreLatency"], json!([1.2]));
        assert_eq!(lines[1]["StoreLatency"].as_array().map(Vec::len), Some(60));
    }

    #[test]
    fn a_change_is_written_at_once() {
        let (metrics, lines) = metrics();
        metrics.flush(at(0));
        for counter in [Counter::KeysMinted, Counter::KeysRotated, Counter::KeysRevoked] {
            metrics.count(counter, 1);
            metrics.flush(at(1));
            let lines = take(&lines);
            assert_eq!(lines.len(), 1);
            assert_eq!(lines[0][counter.name()], 1);
        }
    }

    #[test]
    fn what_anyone_can_cause_is_written_every_ten_seconds_at_most() {
        let (metrics, lines) = metrics();
        for second in 0..=100 {
            for _ in 0..1_000 {
                metrics.refused(Refusal::Unknown);
                metrics.count(Counter::StoreFailures, 1);
            }
            // Full latencies are written in between, and only they.
            for _ in 0..LATENCIES_MAX {
                metrics.latency(Duration::from_millis(1));
            }
            metrics.flush(at(second));
        }
        let read: Vec<_> = take(&lines).iter().flat_map(read).collect();
        for name in ["Refused", "StoreFailures"] {
            let told = read
                .iter()
                .filter(|(metric, dimensions, _)| metric == name && dimensions.len() == 1);
            let told: Vec<u64> = told.filter_map(|(_, _, value)| value.as_u64()).collect();
            assert_eq!(told.len(), 11, "{name}");
            assert_eq!(told.iter().sum::<u64>(), 101_000, "{name}");
        }
        let latencies = read.iter().filter(|(name, ..)| name == STORE_LATENCY);
        assert_eq!(
            latencies.filter_map(|(_, _, values)| values.as_array()).flatten().count(),
            101 * LATENCIES_MAX
        );
    }

    #[test]
    fn refusals_are_counted_in_all_and_by_reason() {
        let (metrics, lines) = metrics();
        metrics.refused(Refusal::Expired);
        metrics.refused(Refusal::Expired);
        metrics.refused(Refusal::Missing);
        metrics.flush(at(0));
        let read: Vec<_> = take(&lines).iter().flat_map(read).collect();
        let refused = |dimensions: &[&str], number| {
            let dimensions = dimensions.iter().map(|text| (*text).to_owned()).collect();
            ("Refused".to_owned(), dimensions, json!(number))
        };
        let expected = [
            refused(&["oauth"], 3),
            refused(&["oauth", "expired"], 2),
            refused(&["oauth", "missing"], 1),
        ];
        assert_eq!(read, expected);
    }

    #[test]
    fn latencies_never_exceed_what_a_line_may_hold() {
        let (metrics, lines) = metrics();
        metrics.flush(at(0));
        for _ in 0..250 {
            metrics.latency(Duration::from_millis(1));
            metrics.flush(at(0));
        }
        let lengths: Vec<_> =
            take(&lines).iter().map(|line| line["StoreLatency"].as_array().map(Vec::len)).collect();
        assert_eq!(lengths, [Some(100), Some(100)]);
    }

    #[test]
    fn no_namespace_is_no_metrics() {
        let metrics = to_stdout("oauth", None);
        metrics.count(Counter::KeysMinted, 1);
        metrics.flush(at(0));
    }
}
