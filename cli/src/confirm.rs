//! Confirmation of irreversible actions.

use std::io::{BufRead, IsTerminal, Write};

use latchkey::service::Clock;
use latchkey::time::Timestamp;

use crate::args::Consent;

/// Asks `question`, unless the operator has already agreed with `--yes`. Returns the time of the consent, which is the
/// time of the action: an operator may take long to answer, and a change must not be recorded earlier than it is made.
///
/// # Errors
///
/// If there is no terminal to ask on, or the answer is no. The caller must then do nothing.
pub(crate) fn confirm(
    consent: Consent,
    question: &str,
    clock: &Clock,
) -> Result<Timestamp, String> {
    if consent.yes {
        return Ok(clock.now());
    }
    let input = std::io::stdin();
    if !input.is_terminal() {
        return Err("this cannot be undone; pass `--yes` to confirm".to_owned());
    }
    ask(question, clock, &mut input.lock(), &mut std::io::stderr())
}

fn ask(
    question: &str,
    clock: &Clock,
    input: &mut impl BufRead,
    output: &mut impl Write,
) -> Result<Timestamp, String> {
    let mut answer = String::new();
    write!(output, "{question} This cannot be undone. [y/N] ")
        .and_then(|()| output.flush())
        .and_then(|()| input.read_line(&mut answer))
        .map_err(|error| format!("cannot ask for confirmation: {error}"))?;
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(clock.now()),
        _ => Err("not confirmed; nothing was changed".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Read};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use super::*;

    /// An operator who answers when the clock is at `minutes`.
    struct Late<'a> {
        answer: &'a [u8],
        minutes: u64,
        clock: Arc<AtomicU64>,
    }

    impl Read for Late<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            self.clock.store(self.minutes, Ordering::SeqCst);
            self.answer.read(buffer)
        }
    }

    #[test]
    fn the_time_is_that_of_the_answer() {
        let minutes = Arc::new(AtomicU64::new(1));
        let at = |minutes: u64| Timestamp::UNIX_EPOCH.saturating_add(Duration::from_mins(minutes));
        let told = minutes.clone();
        let clock = Clock::new(move || at(told.load(Ordering::SeqCst)));
        let late = Late { answer: b"y\n", minutes: 11, clock: minutes };
        let asked = ask("Revoke it?", &clock, &mut BufReader::new(late), &mut Vec::new());
        assert_eq!(asked, Ok(at(11)));
        assert_eq!(confirm(Consent { yes: true }, "Revoke it?", &clock), Ok(at(11)));
    }

    #[test]
    fn only_a_yes_is_a_yes() {
        for (answer, confirmed) in [
            ("y\n", true),
            ("Yes\r\n", true),
            ("n\n", false),
            ("\n", false),
            ("", false),
            ("yesterday\n", false),
        ] {
            let mut shown = Vec::new();
            let asked = ask("Revoke it?", &Clock::system(), &mut answer.as_bytes(), &mut shown);
            assert_eq!(asked.is_ok(), confirmed, "{answer:?}");
            assert_eq!(shown, b"Revoke it? This cannot be undone. [y/N] ");
        }
    }
}
