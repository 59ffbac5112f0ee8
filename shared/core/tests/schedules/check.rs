//! What must be true after every schedule, whatever happened in it.

use std::collections::BTreeMap;

use latchkey::operator::{self, OperatorError};
use latchkey::service::Freshness;
use latchkey::time::Timestamp;
use latchkey::token::Token;
use serde_json::Value;

use crate::world::{World, after};

/// Items by partition key and sort key.
pub(crate) type Items = BTreeMap<(String, String), Value>;

fn text<'a>(item: &'a Value, attribute: &str) -> Option<&'a str> {
    item[attribute]["S"].as_str()
}

fn number(item: &Value, attribute: &str) -> Option<i64> {
    item[attribute]["N"].as_str().map(|number| number.parse().expect("a number"))
}

fn is_live(key: &Value, now: Timestamp) -> bool {
    number(key, "revoked_at").is_none()
        && number(key, "expires_at").is_none_or(|end| end > now.as_millis())
}

fn keys_of<'a>(items: &'a Items, partition: &'a str) -> impl Iterator<Item = &'a Value> {
    let own = items.iter().filter(move |((pk, sk), _)| pk == partition && sk.starts_with("KEY#"));
    own.map(|(_, key)| key)
}

/// A check that fails with a sentence.
macro_rules! require {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err(format!($($message)+));
        }
    };
}

/// Checks that the table contradicts itself nowhere. With `unfinished`, a deletion may be half done.
pub(crate) fn consistent(
    world: &World,
    items: &Items,
    latest: i64,
    exact: bool,
    unfinished: bool,
) -> Result<(), String> {
    let latest = after(latest);
    for ((pk, sk), item) in items {
        match sk.as_str() {
            "ACCOUNT" => {
                let live = keys_of(items, pk).filter(|key| is_live(key, latest)).count();
                let counted = number(item, "live_keys").expect("a count");
                let live = i64::try_from(live).expect("a count");
                require!(counted >= live, "{pk} counts {counted} of {live} live keys");
                require!(!exact || counted == live, "{pk} counts {counted}, and {live} are live");
                let limit = world.policy.key_limit.map_or(0, std::num::NonZeroU32::get);
                require!(live <= i64::from(limit), "{pk} has {live} live keys");
                let entry = format!("ORG#{}", text(item, "organization").expect("an organization"));
                let entry = items.get(&(entry, pk.clone()));
                require!(
                    entry.is_some_and(|entry| entry["deleting"].is_null()),
                    "{pk} is not in its directory"
                );
            }
            "ORG" => {
                let entries = items.iter().filter(|((partition, sort), entry)| {
                    partition == pk && sort.starts_with("ACCOUNT#") && entry["deleting"].is_null()
                });
                let found = i64::try_from(entries.count()).expect("a count");
                let counted = number(item, "accounts");
                require!(
                    counted.is_none_or(|counted| counted == found),
                    "{pk} counts {counted:?} of {found} accounts"
                );
                let own = pk.replacen("ORG#", "WEBHOOKS#", 1);
                let own = items.keys().filter(|(pk, sk)| *pk == own && sk.starts_with("WEBHOOK#"));
                let (found, counted) = (own.count(), number(item, "webhooks").unwrap_or(0));
                let gone = !item["deleting"].is_null();
                require!(
                    gone || i64::try_from(found) == Ok(counted),
                    "{pk} counts {counted} of {found} webhooks"
                );
            }
            _ if sk.starts_with("WEBHOOK#") || sk.starts_with("DELIVERY#") => {
                let organization = pk.replacen("WEBHOOKS#", "ORG#", 1);
                let organization = items.contains_key(&(organization, "ORG".to_owned()));
                require!(organization, "{sk} has no organization");
            }
            "DEPLOYMENT" => {
                let found = items.keys().filter(|(_, sk)| sk == "ORG").count();
                let counted = number(item, "organizations");
                require!(
                    counted.is_none_or(|counted| Ok(counted) == i64::try_from(found)),
                    "{counted:?} of {found} organizations are counted"
                );
            }
            _ if sk.starts_with("ACCOUNT#") => {
                let account = items.contains_key(&(sk.clone(), "ACCOUNT".to_owned()));
                let deleting = !item["deleting"].is_null();
                require!(account != deleting, "the directory disagrees with {sk}");
                require!(unfinished || !deleting, "{sk} is left half deleted");
                let organization = items.contains_key(&(pk.clone(), "ORG".to_owned()));
                require!(organization, "{sk} has no organization");
            }
            _ if sk.starts_with("KEY#") => key(items, pk, item, unfinished)?,
            _ => {}
        }
    }
    Ok(())
}

