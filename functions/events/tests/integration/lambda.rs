//! Lambda's event source mapping, as far as the function's guarantees depend on it.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html>

use std::collections::VecDeque;

use events::{App, handle};
use latchkey_testkit::event_bridge::{EventBridge, Outcome};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;

use crate::records::{accepted, app, batch, id, patience, record};

/// `MaximumRetryAttempts`: more than a course has disturbances, because a batch that Lambda gives up loses its place.
const RETRIES: usize = DISTURBANCES_MAX + 1;

/// The most requests of a course that something can happen to.
const DISTURBANCES_MAX: usize = 30;

/// Delivers the records of one shard until each is published or in the dead-letter queue, which is returned.
async fn deliver(app: &App, records: &[Value]) -> Vec<Value> {
    let mut dead = Vec::new();
    let mut batches = VecDeque::from([(records.to_vec(), RETRIES)]);
    while let Some((records, retries)) = batches.pop_front() {
        let number = |record: &Value| record["dynamodb"]["SequenceNumber"].clone();
        match handle(app, batch(&records)).await {
            Ok(response) => {
                let Some(failure) = response.failures.first() else { continue };
                let at = records.iter().position(|record| number(record) == failure.identifier);
                let at = at.expect("a record of the batch");
                match retries.checked_sub(1) {
                    // The records before the failed one are done, which is progress.
                    Some(left) => {
                        let left = if at > 0 { RETRIES } else { left };
                        batches.push_front((records[at..].to_vec(), left));
                    }
                    None => dead.extend_from_slice(&records[at..]),
                }
            }
            // Halving is not a retry.
            Err(_) if records.len() > 1 => {
                let (first, second) = records.split_at(records.len() / 2);
                batches.push_front((second.to_vec(), retries));
                batches.push_front((first.to_vec(), retries));
            }
            Err(_) => match retries.checked_sub(1) {
                Some(left) => batches.push_front((records, left)),
                None => dead.extend(records),
            },
        }
    }
    dead
}

#[derive(Clone, Debug)]
struct Course {
    /// The organization of each record, and whether it can be read.
    records: Vec<(u8, bool)>,
    outcomes: Vec<Outcome>,
}

fn courses() -> impl Strategy<Value = Course> {
    let outcome = prop_oneof![
        6 => Just(Outcome::Accept),
        3 => (0_usize..10).prop_map(|at| Outcome::Entry(at, "ThrottlingException")),
        1 => Just(Outcome::Refuse(400, "AccessDeniedException")),
        1 => Just(Outcome::NoResults),
    ];
    let record = (0_u8..4, prop::bool::weighted(0.95));
    (prop::collection::vec(record, 1..40), prop::collection::vec(outcome, 0..=DISTURBANCES_MAX))
        .prop_map(|(records, outcomes)| Course { records, outcomes })
}

/// One shard, with the failures of `course`: checks what was published, in which order, and what was not.
async fn check(course: &Course) {
    let bridge = EventBridge::start().await;
    bridge.next(course.outcomes.iter().cloned());
    // Without waits, so that Lambda has to continue.
    let app = app(&bridge).with_patience(patience(std::time::Duration::ZERO));
    let numbered = || (0_u64..).zip(&course.records);
    let records: Vec<Value> = numbered()
        .map(|(number, (organization, good))| {
            let mut record =
                record(&format!("organization-{organization}"), number, "api_key.create");
            if !good {
                record["dynamodb"]["NewImage"]["digest"] = Value::Null;
            }
            record
        })
        .collect();
    let dead = deliver(&app, &records).await;
    let accepted = accepted(&bridge);
    for organization in 0..4 {
        let expected: Vec<String> = numbered()
            .filter(|(_, (of, good))| *of == organization && *good)
            .map(|(number, _)| id(number))
            .collect();
        let found: Vec<&String> = accepted.iter().filter(|id| expected.contains(id)).collect();
        assert_eq!(found, expected.iter().collect::<Vec<_>>(), "{course:?}");
    }
    let unreadable = course.records.iter().filter(|(_, good)| !good).count();
    assert_eq!(accepted.len(), course.records.len() - unreadable);
    assert_eq!(dead.len(), unreadable);
    let is_unreadable = |record: &Value| record["dynamodb"]["NewImage"]["digest"].is_null();
    assert!(dead.iter().all(is_unreadable), "{course:?}");
}

#[test]
fn every_event_is_published_once_and_in_the_order_of_its_organization() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let mut runner =
        TestRunner::new(Config { cases: 100, failure_persistence: None, ..Config::default() });
    let run = runner.run(&courses(), |course| {
        runtime.block_on(check(&course));
        Ok(())
    });
    run.expect("the guarantee holds");
}
