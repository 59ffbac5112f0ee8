//! The table of costs in `docs/costs.md` matches its formulas.

use latchkey_testkit::project;

const MONTH_SECONDS: f64 = 2_592_000.0;
const CACHE_TTL_SECONDS: f64 = 10.0;
const LAST_USED_INTERVAL_SECONDS: f64 = 300.0;
const MILLION: f64 = 1e6;

/// The inputs of one column of the table.
#[derive(Clone, Copy)]
struct Month {
    verifications: f64,
    keys: f64,
    environments: f64,
}

impl Month {
    /// How often an environment uses one key, per second.
    fn rate(self) -> f64 {
        self.verifications / (self.keys * self.environments * MONTH_SECONDS)
    }

    fn share_from_cache(self) -> f64 {
        let expected = self.rate() * CACHE_TTL_SECONDS;
        expected / (1.0 + expected)
    }

    fn requests(self) -> f64 {
        self.verifications * 0.20 / MILLION
    }

    fn time(self) -> f64 {
        let share = self.share_from_cache();
        let seconds = self.verifications * (share * 0.002 + (1.0 - share) * 0.006);
        seconds * 0.25 * 0.000_013_333_4
    }

    /// How often the environments read the deployment's item.
    fn renewals(self) -> f64 {
        let rate = self.verifications / (self.environments * MONTH_SECONDS);
        self.environments * MONTH_SECONDS / (CACHE_TTL_SECONDS + 1.0 / rate)
    }

    fn reads(self) -> f64 {
        let share = self.share_from_cache();
        let units = self.verifications * (1.0 - share) + self.renewals() * (0.5 + share);
        units * 0.125 / MILLION
    }

    fn last_uses(self) -> f64 {
        let apart = LAST_USED_INTERVAL_SECONDS + 1.0 / (self.rate() * self.environments);
        self.keys * MONTH_SECONDS / apart * 0.625 / MILLION
    }

    fn logs(self) -> f64 {
        let kilobytes = self.environments * MONTH_SECONDS / 60.0;
        kilobytes / MILLION * 0.50
    }

    fn together(self) -> f64 {
        self.requests() + self.time() + self.reads() + self.last_uses() + self.logs()
    }
}

/// Returns the cells of the page's row that starts with `label`.
fn row(label: &str) -> [String; 3] {
    let page = project::text("docs/costs.md");
    let start = format!("| {label} | ");
    let found = page.lines().find_map(|line| line.strip_prefix(&start));
    let cells = found.unwrap_or_else(|| panic!("no row {label}")).trim_end_matches(" |");
    let cells: Vec<String> =
        cells.split(" | ").map(|cell| cell.trim_matches('*').to_owned()).collect();
    cells.try_into().unwrap_or_else(|cells| panic!("{label}: {cells:?}"))
}

#[test]
fn the_table_is_what_the_formulas_say() {
    let inputs = |label| row(label).map(|cell| cell.parse::<f64>().expect("a number"));
    let (keys, environments) = (inputs("keys"), inputs("environments"));
    assert_eq!(row("A month of"), ["10 k verifications", "10 M", "1 B"]);
    let months = [0, 1, 2].map(|column| Month {
        verifications: [1e4, 1e7, 1e9][column],
        keys: keys[column],
        environments: environments[column],
    });
    let shares = months.map(|month| format!("{:.1}", month.share_from_cache() * 100.0));
    assert_eq!(row("share from the cache, in %"), shares);
    let check = |label: &str, cost: fn(Month) -> f64| {
        assert_eq!(row(label), months.map(|month| format!("{:.2}", cost(month))), "{label}");
    };
    check("Lambda, requests: 0.20 per million", Month::requests);
    check("Lambda, time: 0.0000133334 per GB-second", Month::time);
    check("reads: 0.125 per million", Month::reads);
    check("last-used updates: 0.625 per million writes", Month::last_uses);
    check("logs: 0.50 per GB", Month::logs);
    check("**total**", Month::together);
}
