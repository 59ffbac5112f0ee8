//! Forged, altered, and swapped reports: none is taken for one of GitHub's.

use std::num::NonZero;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use latchkey::time::Timestamp;
use latchkey_http::Error;
use latchkey_http::http::{HeaderMap, HeaderValue};
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use ring::signature::ECDSA_P384_SHA384_ASN1_SIGNING;
use sha2::{Digest, Sha256};
use tokio::runtime::Builder;

use super::keys::{SigningKey, document, generate, sign};
use crate::leaks::signature::{KEY_IDENTIFIER, SIGNATURE};
use crate::leaks::{KeySource, PublicKeys, verify};

/// How many forgeries the test tries, unless `LATCHKEY_FORGERIES` says how many. A million take minutes without
/// optimization.
const FORGERIES: usize = 20_000;

/// How many genuine reports the forgeries start from.
const REPORTS: usize = 32;

/// The order of P-256's group (SEC 2, section 2.4.2).
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// A report: the identifier of its key, its signature in DER, and its body.
#[derive(Clone)]
struct Report {
    key: String,
    signature: Vec<u8>,
    body: Vec<u8>,
}

/// What is sent: a report whose headers may be anything.
struct Sent {
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Report {
    fn signed(key: &SigningKey, number: usize) -> Self {
        let body = format!(
            r#"[{{"token":"token_{number}","type":"key","url":"https://example.com/{number}","source":"commit"}}]"#
        );
        let body = body.into_bytes();
        Self { key: key.id.clone(), signature: key.sign(&body), body }
    }

    fn send(self) -> Sent {
        let text = STANDARD.encode(&self.signature);
        self.send_as(&text)
    }

    /// Sends it with this text as the signature.
    fn send_as(self, signature: &str) -> Sent {
        let mut headers = HeaderMap::new();
        let value = |text: &str| HeaderValue::from_str(text).expect("a value");
        headers.insert(KEY_IDENTIFIER, value(&self.key));
        headers.insert(SIGNATURE, value(signature));
        Sent { headers, body: self.body }
    }

    /// The two numbers of the signature.
    fn numbers(&self) -> [Vec<u8>; 2] {
        let r_length = usize::from(self.signature[3]);
        let number = |start: usize, length: usize| {
            let bytes = &self.signature[start..start + length];
            let digits: Vec<u8> = bytes.iter().copied().skip_while(|byte| *byte == 0).collect();
            [vec![0; 32 - digits.len()], digits].concat()
        };
        let s = 4 + r_length + 2;
        [number(4, r_length), number(s, usize::from(self.signature[s - 1]))]
    }
}

/// An integer in DER.
fn integer(number: &[u8]) -> Vec<u8> {
    let mut digits: Vec<u8> = number.iter().copied().skip_while(|byte| *byte == 0).collect();
    if digits.first().is_none_or(|first| first & 0x80 != 0) {
        digits.insert(0, 0);
    }
    tagged(0x02, &digits)
}

fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).expect("short");
    [&[tag, length][..], content].concat()
}

fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    tagged(0x30, &parts.concat())
}

/// The order minus `number`.
fn negated(number: &[u8]) -> Vec<u8> {
    let mut borrow = 0;
    let digits = ORDER.iter().zip(number).rev().map(|(order, digit)| {
        let difference = i32::from(*order) - i32::from(*digit) - borrow;
        borrow = i32::from(difference < 0);
        u8::try_from(difference.rem_euclid(256)).expect("a byte")
    });
    let mut digits: Vec<u8> = digits.collect();
    digits.reverse();
    digits
}

/// Everything that a forger may have: GitHub's reports, but not its keys.
struct Forger {
    reports: Vec<Report>,
    own: SigningKey,
    own_p384: ring::signature::EcdsaKeyPair,
    random: StdRng,
}

/// A way to change a report.
type Forgery = fn(&mut Forger, Report) -> Sent;

