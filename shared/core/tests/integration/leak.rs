//! Revoking a leaked key also revokes all of its descendants, and no other key.

use std::collections::BTreeSet;
use std::time::Duration;

use latchkey::Latchkey;
use latchkey::error::Error;
use latchkey::id::{KeyId, ServiceAccountId};
use latchkey::key::Minted;
use latchkey::operator::{self, OperatorError, Origin, Owner, RevokedTree};
use latchkey::policy::KeyPolicy;
use latchkey::principal::AccountPrincipal;
use latchkey::service::{Clock, Freshness, MintRequest, RotateRequest};
use latchkey::store::KeyStore;
use latchkey::token::Token;
use latchkey_testkit::interruption::Interruption;
use latchkey_testkit::sample::{self, SampleKey};
use latchkey_testkit::{Response, TestTable, text_response};

/// A leaked key with its descendants and other keys.
struct Leak {
    table: TestTable,
    latchkey: Latchkey,
    leaked: Token,
    /// Its descendants, over four levels and two accounts.
    made: Vec<Token>,
    /// Keys that do not descend from it.
    others: Vec<Token>,
}

fn policy() -> KeyPolicy {
    KeyPolicy { key_limit: None, ..KeyPolicy::default() }
}

fn shown(minted: &Minted) -> Response {
    text_response(minted.token.expose())
}

fn token(answer: Result<Response, Error>) -> Token {
    answer.expect("an answer").body.parse().expect("a token")
}

async fn caller(latchkey: &Latchkey, token: &str) -> AccountPrincipal {
    let principal = latchkey.verify(token, Freshness::Cached).await.expect("valid");
    principal.service_account().expect("an account").clone()
}

async fn mint(latchkey: &Latchkey, by: &Token, account: &ServiceAccountId) -> Token {
    let request =
        MintRequest { account: account.clone(), name: None, scopes: None, expires_at: None };
    let caller = caller(latchkey, by.expose()).await;
    token(latchkey.mint(&caller, request, None, shown).await)
}

async fn rotate(latchkey: &Latchkey, by: &Token, old: &Token) -> Token {
    let (account, key) = (old.account().clone(), old.key().clone());
    let request = RotateRequest { account, key, grace: Duration::from_secs(3600) };
    let caller = caller(latchkey, by.expose()).await;
    token(latchkey.rotate(&caller, &request, None, |minted, _| shown(minted)).await)
}

impl Leak {
    async fn new() -> Self {
        let table = TestTable::start().await;
        let latchkey = table.latchkey(policy());
        let sample = |key: SampleKey| key.token().parse::<Token>().expect("a token");
        let (admin, first) =
            (sample(SampleKey::FullAccess), sample::ACCOUNT.parse().expect("an id"));

        let leaked = mint(&latchkey, &admin, &first).await;
        let holder = caller(&latchkey, leaked.expose()).await;
        let (name, description) = ("second".parse().expect("a name"), "".parse().expect("empty"));
        let created = latchkey.create_account(&holder, name, description, None, |account| {
            text_response(account.id.to_string())
        });
        let created = created.await.expect("an account");
        let second: ServiceAccountId = created.body.parse().expect("an id");

        // Minted by the leaked key, by its children, and by their children.
        let child = mint(&latchkey, &leaked, &first).await;
        let abroad = mint(&latchkey, &leaked, &second).await;
        let grandchild = mint(&latchkey, &child, &second).await;
        let last = mint(&latchkey, &grandchild, &first).await;
        // Rotated by the leaked key and by another caller; both replacements mint keys.
        let own_successor = rotate(&latchkey, &leaked, &child).await;
        let successor = rotate(&latchkey, &admin, &abroad).await;
        let after_rotation = mint(&latchkey, &successor, &second).await;
        let own_after_rotation = mint(&latchkey, &own_successor, &second).await;
        // The leaked key replaced another holder's key.
        let taken_over = rotate(&latchkey, &leaked, &sample(SampleKey::Reader)).await;

        let beside = mint(&latchkey, &admin, &second).await;
        let others = [SampleKey::Minter, SampleKey::Reader, SampleKey::Other, SampleKey::Root];
        let mut others: Vec<Token> = others.into_iter().map(sample).collect();
        others.extend([admin, beside]);
        let made = vec![
            child,
            abroad,
            grandchild,
            last,
            own_successor,
            successor,
            after_rotation,
            own_after_rotation,
            taken_over,
        ];
        Self { table, latchkey, leaked, made, others }
    }

