//! A list's cursor: only the one that was given out opens, for the same caller, list, and day.

#![no_main]

use std::time::Duration;

use latchkey::service::{CallerSecret, Cursors};
use latchkey_fuzz::sample;
use libfuzzer_sys::fuzz_target;
use rand::SeedableRng;
use rand::rngs::ChaCha20Rng;

fuzz_target!(|input: (u16, u8, &str)| {
    let (position, change, text) = input;
    let (caller, other) = (CallerSecret::of("a token"), CallerSecret::of("another token"));
    let cursors = Cursors::new(&caller, "keys".to_owned());
    let now = sample::now();
    assert_eq!(cursors.open(text, now), None, "opened without having been given out");

    let mut rng = ChaCha20Rng::seed_from_u64(position.into());
    let given = cursors.seal(&mut rng, text, now).expect("a cursor");
    assert_eq!(cursors.open(&given, now).as_deref(), Some(text));
    assert_eq!(Cursors::new(&other, "keys".to_owned()).open(&given, now), None);
    assert_eq!(Cursors::new(&caller, text.to_owned() + "/").open(&given, now), None);
    let day = now.saturating_add(Duration::from_secs(24 * 3600 + 1));
    assert_eq!(cursors.open(&given, day), None);

    let mut changed = given.into_bytes();
    let position = usize::from(position) % changed.len();
    changed[position] ^= change;
    if change != 0
        && let Ok(changed) = std::str::from_utf8(&changed)
    {
        assert_eq!(cursors.open(changed, now), None, "opened after a change");
    }
    changed.truncate(position);
    if let Ok(start) = std::str::from_utf8(&changed) {
        assert_eq!(cursors.open(start, now), None, "a part of it opened");
    }
});
