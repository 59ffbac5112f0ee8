//! Arguments about the audit trail.

use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::PossibleValuesParser;
use clap::{Args as ClapArgs, Subcommand};
use latchkey::audit::{Action, Event, EventTime};
use latchkey::id::OrganizationId;
use latchkey::time::Timestamp;

use super::OneKey;
use super::time::Moment;

#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  latchkey audit list --organization acme --since 24h
  latchkey audit list --organization acme --actor 0197CTTDF1YT9FUW --output jsonl
  latchkey audit trail --key sk_0197CTTDF1YT9FUW_0197CTTLAFLKW3FL_
  latchkey audit verify --all
  latchkey audit head --all > heads.jsonl
  latchkey audit head --all --against heads.jsonl > new.jsonl

Each organization has a trail. Without `--organization`, a command works on the deployment's own trail,
which has the changes of root keys. A trail outlives its organization.
Events stay in the table for LATCHKEY_AUDIT_RETENTION (one year by default).
See docs/audit.md for what is recorded, and for what a verification proves.")]
pub(crate) enum AuditCommand {
    /// List changes, newest first.
    List(ListEvents),
    /// Show the life of a key, oldest event first: also of a key that is long gone.
    Trail(KeyTrail),
    /// Verify that no event was edited, removed, inserted, or reordered.
    Verify(VerifyTrail),
    /// Verify a trail, and print the heads of its chains, to store elsewhere: one JSON object per line.
    Head(TrailHead),
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  latchkey audit list --organization acme --since 24h
  latchkey audit list --organization acme --target 0197CTTLAFLKW3FL
  latchkey audit list --organization acme --action api_key.revoke --limit 10
  latchkey audit list --since 2026-06-01T00:00:00Z --before 2026-06-02T00:00:00Z --output jsonl

If you pass several conditions, the list has only the events that meet all of them.
A time in the output is also valid for `--before`, which continues a list.")]
pub(crate) struct ListEvents {
    /// Organization ID; without one, the changes of root keys.
    #[arg(long, value_name = "ID")]
    pub(crate) organization: Option<OrganizationId>,
    /// Only events at or after this: an RFC 3339 date-time, or a duration before now, such as 24h.
    #[arg(long, value_name = "TIME|DURATION", allow_hyphen_values = true)]
    since: Option<EventMoment>,
    /// Only events before this: an RFC 3339 date-time, or a duration before now, such as 24h.
    #[arg(long, value_name = "TIME|DURATION", allow_hyphen_values = true)]
    before: Option<EventMoment>,
    /// Only changes by this service account, key, root key, or AWS identity.
    #[arg(long, value_name = "ID")]
    actor: Option<String>,
    /// Only changes of this key, service account, or organization, or of the keys of this service account.
    #[arg(long, value_name = "ID")]
    target: Option<String>,
    /// Only this action.
    #[arg(long, value_name = "NAME", value_parser = actions())]
    action: Option<String>,
    /// Maximum number of events.
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    pub(crate) limit: usize,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  latchkey audit trail --account 0197CTTDF1YT9FUW --key 0197CTTLAFLKW3FL
  latchkey audit trail --key sk_0197CTTDF1YT9FUW_0197CTTLAFLKW3FL_ --organization acme

The list has the changes of the key, the rotations that name it, and what disabled, enabled, or deleted its
service account or organization while it existed. It does not have the key's expiry, which is no change;
see `expires_at` in the changes.")]
pub(crate) struct KeyTrail {
    #[command(flatten)]
    pub(crate) key: OneKey,
    /// Organization ID; required only if the key's service account was deleted.
    #[arg(long, value_name = "ID")]
    pub(crate) organization: Option<OrganizationId>,
}

/// Which trails to read.
#[derive(Debug, ClapArgs)]
pub(crate) struct TrailChoice {
    /// Organization ID; without one, the deployment's own trail.
    #[arg(long, value_name = "ID", conflicts_with = "all")]
    pub(crate) organization: Option<OrganizationId>,
    /// All trails: of every organization, also deleted ones, and the deployment's own. Scans the whole table.
    #[arg(long)]
    pub(crate) all: bool,
    /// Accept accounts and organizations that are gone without an event, because the trail was off for a while.
    #[arg(long)]
    pub(crate) was_off: bool,
    /// File with the output of `latchkey audit head`, from a place that those who can write to the table
    /// cannot change.
    #[arg(long, value_name = "FILE")]
    pub(crate) against: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  latchkey audit verify --organization acme
  latchkey audit verify --all --against heads.jsonl

Exit status:
  0  no contradiction
  1  the trail could not be read, or FILE is not a list of heads
  3  a trail is broken; for each one, a message names the first event that contradicts the others")]
pub(crate) struct VerifyTrail {
    #[command(flatten)]
    pub(crate) trail: TrailChoice,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  latchkey audit head --organization acme >> acme.jsonl
  latchkey audit head --all > heads.jsonl
  latchkey audit head --all --against heads.jsonl > new.jsonl

The output is the same with every `--output`. The exit status is that of `latchkey audit verify`.
With status 3, the output has the new heads of the intact trails and, for a broken trail, only its heads in
FILE, unchanged. So the output can replace FILE.")]
pub(crate) struct TrailHead {
    #[command(flatten)]
    pub(crate) trail: TrailChoice,
}

impl ListEvents {
    /// The earliest time, and the time before which all events are, relative to `now`.
    pub(crate) fn range(&self, now: Timestamp) -> (Option<EventTime>, Option<EventTime>) {
        let time = |moment: Option<EventMoment>| moment.map(|moment| moment.before(now));
        (time(self.since), time(self.before))
    }

    /// Returns whether an event meets the other conditions.
    pub(crate) fn accepts(&self, event: &Event) -> bool {
        let meets = |wanted: &Option<String>, found: [Option<&str>; 2]| {
            wanted.as_ref().is_none_or(|wanted| found.contains(&Some(wanted.as_str())))
        };
        let (actor, resource) = (&event.actor, &event.resource);
        meets(&self.actor, [actor.id.as_deref(), actor.key.as_deref()])
            && meets(&self.target, [Some(&resource.id), resource.account.as_deref()])
            && meets(&self.action, [Some(&event.action), None])
    }
}

/// A time of an event, either absolute or as a distance from now.
#[derive(Clone, Copy, Debug)]
enum EventMoment {
    At(EventTime),
    Relative(Moment),
}

impl EventMoment {
    fn before(self, now: Timestamp) -> EventTime {
        match self {
            Self::At(time) => time,
            Self::Relative(moment) => moment.before(now).into(),
        }
    }
}

impl FromStr for EventMoment {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // To the microsecond, as events show it.
        match text.parse() {
            Ok(time) => Ok(Self::At(time)),
            Err(_) => text.parse().map(Self::Relative),
        }
    }
}

fn actions() -> PossibleValuesParser {
    PossibleValuesParser::new(Action::ALL.iter().map(|action| action.name()))
}