const WAYS: &[(&str, Forgery)] = &[
    ("a bit of the body", |forger, mut report| {
        forger.flip(&mut report.body);
        report.send()
    }),
    ("a byte more or less in the body", |forger, mut report| {
        let at = forger.below(report.body.len());
        if forger.random.random() {
            report.body.insert(at, b' ');
        } else {
            report.body.remove(at);
        }
        report.send()
    }),
    ("a truncated body", |forger, mut report| {
        let length = forger.below(report.body.len());
        report.body.truncate(length);
        report.send()
    }),
    ("two reports in one", |forger, mut report| {
        let other = forger.other(&report);
        report.body.extend_from_slice(&other.body);
        report.send()
    }),
    ("the same JSON with other spaces", |_, mut report| {
        let text = String::from_utf8(report.body).expect("text");
        report.body = text.replacen(',', ", ", 1).into_bytes();
        report.send()
    }),
    ("the signature of another report", |forger, mut report| {
        report.signature = forger.other(&report).signature;
        report.send()
    }),
    ("the identifier of GitHub's other key", |_, mut report| {
        report.key = if report.key == "current" { "earlier".into() } else { "current".into() };
        report.send()
    }),
    ("an unknown identifier", |forger, mut report| {
        report.key = match forger.below(4) {
            0 => report.key.to_ascii_uppercase(),
            1 => format!("{} ", report.key),
            2 => report.key[1..].to_owned(),
            _ => format!("key{}", forger.random.next_u32()),
        };
        report.send()
    }),
    ("a bit of the signature", |forger, mut report| {
        forger.flip(&mut report.signature);
        report.send()
    }),
    ("a truncated signature", |forger, mut report| {
        let length = forger.below(report.signature.len());
        report.signature.truncate(length);
        report.send()
    }),
    ("more after the signature", |forger, mut report| {
        report.signature.push(forger.random.random());
        report.send()
    }),
    ("random numbers", |forger, mut report| {
        let mut numbers = [[0; 32]; 2];
        numbers.iter_mut().for_each(|number| forger.random.fill_bytes(number));
        report.signature = sequence(&numbers.map(|number| integer(&number)));
        report.send()
    }),
    ("numbers at the limits", |forger, mut report| {
        let mut above = ORDER;
        above[31] += 1;
        let limits = [&[][..], &[1], &ORDER, &above, &[0xff; 32], &[0xff; 33]];
        let [r, s] = report.numbers();
        let limit = integer(limits[forger.below(limits.len())]);
        report.signature = match forger.below(3) {
            0 => sequence(&[limit, integer(&s)]),
            1 => sequence(&[integer(&r), limit]),
            _ => sequence(&[limit.clone(), limit]),
        };
        report.send()
    }),
    ("a negated first number", |_, mut report| {
        let [r, s] = report.numbers();
        report.signature = sequence(&[integer(&negated(&r)), integer(&s)]);
        report.send()
    }),
    ("exchanged numbers", |_, mut report| {
        let [r, s] = report.numbers();
        report.signature = sequence(&[integer(&s), integer(&r)]);
        report.send()
    }),
    ("the same numbers in BER that is not DER", |forger, mut report| {
        let [r, s] = report.numbers().map(|number| integer(&number));
        let padded = |number: &[u8]| tagged(0x02, &[&[0][..], &number[2..]].concat());
        let content = [&*r, &*s].concat();
        let length = u8::try_from(content.len()).expect("short");
        report.signature = match forger.below(6) {
            0 => sequence(&[padded(&r), s]),
            1 => sequence(&[r, padded(&s)]),
            2 => [&[0x30, 0x81, length][..], &content].concat(),
            3 => [&[0x30, 0x82, 0, length][..], &content].concat(),
            4 => [&[0x30, 0x80][..], &content, &[0, 0]].concat(),
            _ => tagged(0x31, &content),
        };
        report.send()
    }),
    ("the numbers without DER", |_, mut report| {
        report.signature = report.numbers().concat();
        report.send()
    }),
    ("a signature by a key that is not GitHub's", |forger, mut report| {
        report.signature = forger.own.sign(&report.body);
        report.send()
    }),
    ("a signature on another curve", |forger, mut report| {
        report.signature = sign(&forger.own_p384, &report.body);
        report.send()
    }),
    ("an own body, signed by an own key", |forger, _| {
        let number = forger.below(usize::MAX);
        let mut report = Report::signed(&forger.own, number);
        report.key = "current".into();
        report.send()
    }),
    ("the hash instead of the body", |_, mut report| {
        report.body = Sha256::digest(&report.body).to_vec();
        report.send()
    }),
    ("another Base64 of the same signature", |forger, report| {
        let text = STANDARD.encode(&report.signature);
        let other = match forger.below(5) {
            0 => format!(" {text}"),
            1 => format!("{text}="),
            2 => text[..text.len() - 4].to_owned(),
            3 => STANDARD_NO_PAD.encode([&*report.signature, b"A"].concat()),
            _ => URL_SAFE.encode(&report.signature).replacen('M', "-", 1),
        };
        report.send_as(&other)
    }),
    ("a missing or repeated header", |forger, report| {
        let mut sent = report.send();
        let name = [KEY_IDENTIFIER, SIGNATURE][forger.below(2)];
        let value = sent.headers[name].clone();
        match forger.below(3) {
            0 => drop(sent.headers.remove(name)),
            1 => drop(sent.headers.append(name, value)),
            _ => drop(sent.headers.insert(name, HeaderValue::from_static(""))),
        }
        sent
    }),
];

