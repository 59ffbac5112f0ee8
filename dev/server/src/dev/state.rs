//! The folder `.latchkey`: data that is kept between starts, and the lock on it.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The folder, locked for this process until this is dropped.
#[derive(Debug)]
pub(crate) struct State {
    folder: PathBuf,
    lock: File,
}

impl State {
    /// Creates the folder in `root` if it does not exist, and locks it.
    pub(crate) fn open(root: &Path) -> Result<Self, String> {
        let folder = root.join(".latchkey");
        make_private(&folder)?;
        let lock = lock(&folder.join("lock"))?;
        make_private(&folder.join("data"))?;
        Ok(Self { folder, lock })
    }

    /// The file with what a client needs, rewritten at every start.
    pub(crate) fn env_file(&self) -> PathBuf {
        self.folder.join("dev.env")
    }

    /// The data of all starts that are not ephemeral.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The embedded DynamoDB's file.
    pub(crate) fn database(&self) -> PathBuf {
        self.data().join("dynamodb.sqlite")
    }

    /// The first keys of the database, which contains only their digests.
    pub(crate) fn credentials(&self) -> PathBuf {
        self.data().join("keys.env")
    }
}

impl Drop for State {
    fn drop(&mut self) {
        // Closing the file is not enough while a process that is just starting still shares it.
        let _ = self.lock.unlock();
    }
}

fn make_private(folder: &Path) -> Result<(), String> {
    let make = || {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        fs::set_permissions(folder, Permissions::from_mode(0o700))
    };
    make().map_err(|error| format!("cannot create {}: {error}", folder.display()))
}

/// Locks the file. The kernel releases the lock when this process ends, for whatever reason.
fn lock(path: &Path) -> Result<File, String> {
    let failed = |error: std::io::Error| format!("cannot lock {}: {error}", path.display());
    let mut options = OpenOptions::new();
    let mut file =
        options.read(true).write(true).create(true).truncate(false).open(path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => note_holder(&mut file).map_err(failed)?,
        Err(TryLockError::WouldBlock) => return Err(held(&mut file)),
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    Ok(file)
}

fn note_holder(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    write!(file, "{}", std::process::id())
}

fn held(file: &mut File) -> String {
    let mut holder = String::new();
    let _ = file.read_to_string(&mut holder);
    let holder = match holder.parse::<u32>() {
        Ok(process) => format!(" (process {process})"),
        Err(_) => String::new(),
    };
    format!("another `cargo dev`{holder} is running in this folder; stop it first")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_owner_at_a_time() {
        let root = tempfile::tempdir().expect("a folder");
        let first = State::open(root.path()).expect("the first");
        let problem = State::open(root.path()).expect_err("the second");
        let own = format!("(process {})", std::process::id());
        assert!(problem.contains(&own), "{problem}");
        drop(first);
        State::open(root.path()).expect("the third");
    }

    #[test]
    fn nobody_else_looks_into_the_folder() {
        let root = tempfile::tempdir().expect("a folder");
        fs::create_dir(root.path().join(".latchkey")).expect("a folder");
        let state = State::open(root.path()).expect("a state");
        for folder in [root.path().join(".latchkey"), state.data()] {
            let mode = fs::metadata(folder).expect("a folder").permissions().mode();
            assert_eq!(mode & 0o777, 0o700);
        }
    }
}
