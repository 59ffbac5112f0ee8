//! The audit trail: events that are written with their changes, and the heads of their chains.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};

use crate::audit::{AuditPolicy, Chain, Draft, Event, EventTime, Head};

use super::attribute::{Item, text};
use super::transaction::Part;
use super::{KeyStore, StoreError, record};

/// The maximum number of chains whose heads an environment remembers, about 200 bytes each.
const HEADS_MAX: usize = 1024;

/// How many microseconds later an event is whose place was taken. A prime number, so that two that meet part.
const STEP: u16 = 37;

/// The rules of the trail, and the heads of its chains as far as this process knows them.
#[derive(Debug, Default)]
pub(super) struct Trail {
    pub(super) policy: AuditPolicy,
    /// Every change of a chain is conditional on its head, so a head that is out of date costs one more attempt.
    heads: Mutex<HashMap<Chain, Head>>,
}

impl Trail {
    pub(super) fn new(policy: AuditPolicy) -> Self {
        Self { policy, heads: Mutex::default() }
    }

    fn head(&self, chain: &Chain) -> Option<Head> {
        let heads = self.heads.lock().unwrap_or_else(PoisonError::into_inner);
        heads.get(chain).copied()
    }

    fn remember(&self, chain: Chain, head: Head) {
        let mut heads = self.heads.lock().unwrap_or_else(PoisonError::into_inner);
        if heads.len() >= HEADS_MAX {
            heads.clear();
        }
        heads.insert(chain, head);
    }

    /// Remembers the head of an item that was read consistently, unless a later one is known.
    pub(super) fn saw(&self, item: &Item) {
        // A malformed head is found by the write that needs it.
        let Ok(Some(head)) = record::head(item) else { return };
        let Some(chain) = record::chain_of(item) else { return };
        if self.head(&chain).is_none_or(|known| known.sequence < head.sequence) {
            self.remember(chain, head);
        }
    }
}

/// The items of a transaction, with the events of its change added.
pub(super) struct Recorded {
    /// First the items of the change, which also move the heads of their chains, then the response, the heads of
    /// chains whose items the change does not write, and the events. The same for the same heads, so that attempts
    /// with one client request token are one request.
    pub(super) items: Vec<TransactWriteItem>,
    /// The chains of those heads.
    added: Vec<Chain>,
    heads: Vec<(Chain, Head)>,
    times: Vec<EventTime>,
}

/// What is known of the chains of a change while it is being attempted.
pub(super) struct Attempt<'a> {
    store: &'a KeyStore,
    drafts: &'a [Draft],
    /// The heads that the events continue, whatever else this process learns meanwhile.
    known: HashMap<Chain, Option<Head>>,
    /// The earliest time of the events, after one whose place was taken.
    not_before: Option<EventTime>,
}

/// What a refused transaction says about its events.
pub(super) enum Learned {
    /// A chain has moved on, or the place of an event is taken. Another attempt may succeed.
    Again,
    /// The items of these chains do not exist.
    Gone(Vec<Part>),
}

impl<'a> Attempt<'a> {
    /// Starts to write `drafts`, none if the trail is off.
    pub(super) fn new(store: &'a KeyStore, drafts: &'a [Draft]) -> Self {
        let drafts = if store.trail.policy.enabled { drafts } else { &[] };
        Self { store, drafts, known: HashMap::new(), not_before: None }
    }

    /// Reads the heads that this process does not know, of chains whose items the change does not create. Guessing
    /// would cost a refused transaction, which DynamoDB bills like one that is written.
    pub(super) async fn read_heads(
        &mut self,
        parts: &[(Part, TransactWriteItem)],
    ) -> Result<(), StoreError> {
        for draft in self.drafts {
            let chain = &draft.chain;
            if self.known.contains_key(chain) || is_new(parts, chain) {
                continue;
            }
            let head = match self.store.trail.head(chain) {
                Some(head) => Some(head),
                None => self.store.head(chain).await?.map(|(_, head)| head),
            };
            self.known.insert(chain.clone(), head);
        }
        Ok(())
    }

    /// Reads the known heads again, for an attempt with a new client request token.
    pub(super) async fn read_heads_again(&mut self) -> Result<(), StoreError> {
        for (chain, head) in &mut self.known {
            *head = self.store.head(chain).await?.map(|(_, head)| head);
        }
        Ok(())
    }

    /// Adds the events of the change to its items `parts` and the `response`.
    pub(super) fn record(
        &self,
        parts: &[(Part, TransactWriteItem)],
        response: Option<&TransactWriteItem>,
    ) -> Result<Recorded, StoreError> {
        let items = parts.iter().map(|(_, item)| item).chain(response);
        let mut items: Vec<TransactWriteItem> = items.cloned().collect();
        let mut heads: Vec<(Chain, Head)> = Vec::new();
        let mut events = Vec::new();
        for draft in self.drafts {
            let last = heads.iter().rev().find(|(chain, _)| *chain == draft.chain);
            let before = last.map(|(_, head)| *head).or_else(|| self.head(&draft.chain));
            let (author, policy) = (&self.store.author, &self.store.trail.policy);
            let event = Event::after(before.as_ref(), draft, author, policy, self.not_before);
            if let Some(account) = &draft.starts {
                let start = Head { sequence: 0, ..event.head() };
                heads.push((Chain::Account(account.clone()), start));
            }
            heads.retain(|(chain, _)| *chain != draft.chain);
            heads.push((draft.chain.clone(), event.head()));
            events.push(event);
        }
        let mut added = Vec::new();
        for (chain, head) in &heads {
            let place = parts.iter().position(|(kind, _)| *kind == part_of(chain));
            match place {
                Some(place) => advance(&mut items[place], self.head(chain), head),
                None => {
                    let mut item = self.store.touch(chain)?;
                    advance(&mut item, self.head(chain), head);
                    items.push(item);
                    added.push(chain.clone());
                }
            }
        }
        for event in &events {
            items.push(self.store.put_new(record::event_item(event))?);
        }
        let times = events.iter().map(|event| event.time).collect();
        Ok(Recorded { items, added, heads, times })
    }