impl Forger {
    fn below(&mut self, end: usize) -> usize {
        self.random.random_range(..end)
    }

    fn flip(&mut self, bytes: &mut [u8]) {
        let at = self.below(bytes.len());
        bytes[at] ^= 1 << self.below(8);
    }

    /// One of GitHub's reports.
    fn report(&mut self) -> Report {
        let number = self.below(self.reports.len());
        self.reports[number].clone()
    }

    /// One of GitHub's other reports.
    fn other(&mut self, than: &Report) -> Report {
        loop {
            let report = self.report();
            if report.body != than.body {
                return report;
            }
        }
    }
}

/// GitHub with two keys, and who has seen its reports.
fn github(seed: u64) -> (PublicKeys, Forger) {
    let keys = [SigningKey::new("current"), SigningKey::new("earlier")];
    let reports = (0..REPORTS).map(|number| Report::signed(&keys[number % 2], number)).collect();
    let document = document(&[&keys[0], &keys[1]]);
    let source = KeySource::new(move || {
        let document = document.clone();
        Box::pin(async move { Ok(document) })
    });
    let forger = Forger {
        reports,
        own: SigningKey::new("own"),
        own_p384: generate(&ECDSA_P384_SHA384_ASN1_SIGNING),
        random: StdRng::seed_from_u64(seed),
    };
    (PublicKeys::new(source), forger)
}

fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().expect("a time")
}

/// Tries `count` forgeries, and now and then a genuine report.
async fn try_forgeries(seed: u64, count: usize) {
    let (keys, mut forger) = github(seed);
    let verify = async |sent: Sent| verify(&keys, &sent.headers, &sent.body, now()).await;
    for number in 0..count {
        let (way, forge) = WAYS[number % WAYS.len()];
        let report = forger.report();
        let sent = forge(&mut forger, report);
        let refused = matches!(verify(sent).await, Err(Error::InvalidSignature(_)));
        assert!(refused, "{way}, seed {seed}, number {number}");
        if number % 1000 == 0 {
            verify(forger.report().send()).await.expect("a genuine report");
        }
    }
}

#[test]
fn no_forged_or_altered_report_verifies() {
    let count = std::env::var("LATCHKEY_FORGERIES").ok();
    let count = count.map_or(FORGERIES, |count| count.parse().expect("a number"));
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || {
                let runtime = Builder::new_current_thread().build().expect("a runtime");
                runtime.block_on(try_forgeries(thread as u64, count.div_ceil(threads)));
            });
        }
    });
}

/// For each ECDSA signature `(r, s)`, `(r, -s)` is one of the same message by the same key. It authorizes nothing
/// that GitHub has not signed: it is a repetition of the same report.
#[tokio::test]
async fn a_negated_signature_authorizes_only_the_report_that_github_signed() {
    let (keys, mut forger) = github(17);
    for _ in 0..20 {
        let mut report = forger.report();
        let [r, s] = report.numbers();
        report.signature = sequence(&[integer(&r), integer(&negated(&s))]);
        let sent = report.clone().send();
        verify(&keys, &sent.headers, &sent.body, now()).await.expect("the same report");
        report.body = forger.other(&report).body;
        let sent = report.send();
        assert!(verify(&keys, &sent.headers, &sent.body, now()).await.is_err());
    }
}
