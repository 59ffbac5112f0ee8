//! Commands about the audit trail.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use latchkey::audit::{Head, WalkRules, Walked};
use latchkey::error::{Error, StoreError};
use latchkey::id::OrganizationId;
use latchkey::service::operator::{self, OperatorError, TrailCheck};
use latchkey::store::EventRange;

use crate::args::{AuditCommand, KeyTrail, ListEvents, TrailChoice, TrailHead, VerifyTrail};
use crate::output::{EventsReport, HeadRecord, TrailRecord, TrailsReport, print, print_lines};

use super::{Context, Failure};

pub(super) async fn run(command: AuditCommand, context: &Context<'_>) -> Result<(), Failure> {
    match command {
        AuditCommand::List(asked) => list(&asked, context).await,
        AuditCommand::Trail(asked) => trail(&asked, context).await,
        AuditCommand::Verify(asked) => verify(&asked, context).await,
        AuditCommand::Head(asked) => head(&asked, context).await,
    }
}

async fn list(asked: &ListEvents, context: &Context<'_>) -> Result<(), Failure> {
    let (since, before) = asked.range(context.clock.now());
    let (trail, range) = (asked.organization.as_ref(), EventRange { since, before });
    let accepts = |event: &_| asked.accepts(event);
    let found = operator::events(context.store, trail, range, asked.limit, accepts).await?;
    Ok(print(&EventsReport::new(&found, Some(asked.limit)), context.format)?)
}

async fn trail(asked: &KeyTrail, context: &Context<'_>) -> Result<(), Failure> {
    let (account, key) = asked.key.ids()?;
    let owner = operator::owner(context.store, &account, asked.organization.as_ref()).await;
    let owner = owner.map_err(|error| match error {
        OperatorError::Failed(Error::AccountNotFound(_)) if asked.organization.is_none() => {
            Failure::Noted(error, "if it was deleted, pass `--organization`".to_owned())
        }
        error => error.into(),
    })?;
    let found = operator::key_trail(context.store, &owner, &account, &key).await;
    let found = found.map_err(|error| match error {
        OperatorError::Failed(Error::KeyNotFound(_)) => Failure::Message(format!(
            "the trail has no event of key `{key}`; check the IDs, and for how long events are kept"
        )),
        error => error.into(),
    })?;
    Ok(print(&EventsReport::new(&found, None), context.format)?)
}

/// A trail: that of an organization, or the deployment's own.
type Trail = Option<OrganizationId>;

/// Heads from elsewhere, by trail.
type Stored = HashMap<Trail, Vec<(String, Head)>>;

/// The chosen trails, and those of `stored` if all are chosen, even if nothing of them is left.
async fn trails(
    choice: &TrailChoice,
    stored: &Stored,
    context: &Context<'_>,
) -> Result<Vec<Trail>, Failure> {
    if !choice.all {
        return Ok(vec![choice.organization.clone()]);
    }
    let mut found: HashSet<Trail> =
        operator::trails(context.store).await?.into_iter().map(Some).collect();
    found.extend(stored.keys().cloned());
    found.insert(None);
    let mut found = Vec::from_iter(found);
    found.sort_by_key(|trail| trail.as_ref().map(ToString::to_string));
    Ok(found)
}

/// A trail after its verification.
struct Checked {
    trail: Trail,
    /// Its heads from elsewhere.
    stored: Vec<(String, Head)>,
    /// The trail, or its first contradiction.
    walked: Result<Walked, String>,
}

