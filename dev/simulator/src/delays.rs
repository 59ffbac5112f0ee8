//! How much longer a request takes when DynamoDB fails once or twice.

use std::path::Path;
use std::time::Instant;

use latchkey_testkit::misbehaving::{ALL, Fault, FaultPlan, MisbehavingDynamoDb};
use latchkey_testkit::{TestTable, event, sample};
use serde_json::Value;

use crate::fleet::{Fleet, Programs, Reply};

/// How often each case is measured.
const REPETITIONS: usize = 8;

/// What is measured: its name, its function, its event, and the operation that fails.
struct Case {
    name: &'static str,
    function: &'static str,
    event: Value,
    operation: &'static str,
}

/// Prints the median time of a verification and of a create, with no fault, one, and two of each kind.
pub(crate) async fn run(programs: &Programs, folder: &Path) -> Result<(), String> {
    let table = TestTable::start().await;
    let dynamodb = MisbehavingDynamoDb::start(&table, FaultPlan::calm()).await;
    let settings = [
        ("LATCHKEY_TABLE", table.name().to_owned()),
        ("LATCHKEY_KEY_LIMIT", "0".to_owned()),
        ("LATCHKEY_CACHE_TTL", "0s".to_owned()),
    ];
    let token = sample::full_access();
    let path = format!("/api/org/v1/service-accounts/{}/keys", sample::ACCOUNT);
    let cases = [
        Case {
            name: "verify",
            function: "oauth",
            event: event::call("GET", "/verify", &token),
            operation: "BatchGetItem",
        },
        Case {
            name: "create",
            function: "lakesail",
            event: event::call_with("POST", &path, &token, "{}"),
            operation: "TransactWriteItems",
        },
    ];
    println!("| request | fault | none, ms | one, ms | two, ms |");
    println!("|---|---|--:|--:|--:|");
    for case in cases {
        for fault in ALL.into_iter().filter(|fault| fault.concerns(case.operation)) {
            // Processes of their own, because the SDK's budget of retries belongs to a process.
            let fleet = Fleet::new(programs, &settings, 1, &dynamodb, folder).await;
            measure(&fleet, &case, &[]).await?;
            let none = measure(&fleet, &case, &[]).await?;
            let one = measure(&fleet, &case, &[fault]).await?;
            let two = measure(&fleet, &case, &[fault, fault]).await?;
            println!("| {} | {fault:?} | {none} | {one} | {two} |", case.name);
        }
    }
    Ok(())
}

/// The median time of a request whose first attempts have these faults, in milliseconds. A request that fails
/// is marked.
async fn measure(fleet: &Fleet, case: &Case, faults: &[Fault]) -> Result<String, String> {
    let mut took = Vec::new();
    let mut failed = 0;
    for _ in 0..REPETITIONS {
        fleet.fail_next(case.function, case.operation, faults);
        let began = Instant::now();
        match fleet.request(case.function, &case.event).await {
            Reply::Answer(answer) if answer.status < 300 => {}
            Reply::Answer(answer) if answer.status == 503 => failed += 1,
            reply => return Err(format!("{} with {faults:?}: {reply:?}", case.name)),
        }
        took.push(began.elapsed());
    }
    took.sort_unstable();
    let median = took[took.len() / 2].as_secs_f64() * 1000.0;
    let mark =
        if failed > 0 { format!(" ({failed} of {REPETITIONS}: 503)") } else { String::new() };
    Ok(format!("{median:.0}{mark}"))
}
