//! The costs in the documents match their formulas, the template's limits, and what the functions log.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use latchkey::error::Refusal;
use latchkey::service::metrics::Counter;
use latchkey::time::Timestamp;
use latchkey_http::metrics;
use latchkey_testkit::project;
use serde_json::Value;

const MONTH_SECONDS: f64 = 2_592_000.0;
const DAY_SECONDS: f64 = 86_400.0;
const CACHE_TTL_SECONDS: f64 = 10.0;
const LAST_USED_INTERVAL_SECONDS: f64 = 300.0;
const MILLION: f64 = 1e6;
const BILLION: f64 = 1e9;

/// List prices in dollars.
const LAMBDA_REQUEST: f64 = 0.20 / MILLION;
const GB_SECOND: f64 = 0.000_013_333_4;
const READ_UNIT: f64 = 0.125 / MILLION;
const WRITE_UNIT: f64 = 0.625 / MILLION;
const LOG_BYTE: f64 = 0.50 / BILLION;
const KMS_REQUEST: f64 = 0.03 / 10_000.0;

/// What the formulas assume.
const GB: f64 = 0.25;
const ACCESS_LINE_BYTES: f64 = 400.0;
const LATENCY_BYTES: f64 = 10.0;
const COUNTS_BYTES: f64 = 500.0;
const REJECTIONS_BYTES: f64 = 1500.0;
/// A read, and a consistent one before the rejection.
const UNKNOWN_UNITS: f64 = 1.0 + 2.0;

/// The price of requests to the API in a month.
fn api(requests: f64) -> f64 {
    let first = requests.min(300.0 * MILLION);
    (first + (requests - first) * 0.90) / MILLION
}

/// The inputs of one column of the table.
#[derive(Clone, Copy)]
struct Month {
    requests: f64,
    keys: f64,
    environments: f64,
    /// Whether the requests go through Latchkey's API.
    through_api: bool,
    /// Whether all keys are unknown.
    rejected: bool,
}

impl Month {
    /// How often an environment uses one key, per second.
    fn rate(self) -> f64 {
        self.requests / (self.keys * self.environments * MONTH_SECONDS)
    }

    fn share_from_cache(self) -> f64 {
        if self.rejected {
            return 0.0;
        }
        let expected = self.rate() * CACHE_TTL_SECONDS;
        expected / (1.0 + expected)
    }

    fn lambda(self) -> f64 {
        self.requests * LAMBDA_REQUEST
    }

    fn time(self) -> f64 {
        let share = self.share_from_cache();
        self.requests * (share * 0.002 + (1.0 - share) * 0.006) * GB * GB_SECOND
    }

    /// The time between two requests to one environment, in seconds.
    fn gap(self) -> f64 {
        self.environments * MONTH_SECONDS / self.requests
    }

    /// How often the environments read the deployment's item.
    fn renewals(self) -> f64 {
        self.environments * MONTH_SECONDS / (CACHE_TTL_SECONDS + self.gap())
    }

    fn reads(self) -> f64 {
        let share = self.share_from_cache();
        if self.rejected {
            return (self.requests * UNKNOWN_UNITS + self.renewals() * 0.5) * READ_UNIT;
        }
        (self.requests * (1.0 - share) + self.renewals() * (0.5 + share)) * READ_UNIT
    }

    fn updates(self) -> f64 {
        if self.rejected {
            return 0.0;
        }
        let apart = LAST_USED_INTERVAL_SECONDS + 1.0 / (self.rate() * self.environments);
        self.keys * MONTH_SECONDS / apart
    }

    fn last_uses(self) -> f64 {
        self.updates() * WRITE_UNIT
    }

    /// How many requests the environments send to the table.
    fn store_requests(self) -> f64 {
        if self.rejected {
            return self.requests * 2.0;
        }
        let share = self.share_from_cache();
        self.requests * (1.0 - share) + self.renewals() * share + self.updates()
    }

    fn logs(self) -> f64 {
        let (period, bytes) =
            if self.rejected { (10.0, REJECTIONS_BYTES) } else { (60.0, COUNTS_BYTES) };
        let lines = self.environments * MONTH_SECONDS / (period + self.gap());
        (lines * bytes + self.store_requests() * LATENCY_BYTES) * LOG_BYTE
    }

