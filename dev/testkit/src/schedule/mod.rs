//! Schedules of concurrent operations: each request of each operation waits at a gate, and a schedule decides
//! which one goes next.
//!
//! The client is the real one, and the database is the embedded one, called in the process instead of over a
//! socket. So nothing happens at the same time as anything else, and a schedule replays exactly. It needs
//! Tokio's paused time, so that waits between attempts take none.

mod choices;
mod database;
mod gate;
mod run;
mod stage;

pub use choices::Choices;
pub use gate::Fate;
pub use run::{Actor, Faults, Run, Step, run};
pub use stage::Stage;