    async fn revoke(&self, store: &KeyStore) -> Result<RevokedTree, OperatorError> {
        let owner = operator::owner(store, self.leaked.account(), None).await?;
        let (clock, settling) = (Clock::new(sample::now), Duration::ZERO);
        let root = self.leaked.key();
        operator::revoke_tree(store, &policy(), &clock, &owner, root, settling).await
    }

    async fn works(&self, token: &Token) -> bool {
        self.latchkey.verify(token.expose(), Freshness::Cached).await.is_ok()
    }

    async fn assert_contained(&self) {
        for token in [&self.leaked].into_iter().chain(&self.made) {
            assert!(!self.works(token).await, "{} works", token.key());
        }
        for token in &self.others {
            assert!(self.works(token).await, "{} was revoked too", token.key());
        }
    }
}

fn ids<'a>(tokens: impl IntoIterator<Item = &'a Token>) -> BTreeSet<KeyId> {
    tokens.into_iter().map(|token| token.key().clone()).collect()
}

#[tokio::test]
async fn one_call_revokes_a_leaked_key_and_everything_that_it_made() {
    let leak = Leak::new().await;
    for token in leak.made.iter().chain(&leak.others) {
        assert!(leak.works(token).await);
    }
    let done = leak.revoke(&leak.table.store()).await.expect("revoked");
    assert_eq!(done.revoked.first().map(|key| &key.id), Some(leak.leaked.key()), "the root first");
    let revoked: BTreeSet<KeyId> = done.revoked.iter().map(|key| key.id.clone()).collect();
    assert_eq!(revoked, ids([&leak.leaked].into_iter().chain(&leak.made)));
    assert_eq!(done.ended_before, 0);
    leak.assert_contained().await;

    let again = leak.revoke(&leak.table.store()).await.expect("nothing left");
    assert_eq!((again.revoked.len(), again.ended_before), (0, revoked.len()));
}

#[tokio::test]
async fn looking_at_the_tree_writes_nothing() {
    let leak = Leak::new().await;
    let before = leak.table.items().await;
    let store = leak.table.store();
    let owner = operator::owner(&store, leak.leaked.account(), None).await.expect("an owner");
    assert_eq!(owner, Owner::Organization(sample::ORGANIZATION.parse().expect("an id")));
    let tree = operator::tree(&store, &owner, leak.leaked.key()).await.expect("a tree");
    assert_eq!(leak.table.items().await, before);
    let found: BTreeSet<KeyId> = tree.iter().map(|found| found.key.id.clone()).collect();
    assert_eq!(found, ids([&leak.leaked].into_iter().chain(&leak.made)));
    assert_eq!((tree.len(), tree[0].depth), (found.len(), 0));
    for found in &tree {
        let of = |parent: &KeyId| tree.iter().position(|other| other.key.id == *parent);
        let (parent, key) = match &found.origin {
            Origin::Itself => continue,
            Origin::MintedBy(parent) => (of(parent), found.key.spec.created_by.as_ref()),
            Origin::RotatedFrom(parent) => (of(parent), found.key.rotated_from.as_ref()),
        };
        assert_eq!(tree[parent.expect("in the tree")].depth + 1, found.depth);
        assert_eq!(key, parent.map(|at| &tree[at].key.id));
    }
}

