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

/// The machine's figures, shared by all instances.
#[derive(Debug, Clone, Default)]
pub struct System {}

impl System {
    pub(crate) async fn snapshot(&self) -> Result<String, String> {
        Err("no figures yet".to_owned())
    }
}