    fn head(&self, chain: &Chain) -> Option<Head> {
        self.known.get(chain).copied().flatten()
    }

    /// Remembers the heads of a change that was written.
    pub(super) fn written(&self, recorded: Recorded) {
        for (chain, head) in recorded.heads {
            self.store.trail.remember(chain, head);
        }
    }

    /// Learns from the items that failed their conditions: of the change's `parts`, and of the additions.
    pub(super) fn learn(
        &mut self,
        recorded: &Recorded,
        parts: &[(Part, Option<Option<Item>>)],
        additions: &[Option<Option<Item>>],
    ) -> Result<Learned, StoreError> {
        let (touched, events) = additions.split_at(recorded.added.len().min(additions.len()));
        let of_parts = recorded.heads.iter().filter_map(|(chain, _)| {
            let (_, found) = parts.iter().find(|(part, _)| *part == part_of(chain))?;
            Some((chain, found))
        });
        let mut again = false;
        let mut gone = Vec::new();
        for (chain, found) in of_parts.chain(recorded.added.iter().zip(touched)) {
            match found {
                None => {}
                Some(None) if recorded.added.contains(chain) => gone.push(part_of(chain)),
                Some(None) => {}
                Some(Some(item)) => {
                    let head = record::head(item)?;
                    if head != self.head(chain) {
                        self.known.insert(chain.clone(), head);
                        again = true;
                    }
                }
            }
        }
        for (time, found) in recorded.times.iter().zip(events) {
            if found.is_some() {
                self.not_before = self.not_before.max(Some(time.plus(STEP)));
                again = true;
            }
        }
        Ok(if again { Learned::Again } else { Learned::Gone(gone) })
    }
}

/// The kind of the item that has a chain's head.
fn part_of(chain: &Chain) -> Part {
    match chain {
        Chain::Account(_) => Part::Account,
        Chain::Organization(_) => Part::Organization,
        Chain::Deployment => Part::Deployment,
    }
}

/// Whether a change creates the item that has a chain's head.
fn is_new(parts: &[(Part, TransactWriteItem)], chain: &Chain) -> bool {
    let kind = part_of(chain);
    parts.iter().any(|(part, item)| *part == kind && item.put.is_some())
}

/// Changes an item of a transaction so that it also moves its chain's head from `before` to `after`.
fn advance(item: &mut TransactWriteItem, before: Option<Head>, after: &Head) {
    const AFTER: &str = ":audit_after";
    if let Some(put) = &mut item.put {
        put.item.insert(record::HEAD.to_owned(), text(after));
    } else if let Some(update) = &mut item.update {
        let set = format!("SET {} = {AFTER}", record::HEAD);
        update.update_expression = match update.update_expression.strip_prefix("SET ") {
            Some(rest) => format!("{set}, {rest}"),
            None => format!("{set} {}", update.update_expression),
        };
        let values = update.expression_attribute_values.get_or_insert_default();
        values.insert(AFTER.to_owned(), text(after));
        require(&mut update.condition_expression, values, before);
        update.return_values_on_condition_check_failure =
            Some(ReturnValuesOnConditionCheckFailure::AllOld);
    } else if let Some(delete) = &mut item.delete {
        let values = delete.expression_attribute_values.get_or_insert_default();
        require(&mut delete.condition_expression, values, before);
        delete.return_values_on_condition_check_failure =
            Some(ReturnValuesOnConditionCheckFailure::AllOld);
    }
}

/// Adds the condition that an item still has the head `before`.
fn require(
    condition: &mut Option<String>,
    values: &mut HashMap<String, AttributeValue>,
    before: Option<Head>,
) {
    const BEFORE: &str = ":audit_before";
    let same = match before {
        Some(before) => {
            values.insert(BEFORE.to_owned(), text(&before));
            format!("{} = {BEFORE}", record::HEAD)
        }
        None => format!("attribute_not_exists({})", record::HEAD),
    };
    *condition = Some(match condition.take() {
        Some(condition) => format!("({condition}) AND {same}"),
        None => same,
    });
}

impl KeyStore {
    /// Returns a transaction's update of the item of `chain` that changes nothing else.
    fn touch(&self, chain: &Chain) -> Result<TransactWriteItem, StoreError> {
        let condition = match chain {
            // The deployment's item is created by its first change.
            Chain::Deployment => None,
            // Nothing follows a deletion in its chain.
            Chain::Organization(_) => {
                Some("attribute_exists(pk) AND attribute_not_exists(deleting)")
            }
            Chain::Account(_) => Some("attribute_exists(pk)"),
        };
        let condition = condition.map(str::to_owned);
        let update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(record::chain_key(chain)))
            .set_condition_expression(condition)
            .update_expression("")
            .build()?;
        Ok(TransactWriteItem::builder().update(update).build())
    }
}
