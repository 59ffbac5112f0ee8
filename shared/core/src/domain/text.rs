//! Names and descriptions that people choose: bounded, and without control characters except tabs and line
//! breaks in a description. Names also exclude bidirectional controls, which could make one name look like
//! another in a list.
//!
//! White space around a name is trimmed, as in Chaser's SDK, which strips names before it sends them.

use std::fmt;
use std::str::FromStr;

/// The reason a string is not a name or a description.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidText {
    /// The text is empty where it may not be.
    #[error("must not be empty")]
    Empty,
    /// The text is longer than this many characters.
    #[error("must be at most {0} characters")]
    TooLong(usize),
    /// The text holds a control character.
    #[error("must not contain control characters")]
    Control,
    /// The text holds a control character that is neither a tab nor the end of a line.
    #[error("must not contain control characters other than tabs and line breaks")]
    ControlInLines,
}

/// The lines of a text. A name has one line. A description may have several, because text that tools read
/// from a file or a block ends in a line break.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lines {
    One,
    Several,
}

/// Returns whether a character has no width and changes the direction of the text after it.
/// Source: <https://www.unicode.org/reports/tr9/#Directional_Formatting_Characters>
fn is_bidirectional_control(character: char) -> bool {
    matches!(
        character,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

fn check(text: &str, min: usize, max: usize, lines: Lines) -> Result<&str, InvalidText> {
    let text = match lines {
        Lines::One => text.trim(),
        Lines::Several => text,
    };
    let length = text.chars().count();
    if length < min {
        return Err(InvalidText::Empty);
    }
    if length > max {
        return Err(InvalidText::TooLong(max));
    }
    match lines {
        Lines::One if text.contains(char::is_control) => Err(InvalidText::Control),
        Lines::Several if text.contains(is_control_in_lines) => Err(InvalidText::ControlInLines),
        _ => Ok(text),
    }
}

fn is_control_in_lines(character: char) -> bool {
    character.is_control() && !matches!(character, '\t' | '\n' | '\r')
}

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $min:literal, $max:literal, $lines:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub struct $name(String);

        impl FromStr for $name {
            type Err = InvalidText;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                if $lines == Lines::One && text.contains(is_bidirectional_control) {
                    return Err(InvalidText::Control);
                }
                Self::stored(text)
            }
        }

        impl $name {
            /// Reads a stored text, which may come from a version with fewer rules.
            pub(crate) fn stored(text: &str) -> Result<Self, InvalidText> {
                check(text, $min, $max, $lines).map(|text| Self(text.to_owned()))
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
    };
}

text! {
    /// The display name of an organization or a service account: 1 to 128 characters without control
    /// characters. Surrounding white space is trimmed.
    ///
    /// ```
    /// use latchkey::text::{InvalidText, Name};
    ///
    /// assert_eq!(" ci ".parse::<Name>().unwrap().as_ref(), "ci");
    /// assert_eq!(" ".parse::<Name>(), Err(InvalidText::Empty));
    /// ```
    Name, 1, 128, Lines::One
}

text! {
    /// The display name of a key: up to 128 characters without control characters. Surrounding white space is
    /// trimmed. May be empty.
    ///
    /// ```
    /// use latchkey::text::KeyName;
    ///
    /// assert_eq!(" ".parse::<KeyName>().unwrap().as_ref(), "");
    /// ```
    KeyName, 0, 128, Lines::One
}

text! {
    /// A service account's description: up to 1024 characters, without control characters other than tabs and
    /// line breaks. May be empty.
    ///
    /// ```
    /// use latchkey::text::{Description, InvalidText};
    ///
    /// assert!("two\nlines\n".parse::<Description>().is_ok());
    /// assert_eq!("\u{7}".parse::<Description>(), Err(InvalidText::ControlInLines));
    /// ```
    Description, 0, 1024, Lines::Several
}

impl Description {
    /// An empty description.
    pub fn empty() -> Self {
        Self(String::new())
    }
}

/// Shortens a text from a caller for an error message: at most 40 characters, with control characters
/// escaped.
///
/// The text may be a key in the wrong place, or part of one. So the excerpt stops after 8 characters of
/// anything that may be part of a secret: a run of letters and digits that, unlike a field name, is not a
/// word.
pub fn excerpt(text: &str) -> String {
    const LENGTH_MAX: usize = 40;
    const SECRET_SHOWN: usize = 8;
    let mut end = text.len();
    let runs = text.split(|character: char| !character.is_ascii_alphanumeric());
    let at = |run: &str| run.as_ptr() as usize - text.as_ptr() as usize;
    for run in runs {
        if run.len() > SECRET_SHOWN && !is_word(run) {
            end = at(run) + SECRET_SHOWN;
            break;
        }
    }
    let kept = &text[..end];
    let mut shown: String = kept.chars().take(LENGTH_MAX).flat_map(char::escape_debug).collect();
    if end < text.len() || kept.chars().nth(LENGTH_MAX).is_some() {
        shown.push('…');
    }
    shown
}

/// Returns whether a run of letters and digits is a word: lowercase letters, or mostly lowercase as in
/// `expiresAt`.
fn is_word(run: &str) -> bool {
    let small = |byte: &u8| byte.is_ascii_lowercase();
    let capitals = run.bytes().filter(u8::is_ascii_uppercase).count();
    run.bytes().all(|byte| byte.is_ascii_alphabetic())
        && run.bytes().take(3).all(|byte| small(&byte))
        && capitals <= 2
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;
    use crate::token::{Prefix, Token};

    #[test]
    fn limits_count_characters_and_not_bytes() {
        assert!("é".repeat(128).parse::<Name>().is_ok());
        assert_eq!("é".repeat(129).parse::<Name>(), Err(InvalidText::TooLong(128)));
        assert!("".parse::<Description>().is_ok());
        assert_eq!(" ".parse::<Name>(), Err(InvalidText::Empty));
        assert_eq!("\u{7f}".parse::<KeyName>(), Err(InvalidText::Control));
    }

    #[test]
    fn only_a_description_has_lines() {
        for line_break in ["\n", "\r\n", "\t"] {
            let text = format!("a{line_break}b");
            assert_eq!(text.parse::<Name>(), Err(InvalidText::Control));
            assert_eq!(text.parse::<KeyName>(), Err(InvalidText::Control));
            assert_eq!(text.parse::<Description>().expect("a description").as_ref(), text);
        }
        for control in ["\0", "\u{b}", "\u{1b}[31m", "\u{7f}", "\u{85}"] {
            assert_eq!(control.parse::<Description>(), Err(InvalidText::ControlInLines));
        }
    }

    #[test]
    fn white_space_around_a_name_does_not_count() {
        let blank =
            "\u{9}\n\u{b}\u{c}\r \u{85}\u{a0}\u{1680}\u{2003}\u{2028}\u{202f}\u{205f}\u{3000}";
        let padded = format!("{blank}nightly  report{blank}");
        assert_eq!(padded.parse::<Name>().expect("a name").as_ref(), "nightly  report");
        assert_eq!(padded.parse::<KeyName>().expect("a name").as_ref(), "nightly  report");
        assert_eq!(blank.parse::<Name>(), Err(InvalidText::Empty));
        assert_eq!(blank.parse::<KeyName>().expect("a name").as_ref(), "");
        let longest = format!(" {} ", "é".repeat(128));
        assert_eq!(longest.parse::<Name>().expect("a name").as_ref(), longest.trim());
        assert_eq!(" a ".parse::<Description>().expect("a description").as_ref(), " a ");
    }

    #[test]
    fn an_excerpt_is_short_and_printable() {
        assert_eq!(excerpt("a\nb"), "a\\nb");
        assert_eq!(excerpt(&"x".repeat(41)), format!("{}…", "x".repeat(40)));
        for whole in ["sessions.admin", "description", "expires_at", "expiresAt", "é è", ""] {
            assert_eq!(excerpt(whole), whole);
        }
        assert_eq!(excerpt("sk_live_a1b2c3d4e5f6"), "sk_live_a1b2c3d4…");
        assert_eq!(excerpt("é ABCDEFGHI jkl"), "é ABCDEFGH…");
    }

    proptest! {
        /// Holds wherever someone puts a key, or a part of one that is long enough to matter.
        #[test]
        fn an_excerpt_holds_no_more_than_8_characters_of_a_secret(
            seed: u64,
            from in 0_usize..60,
            before in "[a-z \"]{0,6}",
        ) {
            let mut rng = StdRng::seed_from_u64(seed);
            let (account, key) = ("0197CTTDF1YT9FUW", "0197CTTLAFLKW3FL");
            let ids = (account.parse().expect("an id"), key.parse().expect("an id"));
            let token = Token::mint(&mut rng, &Prefix::default(), ids.0, ids.1).expect("a token");
            let token = token.expose();
            let secret = token.rsplit('_').next().expect("a secret");
            let shown = excerpt(&format!("{before}{}", &token[from.min(token.len() - 20)..]));
            let leaked = (0..secret.len() - 9).any(|at| shown.contains(&secret[at..at + 9]));
            prop_assert!(!leaked, "{shown}");
        }
    }

    #[test]
    fn a_name_turns_no_text_around() {
        for control in ["\u{61c}", "\u{200e}", "\u{200f}", "\u{202e}", "\u{2066}", "\u{2069}"] {
            let name = format!("a{control}b");
            assert_eq!(name.parse::<Name>(), Err(InvalidText::Control));
            assert_eq!(name.parse::<KeyName>(), Err(InvalidText::Control));
            assert!(name.parse::<Description>().is_ok());
            // Names stored before that rule can still be read.
            assert_eq!(Name::stored(&name).expect("a name").as_ref(), name);
        }
        // Other scripts need these.
        for name in ["שלום", "مرحبا", "a\u{200d}b", "a\u{200c}b"] {
            assert!(name.parse::<Name>().is_ok(), "{name}");
        }
    }
}