/// Wherever a revocation is interrupted, the leaked key is revoked first and the same call finishes the work.
#[tokio::test]
async fn revoking_a_tree_can_be_interrupted_anywhere_and_finished() {
    let leak = Leak::new().await;
    let items = leak.table.items().await;
    let mut interrupted = 0;
    for last_is_sent in [false, true] {
        for requests in 0.. {
            leak.table.reset(&items).await;
            let store = leak.table.interrupted_store(Interruption::after(requests, last_is_sent));
            let outcome = leak.revoke(&store).await;
            let mut dead = 0;
            for token in &leak.made {
                dead += usize::from(!leak.works(token).await);
            }
            assert!(dead == 0 || !leak.works(&leak.leaked).await, "the leaked key works on");
            leak.revoke(&leak.table.store()).await.expect("finished");
            leak.assert_contained().await;
            if outcome.is_ok() {
                break;
            }
            interrupted += 1;
        }
    }
    // A search takes 7 requests, and each of 10 revocations takes 2. The last search finds nothing.
    assert!(interrupted > 60, "{interrupted}");
}

#[tokio::test]
async fn the_keys_of_a_key_that_is_gone_are_still_found() {
    let leak = Leak::new().await;
    let delete = leak.table.client.delete_item().table_name(leak.table.name());
    let text = |text: String| aws_sdk_dynamodb::types::AttributeValue::S(text);
    let delete = delete.key("pk", text(format!("ACCOUNT#{}", leak.leaked.account())));
    let delete = delete.key("sk", text(format!("KEY#{}", leak.leaked.key())));
    delete.send().await.expect("deleted");
    let done = leak.revoke(&leak.table.store()).await.expect("revoked");
    assert_eq!(done.revoked.len(), leak.made.len());
    leak.assert_contained().await;
}

#[tokio::test]
async fn the_keys_of_an_account_that_is_gone_are_found_by_its_organization() {
    let leak = Leak::new().await;
    let store = leak.table.store();
    let organization = sample::ORGANIZATION.parse().expect("an id");
    let account = leak.leaked.account();
    store.delete_account(&organization, account, sample::now()).await.expect("deleted");
    let unknown = operator::owner(&store, account, None).await;
    assert!(matches!(unknown, Err(OperatorError::Failed(Error::AccountNotFound(_)))));
    let owner = operator::owner(&store, account, Some(&organization)).await.expect("named");
    let (clock, settling) = (Clock::new(sample::now), Duration::ZERO);
    let root = leak.leaked.key();
    let done = operator::revoke_tree(&store, &policy(), &clock, &owner, root, settling).await;
    // The keys of the deleted account are gone, including the links to the keys that they minted.
    assert!(!done.expect("revoked").revoked.is_empty());

    let nothing = "NOTHING".parse().expect("an id");
    let none = operator::revoke_tree(&store, &policy(), &clock, &owner, &nothing, settling).await;
    assert!(matches!(none, Err(OperatorError::Failed(Error::KeyNotFound(_)))), "{none:?}");
    let other = sample::OTHER_ORGANIZATION.parse().expect("an id");
    let account = sample::FULL_ACCOUNT.parse().expect("an id");
    let foreign = operator::owner(&store, &account, Some(&other)).await;
    assert!(matches!(foreign, Err(OperatorError::Failed(Error::AccountNotFound(_)))));
}

#[tokio::test]
async fn a_root_key_is_revoked_with_the_root_keys_that_it_made() {
    let table = TestTable::start().await;
    let latchkey = table.latchkey(policy());
    let root: Token = SampleKey::Root.token().parse().expect("a token");
    let principal = latchkey.verify(root.expose(), Freshness::Cached).await.expect("valid");
    let child = latchkey.create_root_key(&principal, None, None, shown).await;
    let child = token(child);
    let principal = latchkey.verify(child.expose(), Freshness::Cached).await.expect("valid");
    let last = token(latchkey.create_root_key(&principal, None, None, shown).await);

    let store = table.store();
    let owner = operator::owner(&store, root.account(), None).await.expect("root keys");
    assert_eq!(owner, Owner::Root);
    let (policy, clock) = (policy(), Clock::new(sample::now));
    let done = operator::revoke_tree(&store, &policy, &clock, &owner, child.key(), Duration::ZERO);
    assert_eq!(done.await.expect("revoked").revoked.len(), 2);
    latchkey.verify(root.expose(), Freshness::Cached).await.expect("its maker works");
    latchkey.verify(child.expose(), Freshness::Cached).await.expect_err("revoked");
    latchkey.verify(last.expose(), Freshness::Cached).await.expect_err("revoked");
}