    fn kms(self) -> f64 {
        self.requests.min(MONTH_SECONDS / 300.0) * KMS_REQUEST
    }

    fn api(self) -> f64 {
        if self.through_api { api(self.requests) } else { 0.0 }
    }

    fn access_log(self) -> f64 {
        if self.through_api { self.requests * ACCESS_LINE_BYTES * LOG_BYTE } else { 0.0 }
    }

    fn together(self) -> f64 {
        let parts = [Self::lambda, Self::time, Self::reads, Self::last_uses, Self::logs];
        let more = [Self::kms, Self::api, Self::access_log];
        parts.iter().chain(&more).map(|part| part(self)).sum()
    }
}

/// Returns the cells of the row of `page` that starts with `label`.
fn row<const N: usize>(page: &str, label: &str) -> [String; N] {
    let page = project::text(page);
    let start = format!("| {label} | ");
    let found = page.lines().find_map(|line| line.strip_prefix(&start));
    let cells = found.unwrap_or_else(|| panic!("no row {label}")).trim_end_matches(" |");
    let cells: Vec<String> =
        cells.split(" | ").map(|cell| cell.trim_matches('*').to_owned()).collect();
    cells.try_into().unwrap_or_else(|cells| panic!("{label}: {cells:?}"))
}

fn costs(label: &str) -> [String; 5] {
    row("docs/costs.md", label)
}

#[test]
fn the_table_is_what_the_formulas_say() {
    let inputs = |label| costs(label).map(|cell| cell.parse::<f64>().expect("a number"));
    let (keys, environments) = (inputs("keys"), inputs("environments"));
    let columns = ["10 k verifications", "10 M", "1 B", "1 B by `/verify`", "1 B rejected"];
    assert_eq!(costs("A month of"), columns);
    let months = [0, 1, 2, 3, 4].map(|column| Month {
        requests: [1e4, 1e7, 1e9, 1e9, 1e9][column],
        keys: keys[column],
        environments: environments[column],
        through_api: column >= 3,
        rejected: column == 4,
    });
    let shares = months.map(|month| format!("{:.1}", month.share_from_cache() * 100.0));
    assert_eq!(costs("share from the cache, in %"), shares);
    let check = |label: &str, cost: fn(Month) -> f64| {
        assert_eq!(costs(label), months.map(|month| format!("{:.2}", cost(month))), "{label}");
    };
    check("Lambda, requests: 0.20 per million", Month::lambda);
    check("Lambda, time: 0.0000133334 per GB-second", Month::time);
    check("reads: 0.125 per million", Month::reads);
    check("last-used updates: 0.625 per million writes", Month::last_uses);
    check("functions' logs: 0.50 per GB", Month::logs);
    check("KMS: 0.03 per 10,000 requests", Month::kms);
    check("API: 1.00 per million, 0.90 after 300 million", Month::api);
    check("access log: 0.50 per GB", Month::access_log);
    check("**total**", Month::together);
}

/// What an environment logs of metrics in `seconds`, in bytes, with `rate` requests a second.
fn logged(seconds: u32, rate: u32, of_each: impl Fn(&latchkey::service::metrics::Metrics)) -> f64 {
    let bytes = Arc::new(Mutex::new(0));
    let written = Arc::clone(&bytes);
    let metrics = metrics::to("authorizer", "Latchkey/latchkey".to_owned(), move |line| {
        *written.lock().expect("no panic elsewhere") += line.len() + 1;
    });
    for request in 0..i64::from(seconds * rate) {
        of_each(&metrics);
        let millis = request * 1000 / i64::from(rate);
        metrics.flush(Timestamp::from_millis(millis).expect("in range"));
    }
    let bytes = *bytes.lock().expect("no panic elsewhere");
    bytes as f64
}