/// Verifies the chosen trails, each against its stored heads. A broken trail does not keep the others from being
/// verified.
async fn check(choice: &TrailChoice, context: &Context<'_>) -> Result<Vec<Checked>, Failure> {
    let mut stored = choice.against.as_deref().map(read_heads).transpose()?.unwrap_or_default();
    if let Some(file) = &choice.against
        && !choice.all
        && !stored.contains_key(&choice.organization)
    {
        return Err(Failure::Message(format!(
            "`{}` has no head of {}; check `--organization`, or pass `--all`",
            file.display(),
            named(choice.organization.as_ref()),
        )));
    }
    let rules = WalkRules { retention: context.audit.retention, was_off: choice.was_off };
    let mut checked = Vec::new();
    for trail in trails(choice, &stored, context).await? {
        let check = TrailCheck { stored: stored.remove(&trail).unwrap_or_default(), rules };
        let found =
            operator::check_trail(context.store, trail.as_ref(), &check, &context.clock).await;
        let walked = match found {
            Ok(walked) => walked.map_err(|broken| broken.to_string()),
            // Who can write to the table must not be able to stop the verification of the other trails.
            Err(OperatorError::Failed(Error::Store(StoreError::Corrupt(item)))) => {
                Err(format!("an item of the organization or of its accounts was edited: {item}"))
            }
            Err(error) => return Err(error.into()),
        };
        checked.push(Checked { trail, stored: check.stored, walked });
    }
    Ok(checked)
}

/// Fails if trails are broken, and names all of them.
fn outcome(checked: &[Checked]) -> Result<(), Failure> {
    let broken = checked.iter().filter_map(|Checked { trail, walked, .. }| {
        let whose = match trail {
            Some(id) => format!("the trail of organization `{id}`"),
            None => "the deployment's own trail".to_owned(),
        };
        Some(format!("{whose} is broken: {}", walked.as_ref().err()?))
    });
    let broken = Vec::from_iter(broken);
    if broken.is_empty() { Ok(()) } else { Err(Failure::Broken(broken)) }
}

async fn verify(asked: &VerifyTrail, context: &Context<'_>) -> Result<(), Failure> {
    let checked = check(&asked.trail, context).await?;
    let records = checked.iter().map(|Checked { trail, stored, walked }| {
        let walked = walked.as_ref();
        TrailRecord {
            organization: trail.as_ref().map(ToString::to_string),
            events: walked.ok().map(|walked| walked.events),
            chains: walked.ok().map(|walked| walked.heads.len()),
            stored_heads: stored.len(),
            broken: walked.err().cloned(),
        }
    });
    print(&TrailsReport { trails: records.collect() }, context.format)?;
    outcome(&checked)
}

/// Prints the heads of each intact trail, and the stored heads of each broken one: if the output replaces the stored
/// heads, a broken trail must not become intact because nothing is known of it any more.
async fn head(asked: &TrailHead, context: &Context<'_>) -> Result<(), Failure> {
    let checked = check(&asked.trail, context).await?;
    let mut lines = Vec::new();
    for Checked { trail, stored, walked } in &checked {
        let heads = walked.as_ref().map_or(stored, |walked| &walked.heads);
        let heads = heads.iter();
        lines.extend(heads.map(|(chain, head)| HeadRecord::new(trail.as_ref(), chain, head)));
    }
    print_lines(&lines)?;
    outcome(&checked)
}

fn named(trail: Option<&OrganizationId>) -> String {
    trail.map_or("the deployment's own trail".to_owned(), |id| format!("organization `{id}`"))
}

/// Reads the output of `latchkey audit head`.
///
/// # Errors
///
/// If the file cannot be read, or a line is not a head.
fn read_heads(file: &Path) -> Result<Stored, String> {
    let name = file.display();
    let text =
        std::fs::read_to_string(file).map_err(|error| format!("cannot read `{name}`: {error}"))?;
    let mut stored = Stored::new();
    let lines = text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty());
    for (line, number) in lines {
        let wrong = |problem: &str| {
            format!("line {number} of `{name}` is not a line of `latchkey audit head`: {problem}")
        };
        let record: HeadRecord =
            serde_json::from_str(line).map_err(|error| wrong(&error.to_string()))?;
        let head = record.head().ok_or_else(|| wrong("its time or its digest is malformed"))?;
        let trail = record.organization.map(|id| id.parse()).transpose();
        let trail: Trail = trail.map_err(|_| wrong("its organization is not an ID"))?;
        stored.entry(trail).or_default().push((record.chain, head));
    }
    match stored.is_empty() {
        true => {
            Err(format!("`{name}` has no heads; it must have the output of `latchkey audit head`"))
        }
        false => Ok(stored),
    }
}
