//! Verification: which tokens are accepted, which are rejected, and the cost.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use latchkey::Latchkey;
use latchkey::error::{Error, Refusal};
use latchkey::policy::{CachePolicy, KeyPolicy};
use latchkey::principal::Principal;
use latchkey::scope::{KEYS_READ, KEYS_WRITE};
use latchkey::service::{Clock, Freshness};
use latchkey::time::Timestamp;
use latchkey::token::Token;
use latchkey_testkit::TestTable;
use latchkey_testkit::meter::Usage;
use latchkey_testkit::sample::{self, SampleKey};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

fn refusal(outcome: Result<Principal, Error>) -> Refusal {
    match outcome {
        Err(Error::Unauthenticated(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_valid_key_tells_whose_it_is() {
    let table = TestTable::start().await;
    let latchkey = table.latchkey(KeyPolicy::default());
    let principal = latchkey.verify(&SampleKey::Minter.token(), Freshness::Cached).await;
    let Ok(Principal::ServiceAccount(principal)) = principal else { panic!("{principal:?}") };
    assert_eq!(principal.organization.as_ref(), sample::ORGANIZATION);
    assert_eq!(principal.account.as_ref(), sample::ACCOUNT);
    assert_eq!(principal.key, SampleKey::Minter.mint().0.id);
    assert!(principal.scopes.allow(&KEYS_WRITE) && !principal.scopes.allow(&KEYS_READ));

    let root = latchkey.verify(&SampleKey::Root.token(), Freshness::Cached).await;
    assert!(matches!(root, Ok(Principal::Root { .. })), "{root:?}");
}

#[tokio::test]
async fn every_refusal_has_its_reason() {
    let table = TestTable::start().await;
    let latchkey = table.latchkey(KeyPolicy::default());
    for (key, expected) in [
        (SampleKey::Unknown, Refusal::Unknown),
        (SampleKey::Disabled, Refusal::AccountDisabled),
        (SampleKey::Revoked, Refusal::Revoked),
        (SampleKey::Expired, Refusal::Expired),
    ] {
        assert_eq!(refusal(latchkey.verify(&key.token(), Freshness::Cached).await), expected);
    }
}

#[tokio::test]
async fn a_key_ends_the_instant_that_it_expires() {
    let table = TestTable::start().await;
    let end = SampleKey::Reader.mint().0.spec.expires_at.expect("an expiry");
    let before = Timestamp::from_millis(end.as_millis() - 1).expect("in range");
    let token = SampleKey::Reader.token();
    let policy = KeyPolicy::default;
    assert!(table.latchkey_at(policy(), before).verify(&token, Freshness::Cached).await.is_ok());
    let outcome = table.latchkey_at(policy(), end).verify(&token, Freshness::Cached).await;
    assert_eq!(refusal(outcome), Refusal::Expired);
}

#[tokio::test]
async fn the_right_key_with_another_secret_is_refused() {
    let table = TestTable::start().await;
    // The same account and key ID with the secret of another seed: only the digest differs.
    let (_, token) = SampleKey::FullAccess.mint();
    let item = table.client.get_item().table_name(table.name());
    let item = item.key("pk", AttributeValue::S(format!("ACCOUNT#{}", token.account())));
    let item = item.key("sk", AttributeValue::S(format!("KEY#{}", token.key())));
    let mut item = item.send().await.expect("a read").item.expect("the key");
    let other = SampleKey::Other.mint().0.digest;
    let other = aws_sdk_dynamodb::primitives::Blob::new(other.as_bytes());
    item.insert("digest".to_owned(), AttributeValue::B(other));
    table
        .client
        .put_item()
        .table_name(table.name())
        .set_item(Some(item))
        .send()
        .await
        .expect("a write");

    let latchkey = table.latchkey(KeyPolicy::default());
    let outcome = latchkey.verify(&SampleKey::FullAccess.token(), Freshness::Cached).await;
    assert_eq!(refusal(outcome), Refusal::Digest);
}

#[tokio::test]
async fn a_key_of_an_account_that_is_gone_is_refused() {
    let table = TestTable::start().await;
    let delete = table.client.delete_item().table_name(table.name());
    let delete = delete.key("pk", AttributeValue::S(format!("ACCOUNT#{}", sample::ACCOUNT)));
    delete.key("sk", AttributeValue::S("ACCOUNT".to_owned())).send().await.expect("a write");
    let latchkey = table.latchkey(KeyPolicy::default());
    let outcome = latchkey.verify(&SampleKey::FullAccess.token(), Freshness::Cached).await;
    assert_eq!(refusal(outcome), Refusal::Unknown);
}

#[tokio::test]
async fn a_truncated_transposed_or_altered_token_is_refused_without_a_read() {
    let table = TestTable::start().await;
    let latchkey = table.latchkey(KeyPolicy::default());
    let token = SampleKey::FullAccess.token();
    let mut mutants: Vec<String> = (0..token.len()).map(|end| token[..end].to_owned()).collect();
    for at in 0..token.len() {
        let mut altered = token.clone().into_bytes();
        altered[at] = if altered[at] == b'7' { b'8' } else { b'7' };
        mutants.push(String::from_utf8(altered).expect("ASCII"));
        let mut transposed = token.clone().into_bytes();
        transposed.swap(at, at.saturating_sub(1));
        mutants.push(String::from_utf8(transposed).expect("ASCII"));
    }
    mutants.retain(|mutant| *mutant != token);
    assert!(mutants.len() > 250);
    for mutant in mutants {
        assert!(mutant.parse::<Token>().is_err(), "{mutant}");
        latchkey.verify(&mutant, Freshness::Cached).await.expect_err("refused");
    }
    assert_eq!(table.meter.take(), Usage::default());
}

#[tokio::test]
async fn an_unknown_key_costs_one_more_read() {
    let table = TestTable::start().await;
    let latchkey = table.latchkey(KeyPolicy::default());
    latchkey.verify(&SampleKey::Unknown.token(), Freshness::Cached).await.expect_err("unknown");
    assert_eq!(table.meter.take().requests, [("BatchGetItem", 2)].into());
    latchkey.verify(&SampleKey::Root.token(), Freshness::Cached).await.expect("known");
    assert_eq!(table.meter.take().requests, [("BatchGetItem", 1)].into());
}

/// A clock that the test sets.
#[derive(Clone)]
struct SetClock(Arc<AtomicI64>);

impl SetClock {
    fn new() -> Self {
        Self(Arc::new(AtomicI64::new(sample::now().as_millis())))
    }

    fn advance(&self, millis: i64) {
        self.0.fetch_add(millis, Ordering::Relaxed);
    }

    fn latchkey(&self, table: &TestTable) -> Latchkey {
        let millis = Arc::clone(&self.0);
        let clock = Clock::new(move || {
            Timestamp::from_millis(millis.load(Ordering::Relaxed)).expect("in range")
        });
        let cache = CachePolicy { ttl: Duration::from_secs(10), entries: 100 };
        Latchkey::new(table.store(), KeyPolicy::default(), &cache, clock)
    }
}

async fn set(table: &TestTable, sort_key: &str, attribute: &str, value: AttributeValue) {
    let update = table.client.update_item().table_name(table.name());
    let update = update
        .key("pk", AttributeValue::S(format!("ACCOUNT#{}", sample::ACCOUNT)))
        .key("sk", AttributeValue::S(sort_key.to_owned()))
        .update_expression("SET #attribute = :value")
        .expression_attribute_names("#attribute", attribute)
        .expression_attribute_values(":value", value);
    update.send().await.expect("a write");
}

#[tokio::test]
async fn a_cached_verification_reads_nothing() {
    let table = TestTable::start().await;
    let latchkey = SetClock::new().latchkey(&table);
    let token = SampleKey::FullAccess.token();
    let first = latchkey.verify(&token, Freshness::Cached).await.expect("valid");
    table.meter.take();
    assert_eq!(latchkey.verify(&token, Freshness::Cached).await.expect("valid"), first);
    assert_eq!(table.meter.take(), Usage::default());
}

/// The bound in `docs/keys.md`: if another process revokes a key or disables its account, the key passes for
/// as long as the cache keeps it and not a millisecond longer.
#[tokio::test]
async fn what_was_revoked_elsewhere_is_refused_within_the_bound() {
    for (sort_key, attribute, value, expected) in [
        (
            format!("KEY#{}", SampleKey::FullAccess.mint().0.id),
            "revoked_at",
            AttributeValue::N("1".to_owned()),
            Refusal::Revoked,
        ),
        ("ACCOUNT".to_owned(), "disabled", AttributeValue::Bool(true), Refusal::AccountDisabled),
    ] {
        let table = TestTable::start().await;
        let clock = SetClock::new();
        let latchkey = clock.latchkey(&table);
        let token = SampleKey::FullAccess.token();
        latchkey.verify(&token, Freshness::Cached).await.expect("valid");
        set(&table, &sort_key, attribute, value).await;

        clock.advance(9_999);
        latchkey.verify(&token, Freshness::Cached).await.expect("still kept");
        clock.advance(1);
        assert_eq!(refusal(latchkey.verify(&token, Freshness::Cached).await), expected);
        // Once rejected, the key stays rejected, during and after the cached rejection.
        for _ in 0..4 {
            clock.advance(1_000);
            assert_eq!(refusal(latchkey.verify(&token, Freshness::Cached).await), expected);
        }
    }
}

/// Otherwise a replica that lags could give the environment that revoked a key its old verdict, for as long as
/// the cache keeps it.
#[tokio::test]
async fn an_environment_that_revoked_a_key_reads_consistently_for_two_seconds() {
    let table = TestTable::start().await;
    let clock = SetClock::new();
    let latchkey = clock.latchkey(&table);
    let units = async |key: SampleKey| {
        table.meter.take();
        let verdict = latchkey.verify(&key.token(), Freshness::Cached).await;
        (verdict.is_ok(), table.meter.take().units["BatchGetItem"])
    };
    latchkey.verify(&SampleKey::Other.token(), Freshness::Cached).await.expect("valid");
    assert_eq!(units(SampleKey::FullAccess).await, (true, 1.0));
    latchkey.revoke_presented(&SampleKey::FullAccess.token()).await.expect("revoked");
    assert_eq!(units(SampleKey::FullAccess).await, (false, 2.0));
    clock.advance(1_999);
    assert_eq!(units(SampleKey::Minter).await, (true, 2.0));
    clock.advance(1);
    assert_eq!(units(SampleKey::Reader).await, (true, 1.0));
}

#[tokio::test]
async fn a_kept_key_ends_the_instant_that_it_expires() {
    let table = TestTable::start().await;
    let clock = SetClock::new();
    let end = SampleKey::Reader.mint().0.spec.expires_at.expect("an expiry");
    clock.advance(end.as_millis() - sample::now().as_millis() - 1);
    let latchkey = clock.latchkey(&table);
    let token = SampleKey::Reader.token();
    latchkey.verify(&token, Freshness::Cached).await.expect("valid");
    clock.advance(1);
    assert_eq!(refusal(latchkey.verify(&token, Freshness::Cached).await), Refusal::Expired);
}

/// The checksum lets one guess in 2^32 through to the table, but with the fixed seed, none of these.
/// `LATCHKEY_GUESSES` sets the number of guesses.
#[tokio::test]
async fn random_and_mutated_tokens_never_verify_and_read_nothing() {
    let guesses = std::env::var("LATCHKEY_GUESSES").ok();
    let guesses = guesses.map_or(100_000, |number| number.parse().expect("a number"));
    let table = TestTable::start().await;
    let latchkey = table.latchkey(KeyPolicy::default());
    let mut rng = StdRng::seed_from_u64(1);
    let valid = SampleKey::FullAccess.token();
    for number in 0..guesses {
        let guess = match number % 4 {
            0 => {
                let visible = valid.len() - 49;
                format!("{}{}", &valid[..visible], digits(&mut rng, 49))
            }
            1 => noise(&mut rng),
            _ => mutated(&mut rng, &valid),
        };
        if guess != valid {
            latchkey.verify(&guess, Freshness::Cached).await.expect_err("a guess");
        }
    }
    assert_eq!(table.meter.take(), Usage::default());
}

const DIGITS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

fn below(rng: &mut StdRng, end: usize) -> usize {
    rng.next_u32() as usize % end
}

fn digits(rng: &mut StdRng, length: usize) -> String {
    (0..length).map(|_| char::from(DIGITS[below(rng, DIGITS.len())])).collect()
}

/// Returns a text of up to 150 characters, most of them from a token's alphabet.
fn noise(rng: &mut StdRng) -> String {
    let length = below(rng, 150);
    let character = |rng: &mut StdRng| match below(rng, 8) {
        0 => '_',
        1 => char::from_u32(rng.next_u32() % 0x11_0000).unwrap_or('\u{fffd}'),
        _ => char::from(DIGITS[below(rng, DIGITS.len())]),
    };
    (0..length).map(|_| character(rng)).collect()
}

/// Returns a token with one to four characters replaced, removed, doubled, or swapped.
fn mutated(rng: &mut StdRng, token: &str) -> String {
    let mut bytes = token.as_bytes().to_vec();
    for _ in 0..=below(rng, 4) {
        let at = below(rng, bytes.len());
        match below(rng, 4) {
            0 => drop(bytes.remove(at)),
            1 => bytes.insert(at, bytes[at]),
            2 => {
                let other = below(rng, bytes.len());
                bytes.swap(at, other);
            }
            _ => bytes[at] = DIGITS[below(rng, DIGITS.len())],
        }
    }
    String::from_utf8(bytes).expect("ASCII")
}
