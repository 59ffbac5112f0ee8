//! A function's process: its CPU time, its memory, and its share of a core.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::time::{ClockId, clock_getcpuclockid};
use nix::unistd::Pid;

/// The memory at which Lambda gives a function one core, in MB.
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html>
const CORE_MB: u64 = 1769;

/// The period in which a share is spent, as Lambda's own, in microseconds.
const PERIOD: u64 = 20_000;

/// A running function, which is killed when this is dropped.
pub(crate) struct Process {
    child: Child,
    clock: ClockId,
}

impl Process {
    /// Starts a program with exactly these variables.
    pub(crate) fn start(command: &[String], environment: &[(String, String)]) -> Self {
        let quiet = std::env::var_os("BENCH_SHOW").is_none();
        let output = || if quiet { Stdio::null() } else { Stdio::inherit() };
        let child = Command::new(&command[0])
            .args(&command[1..])
            .env_clear()
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(output())
            .stderr(output())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", command[0]));
        let pid = Pid::from_raw(child.id().cast_signed());
        let clock = clock_getcpuclockid(pid).expect("a clock");
        Self { child, clock }
    }

    /// The CPU time that all of its threads have used.
    pub(crate) fn cpu(&self) -> Duration {
        self.clock.now().map_or(Duration::ZERO, Duration::from)
    }

    /// The most memory that it had at once, in KiB.
    pub(crate) fn memory(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Asks it to end, so that a profiler writes what it counted, and waits for that.
    pub(crate) fn end(mut self) {
        let _ = kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGTERM);
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A control group that gives its processes the share of a core that Lambda gives at some memory size.
pub(crate) struct Share {
    group: PathBuf,
}

impl Share {
    /// Creates the group; `None` without the right to.
    pub(crate) fn create() -> Option<Self> {
        let first = Path::new("/sys/fs/cgroup/cpu");
        let root = if first.is_dir() { first } else { Path::new("/sys/fs/cgroup") };
        let group = root.join("latchkey-bench");
        std::fs::create_dir_all(&group).ok()?;
        let share = Self { group };
        share.set(CORE_MB)?;
        Some(share)
    }

    /// Sets the share to that of `megabytes`.
    pub(crate) fn set(&self, megabytes: u64) -> Option<()> {
        let quota = PERIOD * megabytes / CORE_MB;
        let write = |file: &str, text: String| std::fs::write(self.group.join(file), text).ok();
        if self.group.join("cpu.cfs_quota_us").exists() {
            write("cpu.cfs_period_us", PERIOD.to_string())?;
            return write("cpu.cfs_quota_us", quota.to_string());
        }
        write("cpu.max", format!("{quota} {PERIOD}"))
    }

    /// Puts a process into the group.
    pub(crate) fn take(&self, process: &Process) {
        let pid = process.child.id().to_string();
        std::fs::write(self.group.join("cgroup.procs"), pid).expect("a control group");
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(&self.group);
    }
}
