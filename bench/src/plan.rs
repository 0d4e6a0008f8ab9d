//! What is measured how: sizes and lengths of a whole run, or of a quick one.

use crate::os;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How the benchmarks run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The gateway's binary.
    pub gateway: PathBuf,
    /// Where results go.
    pub results: PathBuf,
    /// The repository.
    pub root: PathBuf,
    /// Cargo's folder of what it builds.
    pub target: PathBuf,
    /// Measure only the yardstick: for machines where no gateway is built.
    pub baseline_only: bool,
    /// Subscribers of the fan-out.
    pub subscribers: usize,
    /// Events a second of the fan-out at a fixed pace.
    pub rate: u64,
    /// Rounds of each subject.
    pub rounds: usize,
    /// How long one round measures.
    pub stretch: Duration,
    /// Idle connections: memory is compared between these two numbers.
    pub idle: (usize, usize),
    /// Sockets that never finish their handshake.
    pub hostile: usize,
    /// Times that a plugin is replaced.
    pub reloads: u8,
    /// Entities of the home.
    pub entities: usize,
    /// Subscriptions among which one is to be found.
    pub subscriptions: usize,
    /// The servers' core; `None` where there is only one.
    pub server_core: Option<usize>,
    /// This process's core.
    pub load_core: Option<usize>,
}

impl Plan {
    /// The plan for this machine: the servers on the first core that is allowed, the load on the last.
    pub fn new(root: &Path, target: &Path, gateway: Option<PathBuf>, quick: bool) -> Self {
        let cores = os::allowed_cores();
        let (server_core, load_core) = match *cores {
            [first, .., last] => (Some(first), Some(last)),
            _ => (None, None),
        };
        Self {
            gateway: gateway.unwrap_or_else(|| target.join("release/hearthgate")),
            results: target.join("bench"),
            root: root.to_owned(),
            target: target.to_owned(),
            baseline_only: false,
            subscribers: if quick { 200 } else { 1000 },
            rate: 100,
            rounds: if quick { 1 } else { 5 },
            stretch: Duration::from_secs(if quick { 1 } else { 5 }),
            idle: if quick { (200, 1000) } else { (1000, 10_000) },
            hostile: if quick { 1000 } else { 10_000 },
            reloads: if quick { 3 } else { 10 },
            entities: if quick { 2000 } else { 10_000 },
            subscriptions: if quick { 10_000 } else { 100_000 },
            server_core,
            load_core,
        }
    }
}
