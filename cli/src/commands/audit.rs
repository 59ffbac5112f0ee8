//! Commands about the audit trail.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use latchkey::audit::{Break, Head, WalkRules, Walked};
use latchkey::error::Error;
use latchkey::id::OrganizationId;
use latchkey::service::Clock;
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
    let (since, before) = asked.range(context.now);
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

async fn check(
    trail: Option<&OrganizationId>,
    choice: &TrailChoice,
    stored: Vec<(String, Head)>,
    context: &Context<'_>,
) -> Result<Result<Walked, Break>, Failure> {
    let rules = WalkRules { retention: context.audit.retention, was_off: choice.was_off };
    let check = TrailCheck { stored, rules };
    Ok(operator::check_trail(context.store, trail, &check, &Clock::system()).await?)
}

async fn verify(asked: &VerifyTrail, context: &Context<'_>) -> Result<(), Failure> {
    let choice = &asked.trail;
    let mut stored = asked.against.as_deref().map(read_heads).transpose()?.unwrap_or_default();
    if let Some(file) = &asked.against
        && !choice.all
        && !stored.contains_key(&choice.organization)
    {
        return Err(Failure::Message(format!(
            "`{}` has no head of {}; check `--organization`, or pass `--all`",
            file.display(),
            named(choice.organization.as_ref()),
        )));
    }
    let mut records = Vec::new();
    for trail in trails(choice, &stored, context).await? {
        let heads = stored.remove(&trail).unwrap_or_default();
        let stored_heads = heads.len();
        let checked = check(trail.as_ref(), choice, heads, context).await?;
        let organization = trail.as_ref().map(ToString::to_string);
        records.push(match checked {
            Ok(Walked { events, heads }) => {
                let (events, chains) = (Some(events), Some(heads.len()));
                TrailRecord { organization, events, chains, stored_heads, broken: None }
            }
            Err(broken) => {
                let broken = Some(broken.to_string());
                TrailRecord { organization, events: None, chains: None, stored_heads, broken }
            }
        });
    }
    let broken = records
        .iter()
        .find_map(|record| Some((record.organization.clone(), record.broken.clone()?)));
    print(&TrailsReport { trails: records }, context.format)?;
    match broken {
        Some((organization, broken)) => Err(is_broken(organization.as_deref(), &broken)),
        None => Ok(()),
    }
}

async fn head(asked: &TrailHead, context: &Context<'_>) -> Result<(), Failure> {
    let choice = &asked.trail;
    let mut lines = Vec::new();
    for trail in trails(choice, &Stored::new(), context).await? {
        let checked = check(trail.as_ref(), choice, Vec::new(), context).await?;
        let walked = checked
            .map_err(|broken| is_broken(trail.as_ref().map(AsRef::as_ref), &broken.to_string()))?;
        let heads = walked.heads.iter();
        lines.extend(heads.map(|(chain, head)| HeadRecord::new(trail.as_ref(), chain, head)));
    }
    Ok(print_lines(&lines)?)
}

fn named(trail: Option<&OrganizationId>) -> String {
    trail.map_or("the deployment's own trail".to_owned(), |id| format!("organization `{id}`"))
}

fn is_broken(organization: Option<&str>, broken: &str) -> Failure {
    let whose = match organization {
        Some(id) => format!("the trail of organization `{id}`"),
        None => "the deployment's own trail".to_owned(),
    };
    Failure::Broken(format!("{whose} is broken: {broken}"))
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
