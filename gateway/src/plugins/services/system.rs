//! Figures of the machine that the gateway runs on.
//!
//! A snapshot is one JSON object. Sizes are bytes, percentages 0–100 (of one core, or of all together), `received` and
//! `sent` count since the interface is up (a rate is the difference of two snapshots over the difference of their
//! `taken_at`). Lists are empty, and optional values `null`, where the machine does not tell:
//!
//! ```json
//! {
//!   "taken_at": 1763640000000,
//!   "host": "hearth", "os": "Debian GNU/Linux 13", "kernel": "6.12.9", "arch": "x86_64",
//!   "uptime_seconds": 86400,
//!   "processes": 214,
//!   "cpu": { "percent": 12.5, "cores": [10.0, 15.0] },
//!   "load": { "one": 0.52, "five": 0.4, "fifteen": 0.3 },
//!   "memory": { "total": 8321499136, "used": 2147483648, "available": 6174015488 },
//!   "swap": { "total": 1073741824, "used": 0 },
//!   "disks": [ { "mount": "/", "device": "/dev/sda1", "file_system": "ext4", "total": 62725623808, "available": 41004879872 } ],
//!   "networks": [ { "interface": "eth0", "received": 123456789, "sent": 987654, "receive_errors": 0, "send_errors": 0 } ],
//!   "temperatures": [ { "label": "coretemp Core 0", "celsius": 46.0, "critical": 100.0 } ]
//! }
//! ```
//!
//! `taken_at` is milliseconds since the Unix epoch. `cpu` covers the time since the snapshot before (the first one since
//! the gateway's start). The same snapshot is handed out for 200 ms, so that many guests cost no more than one.

mod machine;

use machine::Machine;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a snapshot is handed out. The processors' shares need at least so long between two readings.
pub const FRESH_FOR: Duration = Duration::from_millis(200);

/// The machine's figures, shared by all instances.
#[derive(Debug, Clone)]
pub struct System(Arc<Mutex<Cache>>);

struct Cache {
    machine: Result<Machine, String>,
    last: Option<(Instant, String)>,
}

impl std::fmt::Debug for Cache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cache")
            .field("last", &self.last)
            .finish_non_exhaustive()
    }
}

impl Default for System {
    fn default() -> Self {
        let machine = Machine::new();
        Self(Arc::new(Mutex::new(Cache {
            machine,
            last: None,
        })))
    }
}

impl System {
    /// A snapshot, at most 200 ms old. Reading takes a few milliseconds (a hanging network disk: longer), so it is done on
    /// a thread for blocking work; whoever asks meanwhile waits there for the same snapshot.
    pub(crate) async fn snapshot(&self) -> Result<String, String> {
        let cache = self.0.clone();
        let taken = tokio::task::spawn_blocking(move || cache.lock().snapshot()).await;
        taken.unwrap_or_else(|error| Err(error.to_string()))
    }
}

impl Cache {
    fn snapshot(&mut self) -> Result<String, String> {
        if let Some((taken, text)) = &self.last
            && taken.elapsed() < FRESH_FOR
        {
            return Ok(text.clone());
        }
        let machine = self.machine.as_mut().map_err(|error| error.clone())?;
        let figures = machine.figures();
        let text = serde_json::to_string(&figures).map_err(|error| error.to_string())?;
        self.last = Some((Instant::now(), text.clone()));
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    async fn snapshot(system: &System) -> Value {
        let text = system.snapshot().await.expect("a snapshot");
        serde_json::from_str(&text).expect("JSON")
    }

    #[tokio::test]
    async fn a_snapshot_has_the_documented_shape() {
        let system = System::default();
        let taken = snapshot(&system).await;
        let number = |pointer: &str| {
            taken
                .pointer(pointer)
                .and_then(Value::as_f64)
                .expect(pointer)
        };
        let cores = std::thread::available_parallelism().expect("cores").get();
        assert!(taken["cpu"]["cores"].as_array().expect("cores").len() >= cores);
        assert!((0.0..=100.0).contains(&number("/cpu/percent")));
        assert!(number("/memory/total") > number("/memory/available"));
        assert!(number("/memory/available") > 0.0);
        assert!(number("/processes") >= 1.0);
        assert!(number("/uptime_seconds") > 0.0);
        assert!(number("/taken_at") > 1_700_000_000_000.0);
        for pointer in [
            "/load/one",
            "/load/five",
            "/load/fifteen",
            "/swap/total",
            "/swap/used",
            "/memory/used",
        ] {
            assert!(number(pointer) >= 0.0, "{pointer}");
        }
        for list in ["disks", "networks", "temperatures"] {
            assert!(taken[list].is_array(), "{list}");
        }
        let network = taken["networks"].as_array().and_then(|list| list.first());
        assert!(
            network.is_none_or(
                |network| network["received"].is_u64() && network["interface"].is_string()
            )
        );
    }

    #[tokio::test]
    async fn snapshots_in_quick_succession_are_one() {
        let system = System::default();
        let first = snapshot(&system).await;
        let taken = system
            .0
            .lock()
            .last
            .as_ref()
            .map(|(at, _)| *at)
            .expect("one");
        let second = snapshot(&system).await;
        if taken.elapsed() < FRESH_FOR {
            assert_eq!(first, second);
        }
        system.0.lock().last.as_mut().expect("one").0 -= FRESH_FOR;
        let third = snapshot(&system).await;
        assert!(third["taken_at"].as_u64() >= first["taken_at"].as_u64());
        assert_ne!(
            system.0.lock().last.as_ref().map(|(at, _)| *at),
            Some(taken)
        );
    }
}
