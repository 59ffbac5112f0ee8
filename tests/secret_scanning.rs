//! The rules for secret scanners find every key of a deployment, and nothing else.
//!
//! gitleaks and `TruffleHog` apply Go's regular expressions, which have RE2's syntax and semantics. The crate `regex`
//! has the same for what the rules use: literals, classes, counted repetition, a group, and `\b`. Only its `\b`
//! would know Unicode, so it is turned off.

use latchkey::id::{KeyId, ServiceAccountId};
use latchkey::time::Timestamp;
use latchkey::token::{Prefix, Token};
use latchkey_testkit::project;
use rand::SeedableRng;
use rand::rngs::StdRng;
use regex::{Regex, RegexBuilder};
use serde_json::Value;

const GITLEAKS: &str = "examples/secret-scanning/gitleaks.toml";
const TRUFFLEHOG: &str = "examples/secret-scanning/trufflehog.yaml";
const PAGE: &str = "docs/leaks.md";

/// How many tokens the test mints.
const TOKENS: u64 = 2_000;

/// What surrounds a token in files.
const PLACES: &[(&str, &str)] = &[
    ("", ""),
    ("LATCHKEY_TOKEN=", "\n"),
    ("LATCHKEY_TOKEN=\"", "\";"),
    ("{\"key\":\"", "\"}"),
    ("Authorization: Bearer ", "\r\n"),
    ("https://example.com/?token=", "&a=b"),
    ("`", "`."),
    ("(", ")"),
    ("é", "é"),
    ("-", "-"),
];

/// A scanner's rule: its keywords and its expression.
struct Rule {
    keywords: Vec<String>,
    pattern: String,
}

fn strings(values: &Value) -> Vec<String> {
    let values = values.as_array().expect("a list").iter();
    values.map(|value| value.as_str().expect("a text").to_owned()).collect()
}

/// The rules of the files that ship.
fn rules() -> [Rule; 2] {
    let gitleaks: Value = toml::from_str(&project::text(GITLEAKS)).expect("TOML");
    let trufflehog = project::yaml(TRUFFLEHOG);
    let (first, second) = (&gitleaks["rules"], &trufflehog["detectors"]);
    assert_eq!(
        (first.as_array().map(Vec::len), second.as_array().map(Vec::len)),
        (Some(1), Some(1))
    );
    let rule = |keywords: &Value, pattern: &Value| Rule {
        keywords: strings(keywords),
        pattern: pattern.as_str().expect("an expression").to_owned(),
    };
    [
        rule(&first[0]["keywords"], &first[0]["regex"]),
        rule(&second[0]["keywords"], &second[0]["regex"]["key"]),
    ]
}

/// Compiles an expression as Go does.
fn compile(pattern: &str) -> Regex {
    RegexBuilder::new(pattern).unicode(false).build().expect("an expression")
}

/// The rules of the deployment with this prefix: the files, as they say to change them.
fn of_prefix(prefix: &str) -> [(Vec<String>, Regex); 2] {
    rules().map(|rule| {
        let keywords =
            rule.keywords.iter().map(|keyword| keyword.replace("sk_", &format!("{prefix}_")));
        let pattern = rule.pattern.replacen("sk_", &format!("{prefix}_"), 1);
        (keywords.collect(), compile(&pattern))
    })
}

/// A token that only `seed` and `prefix` determine, of a service account or of a root key.
fn token(seed: u64, prefix: &str) -> String {
    let mut rng = StdRng::seed_from_u64(seed);
    let now = Timestamp::from_millis(1_780_315_200_000).expect("in range");
    let account = match seed % 5 {
        0 => ServiceAccountId::root(),
        _ => ServiceAccountId::mint(&mut rng, now).expect("infallible"),
    };
    let key = KeyId::mint(&mut rng, now).expect("infallible");
    let prefix: Prefix = prefix.parse().expect("a prefix");
    Token::mint(&mut rng, &prefix, account, key).expect("infallible").expose().to_owned()
}

#[test]
fn files_and_page_have_the_published_pattern_with_one_prefix() {
    // gitleaks reports the group of an expression that has one.
    let expected = Token::PATTERN.replace("[a-z0-9_]{1,16}_", "sk_").replace("(ROOT", "(?:ROOT");
    for rule in rules() {
        assert_eq!(rule.pattern, expected);
        assert_eq!(rule.keywords, ["sk_"]);
    }
    assert!(project::text(PAGE).contains(&expected), "{PAGE} does not show {expected}");
    assert_eq!(compile(&expected).captures_len(), 1);
}

#[test]
fn every_key_is_found_wherever_it_is() {
    for prefix in ["sk", "acme_live", "_", "0123456789abcdef"] {
        for (keywords, pattern) in of_prefix(prefix) {
            for seed in 0..TOKENS {
                let token = token(seed, prefix);
                let (before, after) = PLACES[seed as usize % PLACES.len()];
                let text = format!("{before}{token}{after}");
                // Scanners look for keywords in lower case.
                let lower = text.to_lowercase();
                assert!(keywords.iter().any(|keyword| lower.contains(keyword)), "{prefix}");
                let found: Vec<&str> =
                    pattern.find_iter(&text).map(|found| found.as_str()).collect();
                assert_eq!(found, [token.as_str()], "{before:?}, {after:?}");
            }
        }
    }
}

#[test]
fn several_keys_in_one_text_are_all_found() {
    let tokens: Vec<String> = (0..50).map(|seed| token(seed, "sk")).collect();
    for (_, pattern) in of_prefix("sk") {
        for separator in ["\n", ",", " ", "\",\""] {
            let text = tokens.join(separator);
            let found: Vec<&str> = pattern.find_iter(&text).map(|found| found.as_str()).collect();
            assert_eq!(found, tokens, "{separator:?}");
        }
    }
}

#[test]
fn what_is_not_a_key_of_this_deployment_is_not_found() {
    let rules = of_prefix("sk");
    for seed in 0..TOKENS {
        let token = token(seed, "sk");
        let (visible, secret) = token.rsplit_once('_').expect("a secret");
        // Not the first character, before which a space leaves the key as it is.
        let at = 1 + usize::try_from(seed).expect("small") % (token.len() - 1);
        let others = [
            // Its parts, and other lengths.
            visible.to_owned(),
            secret.to_owned(),
            token[1..].to_owned(),
            token[..token.len() - 1].to_owned(),
            format!("{token}0"),
            format!("{token}_"),
            format!("a{token}"),
            // Another deployment's prefix, and one that ends like this one.
            token.replacen("sk_", "pk_", 1),
            token.replacen("sk_", "SK_", 1),
            format!("acme_{token}"),
            // Other characters.
            token.to_lowercase(),
            token.replace('_', "-"),
            format!("{}.{}", &token[..at], &token[at + 1..]),
            format!("{} {}", &token[..at], &token[at..]),
        ];
        for (_, pattern) in &rules {
            for other in &others {
                assert!(!pattern.is_match(other), "{other}");
            }
        }
    }
    for (_, pattern) in &rules {
        for other in [
            // Of the lengths of others' keys with the same prefix, as the generic rules of scanners show them.
            &format!("sk_live_{}", "4".repeat(24)),
            &format!("sk_test_{}", "a1B2".repeat(24)),
            &format!("sk-{}", "a1B2".repeat(12)),
            "sk_SAMPLEACCOUNT001_018HULLP3HG1YG7U_",
            "sk_<account>_<key>_<secret>",
            "",
        ] {
            assert!(!pattern.is_match(other), "{other}");
        }
    }
}
