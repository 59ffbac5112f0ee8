//! Files of `export NAME=value` lines, for a shell to source and pass on to its child processes.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Variables in the order in which they are written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct EnvFile(Vec<(String, String)>);

impl EnvFile {
    /// Adds a variable.
    ///
    /// # Panics
    ///
    /// If a shell would not take the value literally. Our values are IDs, tokens, and URLs.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        assert!(is_literal(value), "{name} has a value that a shell would interpret");
        self.0.push((name.to_owned(), value.to_owned()));
    }

    /// The variable's value.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// Names and values.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Reads a file that [`EnvFile::write`] wrote; `None` if the file does not exist.
    pub(crate) fn read(path: &Path) -> Result<Option<Self>, String> {
        match fs::read_to_string(path) {
            Ok(text) => Ok(Some(Self::parse(&text))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(format!("cannot read {}: {error}", path.display())),
        }
    }

    /// Replaces the whole file. Only its owner may read it, because it contains tokens.
    pub(crate) fn write(&self, path: &Path) -> Result<(), String> {
        self.replace(path).map_err(|error| format!("cannot write {}: {error}", path.display()))
    }

    fn replace(&self, path: &Path) -> std::io::Result<()> {
        let partial = path.with_extension("partial");
        // An interrupted start may have left this file, perhaps with other permissions.
        let _ = fs::remove_file(&partial);
        let mut file: File =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial)?;
        file.write_all(self.render().as_bytes())?;
        file.sync_all()?;
        fs::rename(&partial, path)
    }

    fn render(&self) -> String {
        let lines = self.iter().map(|(name, value)| format!("export {name}={value}\n"));
        format!("# Written by `cargo dev`.\n{}", lines.collect::<String>())
    }

    /// Skips invalid lines, so that a bad edit loses a line and does not prevent the start.
    fn parse(text: &str) -> Self {
        let assignments = text.lines().filter_map(|line| line.trim().strip_prefix("export "));
        let assignments = assignments.filter_map(|assignment| assignment.split_once('='));
        Self(assignments.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

fn is_literal(value: &str) -> bool {
    value.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.:/".contains(&b))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn sample() -> EnvFile {
        let mut file = EnvFile::default();
        file.set("LATCHKEY_URL", "http://127.0.0.1:9000");
        file.set("LATCHKEY_TOKEN", "sk_01ABC_01DEF_x9");
        file
    }

    #[test]
    fn a_shell_reads_what_was_set() {
        let text = sample().render();
        let expected = "# Written by `cargo dev`.\nexport LATCHKEY_URL=http://127.0.0.1:9000\nexport LATCHKEY_TOKEN=sk_01ABC_01DEF_x9\n";
        assert_eq!(text, expected);
        assert_eq!(EnvFile::parse(&text), sample());
    }

    #[test]
    fn what_is_no_assignment_is_skipped() {
        let file = EnvFile::parse("\n# A=0\nexport B=1=2\nC\n");
        assert_eq!(file.iter().collect::<Vec<_>>(), [("B", "1=2")]);
        assert_eq!(file.get("A"), None);
    }

    #[test]
    #[should_panic(expected = "LATCHKEY_TOKEN")]
    fn nothing_is_written_that_a_shell_would_run() {
        EnvFile::default().set("LATCHKEY_TOKEN", "$(id)");
    }

    #[test]
    fn only_the_owner_reads_the_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("dev.env");
        assert_eq!(EnvFile::read(&path), Ok(None));
        fs::write(folder.path().join("dev.partial"), "left over").expect("a file");
        fs::write(&path, "LATCHKEY_URL=old").expect("a file");
        sample().write(&path).expect("written");
        assert_eq!(EnvFile::read(&path), Ok(Some(sample())));
        let mode = fs::metadata(&path).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
    }
}