/// Checks that a key belongs to something, and that its relatives know it.
fn key(items: &Items, pk: &str, key: &Value, unfinished: bool) -> Result<(), String> {
    let account = items.contains_key(&(pk.to_owned(), "ACCOUNT".to_owned()));
    let deleting =
        unfinished && items.iter().any(|((_, sk), entry)| sk == pk && !entry["deleting"].is_null());
    require!(pk == "ACCOUNT#ROOT" || account || deleting, "a key is left in {pk}");
    let id = text(key, "id").expect("an id");
    let relative =
        |attribute: &str| text(key, attribute).map(|id| (pk.to_owned(), format!("KEY#{id}")));
    if let Some(successor) = relative("rotated_to").and_then(|to| items.get(&to)) {
        require!(text(successor, "rotated_from") == Some(id), "{id} has another's successor");
    }
    if let Some(old) = relative("rotated_from").and_then(|from| items.get(&from)) {
        require!(text(old, "rotated_to") == Some(id), "{id} replaces a key with another successor");
    }
    Ok(())
}

/// Checks that a reader sees nothing half written: every list can be read.
pub(crate) async fn readable(world: &World) -> Result<(), String> {
    let store = world.stage.store();
    let accounts = match operator::accounts(&store, &world.organization).await {
        Ok(accounts) => accounts,
        Err(OperatorError::OrganizationNotFound(_)) => return Ok(()),
        Err(error) => return Err(error.to_string()),
    };
    for account in accounts {
        let keys = operator::keys(&store, &account.id).await;
        keys.map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// Checks that nothing contradicts anything in the trails, and that no event is missing in them.
pub(crate) async fn trails(world: &World, latest: i64) -> Result<(), String> {
    let store = world.stage.store();
    for trail in [None, Some(&world.organization)] {
        let verified = operator::verify_trail(&store, trail, &[], after(latest)).await;
        verified.map_err(|error| error.to_string())?.map_err(|broken| broken.to_string())?;
    }
    Ok(())
}

/// Checks that a new process accepts a token exactly if the table says so. Returns whether its key is there.
pub(crate) async fn verified(
    world: &World,
    items: &Items,
    token: &str,
    latest: i64,
) -> Result<bool, String> {
    let parsed: Token = token.parse().expect("a token");
    let partition = format!("ACCOUNT#{}", parsed.account());
    let key = items.get(&(partition.clone(), format!("KEY#{}", parsed.key())));
    let account = items.get(&(partition, "ACCOUNT".to_owned()));
    let enabled = parsed.account().is_root()
        || account.is_some_and(|account| {
            let disabled = items.get(&("DEPLOYMENT".to_owned(), "DEPLOYMENT".to_owned()));
            let disabled = disabled.and_then(|all| all["disabled_organizations"]["SS"].as_array());
            let organization = &account["organization"]["S"];
            account["disabled"]["BOOL"] == false
                && disabled.is_none_or(|disabled| !disabled.contains(organization))
        });
    let works = enabled && key.is_some_and(|key| is_live(key, after(latest)));
    let latchkey = world.direct(latest).latchkey;
    let accepted = latchkey.verify(token, Freshness::Now).await.is_ok();
    require!(accepted == works, "key {} is accepted: {accepted}", parsed.key());
    Ok(key.is_some())
}
