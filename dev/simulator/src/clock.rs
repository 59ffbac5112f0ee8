//! Clocks of programs that differ from the system's, and step.
//!
//! The programs stay as they ship: a small library, loaded before the C library, tells them the time.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

const SOURCE: &str = include_str!("clock.c");

/// The library that tells a program another time.
#[derive(Clone, Debug)]
pub(crate) struct ClockLibrary(PathBuf);

impl ClockLibrary {
    /// Compiles the library into `folder` with the system's C compiler, which Rust's dependencies need too.
    pub(crate) fn build(folder: &Path) -> Result<Self, String> {
        let (source, library) = (folder.join("clock.c"), folder.join("clock.so"));
        let failed = |problem: String| format!("cannot build the simulated clock: {problem}");
        fs::write(&source, SOURCE).map_err(|error| failed(error.to_string()))?;
        let mut compile = Command::new("cc");
        compile
            .args(["-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o"])
            .arg(&library)
            .arg(&source);
        let status = compile.status().map_err(|error| failed(format!("cc: {error}")))?;
        if status.success() { Ok(Self(library)) } else { Err(failed(format!("cc: {status}"))) }
    }
}

/// The clock of one program.
#[derive(Debug)]
pub(crate) struct SimulatedClock {
    preloaded: ClockLibrary,
    path: PathBuf,
    file: File,
}

impl SimulatedClock {
    /// Creates a clock that shows the system's time, with a file called `name`.
    pub(crate) fn new(library: &ClockLibrary, folder: &Path, name: &str) -> Self {
        let path = folder.join(name);
        let file = File::options().create(true).truncate(true).write(true).open(&path);
        let clock = Self { preloaded: library.clone(), path, file: file.expect("a clock's file") };
        clock.set(0);
        clock
    }

    /// Sets how many milliseconds the clock is ahead of the system's.
    pub(crate) fn set(&self, offset: i64) {
        self.file.write_all_at(&offset.to_ne_bytes(), 0).expect("a clock's file");
    }

    /// The variables that give a program this clock.
    pub(crate) fn variables(&self) -> [(&'static str, String); 2] {
        let text = |path: &Path| path.display().to_string();
        [("LD_PRELOAD", text(&self.preloaded.0)), ("SIMULATED_CLOCK", text(&self.path))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_sees_the_shifted_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let library = ClockLibrary::build(folder.path()).expect("a library");
        let clock = SimulatedClock::new(&library, folder.path(), "clock");
        let year = || {
            let mut date = Command::new("date");
            date.arg("+%Y").envs(clock.variables());
            let output = date.output().expect("date runs");
            String::from_utf8_lossy(&output.stdout).trim().parse::<i64>().expect("a year")
        };
        let now = year();
        for years in [20, -20] {
            clock.set(years * 365_250 * 24 * 3600);
            assert!((year() - now - years).abs() <= 1, "{} instead of {years} from {now}", year());
        }
    }
}
