//! An RFC 3339 time, compared with a second reading of the RFC.

#![no_main]

use std::time::Duration;

use latchkey::audit::EventTime;
use latchkey::time::Timestamp;
use libfuzzer_sys::fuzz_target;

/// Milliseconds since the Unix epoch, by RFC 3339, section 5.6.
fn millis(text: &[u8]) -> Option<i64> {
    let number = |from: usize, to: usize| -> Option<i64> {
        let digits = text.get(from..to)?;
        let digit = |byte: &u8| byte.is_ascii_digit().then(|| i64::from(byte - b'0'));
        digits.iter().try_fold(0, |sum, byte| Some(sum * 10 + digit(byte)?))
    };
    let is = |at: usize, allowed: &[u8]| text.get(at).is_some_and(|byte| allowed.contains(byte));
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let separated = is(4, b"-") && is(7, b"-") && is(10, b"Tt ") && is(13, b":") && is(16, b":");
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let february = if leap { 29 } else { 28 };
    let days = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let month = usize::try_from(month).ok()?.checked_sub(1)?;
    let in_range =
        (1..=*days.get(month)?).contains(&day) && hour < 24 && minute < 60 && second <= 60;
    if !separated || !in_range {
        return None;
    }

    let mut at = 19;
    let mut fraction = 0;
    if is(at, b".") {
        let digits = text[at + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        for place in 0..3 {
            let digit = if place < digits { number(at + 1 + place, at + 2 + place)? } else { 0 };
            fraction = fraction * 10 + digit;
        }
        at += 1 + digits;
        if digits == 0 {
            return None;
        }
    }
    let offset = match &text[at..] {
        [b'Z' | b'z'] => 0,
        [sign @ (b'+' | b'-'), _, _, b':', _, _] => {
            let (hours, minutes) = (number(at + 1, at + 3)?, number(at + 4, at + 6)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            (hours * 60 + minutes) * if *sign == b'-' { -1 } else { 1 }
        }
        _ => return None,
    };

    let leap_days = |year: i64| {
        (year + 3).div_euclid(4) - (year + 99).div_euclid(100) + (year + 399).div_euclid(400)
    };
    let days = year * 365 + leap_days(year) + days[..month].iter().sum::<i64>() + day - 1 - 719_528;
    let minutes = (days * 24 + hour) * 60 + minute - offset;
    let millis = (minutes * 60 + second) * 1000 + fraction;
    (-62_167_219_200_000..=253_402_300_799_999).contains(&millis).then_some(millis)
}

fuzz_target!(|text: &str| {
    let read = text.parse::<Timestamp>();
    assert_eq!(read.ok().map(Timestamp::as_millis), millis(text.as_bytes()));
    let Ok(time) = read else { return };
    let written = time.to_string();
    assert_eq!(written.parse(), Ok(time));
    assert_eq!(Timestamp::from_millis(time.as_millis()), Some(time));
    assert!(time.as_seconds_ceil() * 1000 >= time.as_millis());
    // The texts are in the order of the times.
    let step =
        Duration::from_millis(u64::try_from(text.len()).expect("a length").saturating_pow(8));
    let (before, after) = (time.saturating_sub(step), time.saturating_add(step));
    assert!(before <= time && time <= after);
    assert!(before.to_string() <= written && written <= after.to_string());
    // The time of an event is the same, rounded up to the microsecond, and at least 1970.
    let event: EventTime = text.parse().expect("an event can have any time");
    assert_eq!(event.to_string().parse(), Ok(event));
    let earliest = EventTime::from(time);
    assert!((earliest..=earliest.plus(1000)).contains(&event));
});