#[test]
fn functions_log_no_more_than_the_formula_says_and_not_much_less() {
    const SECONDS: u32 = 600;
    let took = Duration::from_micros(4_300);
    for rate in [1, 5, 20, 150] {
        let actual = logged(SECONDS, rate, |metrics| {
            metrics.count(Counter::Verified, 1);
            metrics.count(Counter::CacheHits, 1);
            metrics.latency(took);
        });
        let requests = f64::from(SECONDS * rate);
        let formula = f64::from(SECONDS) / (60.0 + 1.0 / f64::from(rate)) * COUNTS_BYTES
            + requests * LATENCY_BYTES;
        assert!(actual <= formula * 1.05, "{rate}: {actual} > {formula}");
        assert!(actual >= formula / 2.0, "{rate}: {actual} is far below {formula}");

        // The lines of the rejected requests themselves are in `a_flood_writes_a_line_for_each_reason`.
        let actual = logged(SECONDS, rate, |metrics| {
            metrics.refused(Refusal::Unknown);
            metrics.latency(took);
            metrics.latency(took);
        });
        let formula = f64::from(SECONDS) / (10.0 + 1.0 / f64::from(rate)) * REJECTIONS_BYTES
            + 2.0 * requests * LATENCY_BYTES;
        assert!(actual <= formula, "{rate}: {actual} > {formula}");
        assert!(actual >= formula / 3.0, "{rate}: {actual} is far below {formula}");
    }
}

#[test]
fn a_line_of_the_access_log_is_as_long_as_the_costs_assume() {
    let api = &project::resources("AWS::Serverless::HttpApi")["Api"]["Properties"];
    let format = api["AccessLogSettings"]["Format"].as_str().expect("a format");
    let mut line: serde_json::Map<String, Value> = serde_json::from_str(format).expect("JSON");
    for (name, value) in &mut line {
        let typical = match name.as_str() {
            "requestId" => "JKJaXmPLvHcESHA=",
            "functionRequestId" => "8d3f5a0e-0000-4000-8000-000000000000",
            "time" => "01/Jan/2026:00:00:00 +0000",
            "ip" => "203.0.113.10",
            "userAgent" => "python-requests/2.32.3",
            "routeKey" => "ANY /verify",
            "status" => "204",
            "responseLength" => "0",
            "responseLatency" | "integrationLatency" => "12",
            "error" | "integrationError" => "-",
            name => panic!("{name} has no typical value"),
        };
        *value = typical.into();
    }
    let bytes = Value::from(line).to_string().len() as f64;
    assert!((ACCESS_LINE_BYTES * 0.8..=ACCESS_LINE_BYTES).contains(&bytes), "{bytes}");
}

/// The most that a batch of events logs, in bytes.
const EVENTS_LINE_BYTES: f64 = 250.0;

#[test]
fn a_million_events_cost_what_the_page_says() {
    let told = |label: &str| row::<1>("docs/costs.md", label)[0].parse::<f64>().expect("a number");
    let parts = [
        ("EventBridge: a custom event of up to 64 KB", 1.0),
        ("Lambda: one invocation per event, the most", LAMBDA_REQUEST * MILLION),
        ("Lambda: 20 ms at 256 MB per event, assumed", 0.020 * GB * GB_SECOND * MILLION),
        ("log: 0.25 kB per event, the most", EVENTS_LINE_BYTES * LOG_BYTE * MILLION),
        ("the table's stream, which Lambda reads for free", 0.0),
    ];
    for (label, cost) in parts {
        assert!((told(label) - cost).abs() <= 0.005 + 1e-9, "{label}: {cost}");
    }
    let total: f64 = parts.iter().map(|(_, cost)| cost).sum();
    assert_eq!(told("**a million events**"), (total * 100.0).round() / 100.0);
}

/// The most that a run without work logs, in bytes.
const RUN_LINE_BYTES: f64 = 400.0;

#[test]
fn warnings_cost_what_the_page_says() {
    const RUNS: f64 = MONTH_SECONDS / 3600.0;
    const SCHEDULED: f64 = 1.0 / MILLION;
    let told = |label: &str| row::<1>("docs/costs.md", label)[0].clone();
    let parts = [
        ("EventBridge Scheduler: 1.00 per million invocations", RUNS * SCHEDULED),
        ("Lambda: requests", RUNS * LAMBDA_REQUEST),
        ("Lambda: 100 ms at 256 MB, assumed", RUNS * 0.1 * GB * GB_SECOND),
        ("reads: 5 units in a run that announces nothing", RUNS * 5.0 * READ_UNIT),
        ("a write: when it ran", RUNS * WRITE_UNIT),
        ("KMS: one request in each run", RUNS * KMS_REQUEST),
        ("log: 0.4 kB in each run, the most", RUNS * RUN_LINE_BYTES * LOG_BYTE),
    ];
    for (label, cost) in parts {
        assert_eq!(told(label), format!("{cost:.4}"), "{label}");
    }
    let total: f64 = parts.iter().map(|(_, cost)| cost).sum();
    assert_eq!(told("**all runs**"), format!("{total:.4}"));
    let announcing = 1000.0 * (8.0 * WRITE_UNIT + 2.0 * READ_UNIT);
    let page = project::text("docs/costs.md");
    assert!(page.contains(&format!("{announcing:.4} dollars per thousand keys")), "{announcing}");
}

