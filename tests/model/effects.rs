//! What a request does to the model, given what was seen of it.

use latchkey_testkit::Answer;
use serde_json::json;

use super::request::{Ask, Dialect, Request};
use super::state::{Account, Key, Model, Reply, Standing};
use super::table::Table;
use super::world::strings;

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Its response says so.
    Answered,
    /// It failed and did nothing.
    Undone,
    /// It failed and did everything nevertheless.
    Done,
    /// It failed in the middle of deleting an account.
    HalfDone,
}

/// What was seen of a request.
pub(crate) struct Seen<'a> {
    pub(crate) answer: &'a Answer,
    pub(crate) table: &'a Table,
    /// The IDs in the responses of the requests that were served at the same time.
    pub(crate) claimed: &'a [String],
}

/// What was created, by its response or else by the table.
struct Created {
    id: String,
    token: Option<String>,
}

impl Model {
    /// Applies a request by `caller`, which is `None` if authentication rejected it.
    ///
    /// Returns the status that the model expects if this is not what was seen.
    pub(crate) fn apply(
        &mut self,
        request: &Request,
        caller: Option<&Key>,
        seen: &Seen<'_>,
        fate: Fate,
    ) -> Result<(), u16> {
        if fate == Fate::Undone {
            return Ok(());
        }
        let status = seen.answer.status;
        let Some(caller) = caller else {
            return if fate == Fate::Answered && status == 401 { Ok(()) } else { Err(401) };
        };
        if let Some(reply) = self.reply(request).cloned() {
            return self.replay(request, reply, seen, fate);
        }
        let full = self.filled_by(request).map(|account| self.is_full(account, request.now));
        // Where either answer is right, the model follows the service.
        let full = full.is_some_and(|full| full.unwrap_or(status == 409));
        let expected = self.status(request, caller, full);
        let is_right = if fate == Fate::Answered { status == expected } else { expected < 300 };
        if !is_right {
            return Err(expected);
        }
        if expected < 300 {
            let created = self.effect(request, caller, seen, fate).ok_or(expected)?;
            if let (Some(id), Some(place)) = (created, self.place(request)) {
                let text = (fate == Fate::Answered).then(|| seen.answer.text.clone());
                self.replies.insert(place, Reply { status: expected, id, text });
            }
        }
        Ok(())
    }

    /// A repeated request gets its first response and does nothing.
    fn replay(
        &mut self,
        request: &Request,
        reply: Reply,
        seen: &Seen<'_>,
        fate: Fate,
    ) -> Result<(), u16> {
        let Answer { status, text, .. } = seen.answer;
        if fate != Fate::Answered {
            return Ok(());
        }
        let same = *status == reply.status
            && reply.text.as_ref().is_none_or(|first| first == text)
            && seen.answer.id() == reply.id;
        if !same {
            return Err(reply.status);
        }
        let created = self.keys.iter_mut().find(|key| key.id == reply.id);
        if let Some(key) = created.filter(|key| key.token.is_none()) {
            key.token = Some(seen.answer.string("/key").to_owned());
        }
        let place = self.place(request).expect("a repeated request");
        self.replies.insert(place, Reply { text: Some(text.clone()), ..reply });
        Ok(())
    }

    /// The response that a request already got.
    pub(crate) fn reply(&self, request: &Request) -> Option<&Reply> {
        self.replies.get(&self.place(request)?)
    }

    fn place(&self, request: &Request) -> Option<(String, String)> {
        Some((self.keys[request.caller].id.clone(), request.retry.clone()?))
    }

    /// Returns the ID of what was created, if anything was; `None` if the table or the response has nothing
    /// that fits.
    fn effect(
        &mut self,
        request: &Request,
        caller: &Key,
        seen: &Seen<'_>,
        fate: Fate,
    ) -> Option<Option<String>> {
        let now = request.now;
        match &request.ask {
            Ask::CreateAccount => {
                let id = match fate {
                    Fate::Answered => seen.answer.id().to_owned(),
                    _ => seen.table.unknown_account(self, seen.claimed)?,
                };
                let organization = self.accounts[caller.account].organization.clone();
                let standing = Standing::Present;
                let account = Account { id: id.clone(), organization, disabled: false, standing };
                self.accounts.push(account);
                return Some(Some(id));
            }
            Ask::Mint { account, ends, scopes } => {
                let Created { id, token } = self.created(*account, None, seen, fate)?;
                self.keys.push(Key {
                    token,
                    id: id.clone(),
                    account: *account,
                    name: (request.dialect == Dialect::Chaser).then(|| "drawn".to_owned()),
                    scopes: scopes.as_ref().unwrap_or(&caller.scopes).clone(),
                    created_at: now,
                    expires_at: self.expiry(caller, *ends, now),
                    revoked: false,
                    rotated: false,
                    successor: false,
                });
                return Some(Some(id));
            }
            Ask::Rotate { key: at, grace } => {
                let key = self.keys[*at].clone();
                let (old_end, new_end) = self.rotated(caller, &key, *grace, now);
                let Created { id, token } = self.created(key.account, Some(&key), seen, fate)?;
                let body = &seen.answer.body;
                if fate == Fate::Answered
                    && (body["name"] != json!(key.name) || strings(&body["scopes"]) != key.scopes)
                {
                    return None;
                }
                let old = &mut self.keys[*at];
                (old.expires_at, old.rotated) = (old_end, true);
                self.keys.push(Key {
                    token,
                    id: id.clone(),
                    created_at: now,
                    expires_at: new_end,
                    successor: true,
                    ..key
                });
                return Some(Some(id));
            }
            Ask::Update { key, name, scopes } => {
                let key = &mut self.keys[*key];
                key.name = name.clone().unwrap_or_else(|| key.name.clone());
                key.scopes = scopes.clone().unwrap_or_else(|| key.scopes.clone());
            }
            Ask::Revoke { key } => self.keys[*key].revoked = true,
            Ask::Disable { account, disabled } => self.accounts[*account].disabled = *disabled,
            Ask::Delete { account } => {
                self.accounts[*account].standing = match fate {
                    Fate::HalfDone => Standing::Leaving,
                    _ => Standing::Gone,
                };
            }
        }
        Some(None)
    }

    fn created(
        &self,
        account: usize,
        replaced: Option<&Key>,
        seen: &Seen<'_>,
        fate: Fate,
    ) -> Option<Created> {
        if fate == Fate::Answered {
            let Seen { answer, .. } = seen;
            let (id, token) = (answer.string("/id"), answer.string("/key"));
            return Some(Created { id: id.to_owned(), token: Some(token.to_owned()) });
        }
        let id = seen.table.unknown_key(self, account, replaced, seen.claimed)?;
        Some(Created { id, token: None })
    }
}
