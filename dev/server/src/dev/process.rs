//! Programs that stop, with everything they started, when this process stops.

use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::process::{Child, Command};

/// `cargo lambda watch` needs a tenth of a second.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// A program in its own process group: Ctrl-C does not reach it, so this process can end it in order.
#[derive(Debug)]
pub(crate) struct Group {
    name: &'static str,
    child: Child,
}

impl Group {
    /// Starts `command`, which messages call `name`.
    pub(crate) fn spawn(name: &'static str, command: &mut Command) -> Result<Self, String> {
        let child = command.stdin(Stdio::null()).process_group(0).spawn();
        let child = child.map_err(|error| format!("cannot start {name}: {error}"))?;
        Ok(Self { name, child })
    }

    /// Waits for it to end, which it should not, and returns a message about it.
    pub(crate) async fn ended(&mut self) -> String {
        match self.child.wait().await {
            Ok(status) => format!("{} ended unexpectedly ({status}); see above", self.name),
            Err(error) => format!("cannot wait for {}: {error}", self.name),
        }
    }

    /// Ends it like Ctrl-C, and by force after a timeout.
    pub(crate) async fn stop(mut self) {
        let Some(leader) = self.leader() else { return };
        let groups = groups_below(leader).await;
        // Here and below, a process that is already gone needs no signal.
        let _ = killpg(leader, Signal::SIGINT);
        if tokio::time::timeout(STOP_TIMEOUT, self.child.wait()).await.is_err() {
            let _ = killpg(leader, Signal::SIGKILL);
            let _ = self.child.wait().await;
        }
        for group in groups {
            let _ = killpg(group, Signal::SIGKILL);
        }
    }

    /// The group's leader, unless it has ended.
    fn leader(&self) -> Option<Pid> {
        self.child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.leader() {
            let _ = killpg(leader, Signal::SIGTERM);
        }
    }
}

/// The process groups led by descendants of `ancestor`: `cargo lambda watch` creates one for each function.
async fn groups_below(ancestor: Pid) -> Vec<Pid> {
    let list = Command::new("ps").args(["-A", "-o", "pid=,ppid=,pgid="]).output().await;
    // Without `ps`, we rely on `cargo lambda watch` to end its functions, and on the functions to end when
    // it stops responding.
    let list = list.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    leaders_below(ancestor.as_raw(), &list.unwrap_or_default()).map(Pid::from_raw).collect()
}

/// Parses lines of process, parent, and group.
fn leaders_below(ancestor: i32, list: &str) -> impl Iterator<Item = i32> {
    let rows: Vec<[i32; 3]> = list.lines().filter_map(row).collect();
    let mut family = vec![ancestor];
    let mut next = 0;
    while let Some(parent) = family.get(next).copied() {
        next += 1;
        for [process, _, _] in rows.iter().filter(|[_, of, _]| *of == parent) {
            if !family.contains(process) {
                family.push(*process);
            }
        }
    }
    let leads = move |[process, _, group]: &[i32; 3]| {
        process == group && *process != ancestor && family.contains(process)
    };
    rows.into_iter().filter(leads).map(|[process, _, _]| process)
}

fn row(line: &str) -> Option<[i32; 3]> {
    let numbers: Option<Vec<i32>> = line.split_whitespace().map(|text| text.parse().ok()).collect();
    numbers?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_functions_groups_are_found_and_no_others() {
        let list = "
            1     0     1
           40     1    40
           50    40    50
           61    50    61
           62    50    50
           73    62    73
           90     1    90
         what is no row";
        assert_eq!(leaders_below(50, list).collect::<Vec<_>>(), [61, 73]);
        assert_eq!(leaders_below(90, list).count(), 0);
    }

    #[tokio::test]
    async fn stopping_waits_for_the_end() {
        let group = Group::spawn("sleep", Command::new("sleep").arg("600")).expect("started");
        let leader = group.leader().expect("running");
        group.stop().await;
        assert_eq!(killpg(leader, None), Err(nix::errno::Errno::ESRCH));
    }

    #[tokio::test]
    async fn an_end_is_told_with_its_status() {
        let mut group =
            Group::spawn("sh", Command::new("sh").args(["-c", "exit 3"])).expect("started");
        let ended = group.ended().await;
        assert_eq!(ended, "sh ended unexpectedly (exit status: 3); see above");
        let absent =
            Group::spawn("absent", &mut Command::new("/absent")).expect_err("no such program");
        assert!(absent.starts_with("cannot start absent: "), "{absent}");
    }
}
