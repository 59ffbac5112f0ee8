//! Text for people: labeled lines for one item, a table for several.

use latchkey::scope::Scope;
use latchkey::time::Timestamp;

/// What a table shows for an absent value.
const NOTHING: &str = "-";

/// Labeled lines; a line without a value is omitted.
pub(crate) fn lines<const N: usize>(lines: [(&str, Option<String>); N]) -> String {
    let line = |(label, value): (&str, Option<String>)| Some(format!("{label:<15}  {}\n", value?));
    lines.into_iter().filter_map(line).collect()
}

/// An aligned table. The last column is not padded, so it should hold the widest or most irregular values.
pub(super) fn table<const N: usize>(
    header: [&str; N],
    rows: impl IntoIterator<Item = [Option<String>; N]>,
) -> String {
    let cell = |cell: Option<String>| {
        cell.filter(|text| !text.is_empty()).unwrap_or_else(|| NOTHING.to_owned())
    };
    let mut table = vec![header.map(str::to_owned)];
    table.extend(rows.into_iter().map(|row| row.map(cell)));
    let mut widths = [0; N];
    for row in &table {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    table.iter().map(line).collect()
}

/// A time for a table: without fractions of a second, but still valid as an option's value.
pub(super) fn seconds(time: Timestamp) -> String {
    let text = time.to_string();
    match text.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z"),
        None => text,
    }
}

/// Puts a text of several lines on one line: characters that break the line or move the cursor are escaped.
pub(super) fn in_one_line(text: &str) -> String {
    let shown = |character: char| match character {
        control if control.is_control() => control.escape_default().to_string(),
        character => character.to_string(),
    };
    text.trim_end().chars().map(shown).collect()
}

/// A key's scopes as text, joined by `separator`.
pub(crate) fn scopes(scopes: &[Scope], separator: &str) -> String {
    if scopes.is_empty() {
        return "full access".to_owned();
    }
    scopes.iter().map(AsRef::as_ref).collect::<Vec<&str>>().join(separator)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Moment;

    #[test]
    fn a_table_is_aligned_and_has_no_trailing_spaces() {
        let text = |text: &str| Some(text.to_owned());
        let rows = [[text("é1"), None, text("a b")], [text("123456"), text("x"), text("")]];
        let expected = "ID      AT  NAME\né1      -   a b\n123456  x   -\n";
        assert_eq!(table(["ID", "AT", "NAME"], rows), expected);
    }

    #[test]
    fn a_text_of_several_lines_is_shown_in_one() {
        assert_eq!(in_one_line("Ünder\n\tway\r\n"), r"Ünder\n\tway");
    }

    #[test]
    fn a_line_without_a_value_is_left_out() {
        let shown = lines([("status", Some("live".to_owned())), ("revoked", None)]);
        assert_eq!(shown, "status           live\n");
    }

    #[test]
    fn a_time_in_a_table_is_one_that_an_option_takes() {
        let time: Timestamp = "2026-06-01T12:00:00.123Z".parse().expect("a time");
        let shown = seconds(time);
        assert_eq!(shown, "2026-06-01T12:00:00Z");
        let cut = Timestamp::from_millis(time.as_millis() - 123).expect("in range");
        assert_eq!(shown.parse::<Moment>(), Ok(Moment::At(cut)));
    }
}
