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
    /// Measure only the yardstick: for machines where no gateway is built.
    pub baseline_only: bool,
    /// A smoke run: shorter, and not good for comparisons.
    pub quick: bool,
    /// Subscribers of the fan-out.
    pub subscribers: usize,
    /// Events a second of the fan-out at a fixed pace.
    pub rate: u64,
    /// Rounds of each subject.
    pub rounds: usize,
    /// How long one round measures.
    pub stretch: Duration,
    /// The servers' core; `None` where there is only one.
    pub server_core: Option<usize>,
    /// This process's core.
    pub load_core: Option<usize>,
}

impl Plan {
    /// The plan for this machine: the servers on the first core that is allowed, the load on the last.
    pub fn new(root: &Path, gateway: Option<PathBuf>, quick: bool) -> Self {
        let cores = os::allowed_cores();
        let (server_core, load_core) = match *cores {
            [first, .., last] => (Some(first), Some(last)),
            _ => (None, None),
        };
        Self {
            gateway: gateway.unwrap_or_else(|| root.join("target/release/hearthgate")),
            results: root.join("target/bench"),
            root: root.to_owned(),
            baseline_only: false,
            quick,
            subscribers: if quick { 200 } else { 1000 },
            rate: 100,
            rounds: if quick { 1 } else { 5 },
            stretch: Duration::from_secs(if quick { 1 } else { 5 }),
            server_core,
            load_core,
        }
    }
}
