//! Verifying: who is let in, who is not, and what that costs.

use aws_sdk_dynamodb::types::AttributeValue;
use latchkey::config::KeyPolicy;
use latchkey::error::{Error, Refusal, Unauthenticated};
use latchkey::principal::Principal;
use latchkey::token::Token;
use latchkey_local::meter::Usage;
use latchkey_local::sample::{self, SampleKey};
use latchkey_local::{TestTable, headers};

fn refusal(outcome: Result<Principal, Error>) -> Refusal {
    match outcome {
        Err(Error::Unauthenticated(Unauthenticated::Refused(refusal))) => refusal,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_valid_key_tells_whose_it_is() {
    let table = TestTable::start().await;
    let latchkey = table.latchkey(KeyPolicy::default());
    let principal = latchkey.authenticate(&headers::bearer(SampleKey::Minter)).await;
    let Ok(Principal::ServiceAccount(principal)) = principal else { panic!("{principal:?}") };
    assert_eq!(principal.organization.as_ref(), sample::ORGANIZATION);
    assert_eq!(principal.account.as_ref(), sample::ACCOUNT);
    assert_eq!(principal.key, SampleKey::Minter.mint().0.id);
    assert!(principal.scopes.allow("keys.write") && !principal.scopes.allow("keys.read"));

    let root = latchkey.authenticate(&headers::bearer(SampleKey::Root)).await;
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
        assert_eq!(refusal(latchkey.authenticate(&headers::bearer(key)).await), expected);
    }
}

#[tokio::test]
async fn a_key_ends_the_instant_that_it_expires() {
    let table = TestTable::start().await;
    let end = SampleKey::Reader.mint().0.spec.expires_at.expect("an expiry");
    let before = latchkey::time::Timestamp::from_millis(end.as_millis() - 1).expect("in range");
    let bearer = headers::bearer(SampleKey::Reader);
    let policy = KeyPolicy::default;
    assert!(table.latchkey_at(policy(), before).authenticate(&bearer).await.is_ok());
    let outcome = table.latchkey_at(policy(), end).authenticate(&bearer).await;
    assert_eq!(refusal(outcome), Refusal::Expired);
}

#[tokio::test]
async fn the_right_key_with_another_secret_is_refused() {
    let table = TestTable::start().await;
    // The same account and key id with the secret of another seed: only the digest tells.
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
    let outcome = latchkey.authenticate(&headers::bearer(SampleKey::FullAccess)).await;
    assert_eq!(refusal(outcome), Refusal::Digest);
}

#[tokio::test]
async fn a_key_of_an_account_that_is_gone_is_refused() {
    let table = TestTable::start().await;
    let delete = table.client.delete_item().table_name(table.name());
    let delete = delete.key("pk", AttributeValue::S(format!("ACCOUNT#{}", sample::ACCOUNT)));
    delete.key("sk", AttributeValue::S("ACCOUNT".to_owned())).send().await.expect("a write");
    let latchkey = table.latchkey(KeyPolicy::default());
    let outcome = latchkey.authenticate(&headers::bearer(SampleKey::FullAccess)).await;
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
        let headers = headers::authorization(&format!("Bearer {mutant}"));
        latchkey.authenticate(&headers).await.expect_err("refused");
    }
    assert_eq!(table.meter.take(), Usage::default());
}

#[tokio::test]
async fn an_unknown_key_costs_one_more_read() {
    let table = TestTable::start().await;
    let latchkey = table.latchkey(KeyPolicy::default());
    latchkey.authenticate(&headers::bearer(SampleKey::Unknown)).await.expect_err("unknown");
    assert_eq!(table.meter.take().requests, [("BatchGetItem", 2)].into());
    latchkey.authenticate(&headers::bearer(SampleKey::Root)).await.expect("known");
    assert_eq!(table.meter.take().requests, [("BatchGetItem", 1)].into());
}
