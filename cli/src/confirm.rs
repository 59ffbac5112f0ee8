//! Confirmation of irreversible actions.

use std::io::{BufRead, IsTerminal, Write};

use crate::args::Consent;

/// Asks `question`, unless the operator has already agreed with `--yes`.
///
/// # Errors
///
/// If there is no terminal to ask on, or the answer is no. The caller must then do nothing.
pub(crate) fn confirm(consent: Consent, question: &str) -> Result<(), String> {
    if consent.yes {
        return Ok(());
    }
    let input = std::io::stdin();
    if !input.is_terminal() {
        return Err("this cannot be undone; pass `--yes` to confirm".to_owned());
    }
    ask(question, &mut input.lock(), &mut std::io::stderr())
}

fn ask(question: &str, input: &mut impl BufRead, output: &mut impl Write) -> Result<(), String> {
    let mut answer = String::new();
    write!(output, "{question} This cannot be undone. [y/N] ")
        .and_then(|()| output.flush())
        .and_then(|()| input.read_line(&mut answer))
        .map_err(|error| format!("cannot ask for confirmation: {error}"))?;
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err("not confirmed; nothing was changed".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            let asked = ask("Revoke it?", &mut answer.as_bytes(), &mut shown);
            assert_eq!(asked.is_ok(), confirmed, "{answer:?}");
            assert_eq!(shown, b"Revoke it? This cannot be undone. [y/N] ");
        }
    }
}