/// The default of a parameter of the template.
fn default(parameter: &str) -> f64 {
    let parameter = &project::yaml("template.yaml")["Parameters"][parameter];
    parameter["Default"].as_f64().expect("a number")
}

/// The routes of the API with the limit of requests per second of each.
fn limits() -> Vec<f64> {
    let functions = project::resources("AWS::Serverless::Function");
    let api = &project::resources("AWS::Serverless::HttpApi")["Api"]["Properties"];
    let events =
        functions.values().filter_map(|function| function["Properties"]["Events"].as_object());
    let limit = |event: &Value| {
        let text = |name: &str| event["Properties"][name].as_str().expect("a text");
        let route = format!("{} {}", text("Method"), text("Path"));
        let own = &api["RouteSettings"][&route]["ThrottlingRateLimit"];
        own.as_f64().unwrap_or_else(|| default(own.as_str().unwrap_or("ThrottlingRateLimit")))
    };
    events.flat_map(|events| events.values()).map(limit).collect()
}

/// Dollars, as the page writes them.
fn dollars(amount: f64) -> String {
    if amount < 100.0 {
        return format!("${amount:.2}");
    }
    let whole = format!("{amount:.0}");
    let (thousands, rest) = whole.split_at(whole.len().saturating_sub(3));
    if thousands.is_empty() { format!("${rest}") } else { format!("${thousands},{rest}") }
}

#[test]
fn a_flood_costs_no_more_than_the_limits_let_pass() {
    let limits = limits();
    let (usual, verifying) = (default("ThrottlingRateLimit"), default("VerificationRateLimit"));
    let number = |wanted: f64| limits.iter().filter(|limit| **limit == wanted).count();
    let health = limits.iter().copied().find(|limit| *limit != usual && *limit != verifying);
    let health = health.expect("the health check has a limit of its own");
    assert_eq!(number(usual) + number(verifying) + number(health), limits.len());

    // What a million costs, apart from the API's price, which falls after 300 million a month.
    let lambda = LAMBDA_REQUEST * MILLION + MILLION * 0.006 * GB * GB_SECOND;
    let access = ACCESS_LINE_BYTES * LOG_BYTE * MILLION;
    let logs = 2.0 * LATENCY_BYTES * LOG_BYTE * MILLION;
    let reads = UNKNOWN_UNITS * READ_UNIT * MILLION;
    let (malformed, unknown) = (lambda + access, lambda + access + logs + reads);
    let page = |label: &str| row::<2>("docs/security.md", label);
    let cents = |pair: [f64; 2]| pair.map(|cost| format!("{cost:.2}"));
    assert_eq!(page("API (0.90 after 300 million), access log"), cents([1.0 + access; 2]));
    assert_eq!(page("Lambda: request, and 6 ms at 256 MB"), cents([lambda; 2]));
    assert_eq!(
        page("Reads: none, or 1 + 2 units; latencies in the log"),
        cents([0.0, reads + logs])
    );
    assert_eq!(page("**total**"), cents([1.0 + malformed, 1.0 + unknown]));

    let together: f64 = limits.iter().sum();
    for (label, rate) in [
        ("One route with `ThrottlingRateLimit`".to_owned(), usual),
        ("One route with `VerificationRateLimit`".to_owned(), verifying),
        (
            format!(
                "All {} routes, {} · {usual} + {} · 1,000 + {health}",
                limits.len(),
                number(usual),
                number(verifying)
            ),
            together,
        ),
    ] {
        let cost = |seconds: f64| {
            let requests = rate * seconds;
            dollars(api(requests) + requests / MILLION * unknown)
        };
        let rate = if rate < 1000.0 { format!("{rate}") } else { dollars(rate).split_off(1) };
        let expected = [rate, cost(3600.0), cost(DAY_SECONDS), cost(MONTH_SECONDS)];
        assert_eq!(row::<4>("docs/security.md", &label), expected, "{label}");
    }
}
