//! cargo-lambda: the one on the PATH, or one that we install from PyPI.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The lock file that pip installs from, here and in the deployment tests, relative to the repository.
const LOCK_FILE: &str = "tests/e2e/cargo-lambda.txt";
const REQUIREMENTS: &str = include_str!("../../../tests/e2e/cargo-lambda.txt");

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Version(u32, u32, u32);

/// Finds a recent enough cargo-lambda, or installs one.
pub(crate) fn find_or_install(root: &Path) -> Result<PathBuf, String> {
    let folder = root.join(".tools").join("cargo-lambda");
    let own = folder.join("bin").join("cargo-lambda");
    for program in [PathBuf::from("cargo-lambda"), own.clone()] {
        if is_recent(&program) {
            return Ok(program);
        }
    }
    install(&folder, &root.join(LOCK_FILE))?;
    if is_recent(&own) {
        return Ok(own);
    }
    Err(format!("{} does not run on this machine; {}", own.display(), by_hand()))
}

/// The version that this code is written for and installs; a later one on the PATH also works.
fn pinned() -> Version {
    let pinned = REQUIREMENTS.lines().find_map(|line| line.strip_prefix("cargo-lambda=="));
    let number = pinned.and_then(|rest| rest.split_whitespace().next());
    number.and_then(Version::of_numbers).expect("the requirements pin a version of cargo-lambda")
}

fn is_recent(program: &Path) -> bool {
    let output = Command::new(program).args(["lambda", "--version"]).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    text.is_ok_and(|text| Version::parse(&text).is_some_and(|version| version >= pinned()))
}

/// Installs into a temporary folder and renames it at the end.
///
/// A partial installation is therefore never mistaken for a complete one. The program is a single binary,
/// so it works in any folder.
fn install(folder: &Path, lock_file: &Path) -> Result<(), String> {
    let installer = Installer::find()?;
    eprintln!("Installing cargo-lambda {} from PyPI into {}.", pinned(), folder.display());
    let partial = folder.with_extension("partial");
    let failed =
        |error: std::io::Error| format!("cannot install into {}: {error}", folder.display());
    remove(&partial).map_err(failed)?;
    fs::create_dir_all(&partial).map_err(failed)?;
    let installed = installer.run(&partial, lock_file);
    installed.map_err(|problem| format!("{problem}, or {}", by_hand()))?;
    remove(folder).map_err(failed)?;
    fs::rename(&partial, folder).map_err(failed)
}

fn remove(folder: &Path) -> std::io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// How this machine's Python installs a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Installer {
    /// With the pip of a new virtual environment.
    Venv,
    /// With its own pip, if Debian's python3-venv is missing.
    Pip,
}

impl Installer {
    fn find() -> Result<Self, String> {
        if !python_can("pass") {
            return Err(format!("`python3` does not run; install Python 3, or {}", by_hand()));
        }
        if python_can("import ensurepip, venv") {
            return Ok(Self::Venv);
        }
        if python_can("import pip") {
            return Ok(Self::Pip);
        }
        let debian = "on Debian and Ubuntu `apt-get install python3-venv`";
        Err(format!(
            "this Python has neither venv nor pip; install one ({debian}), or {}",
            by_hand()
        ))
    }

    fn run(self, folder: &Path, lock_file: &Path) -> Result<(), String> {
        let options =
            ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"];
        // Without the dependency on zig, which is 80 MB and only for cross-compiling.
        let locked = ["--no-deps", "--require-hashes", "--requirement"];
        let mut pip = match self {
            Self::Venv => {
                let mut venv = python("python3");
                venv.args(["-m", "venv"]).arg(folder);
                succeed("python3 -m venv", &mut venv)?;
                python(folder.join("bin").join("python3"))
            }
            Self::Pip => python("python3"),
        };
        pip.args(options).args(locked).arg(lock_file);
        if self == Self::Pip {
            pip.arg("--target").arg(folder);
        }
        succeed("pip install", &mut pip)
    }
}

fn succeed(name: &str, command: &mut Command) -> Result<(), String> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{name}` failed ({status})")),
        Err(error) => Err(format!("cannot run `{name}`: {error}")),
    }
}

/// A Python whose pip installs to the requested folder, whatever the user's configuration says.
fn python(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env("PIP_USER", "0").env("PIP_REQUIRE_VIRTUALENV", "0");
    command.env_remove("PIP_TARGET").env_remove("PIP_PREFIX");
    command
}

fn python_can(code: &str) -> bool {
    let mut command = Command::new("python3");
    command.args(["-c", code]).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn by_hand() -> String {
    let version = pinned();
    format!(
        "install cargo-lambda {version} yourself, for example with `cargo install --locked cargo-lambda@{version}`"
    )
}

impl Version {
    /// Parses `cargo-lambda 1.9.2 (67129fc 2026-08-21Z)`.
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        words.next().filter(|name| *name == "cargo-lambda")?;
        Self::of_numbers(words.next()?)
    }

    /// Parses `1.9.2`. A prerelease, such as `1.9.2-rc1`, is not accepted.
    fn of_numbers(text: &str) -> Option<Self> {
        let numbers: Option<Vec<u32>> = text.split('.').map(|number| number.parse().ok()).collect();
        match numbers?.as_slice() {
            [major, minor, patch] => Some(Self(*major, *minor, *patch)),
            _ => None,
        }
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(major, minor, patch) = self;
        write!(f, "{major}.{minor}.{patch}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_as_cargo_lambda_prints_it() {
        let parse = |text| Version::parse(text);
        assert_eq!(parse("cargo-lambda 1.9.2 (67129fc 2026-08-21Z)\n"), Some(Version(1, 9, 2)));
        assert_eq!(parse("cargo-lambda 1.10.0"), Some(Version(1, 10, 0)));
        assert_eq!(parse("cargo-lambda 1.9.2-rc1"), None);
        assert_eq!(parse("cargo 1.95.0 (f2d3ce0bd 2026-03-21)"), None);
        assert_eq!(parse(""), None);
    }

    #[test]
    fn versions_compare_by_number() {
        let version = Version(1, 9, 2);
        assert!(Version(1, 10, 0) > version && Version(2, 0, 0) > version);
        assert!(Version(1, 9, 1) < version && Version(1, 8, 99) < version);
        assert_eq!(version.to_string(), "1.9.2");
    }

    #[test]
    fn the_lock_file_pins_a_version_with_hashes() {
        let package = format!("cargo-lambda=={} \\\n    --hash=sha256:", pinned());
        assert!(REQUIREMENTS.contains(&package), "{REQUIREMENTS}");
    }
}
