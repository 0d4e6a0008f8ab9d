//! What the host tells of the machine. Only what is needed is read; what a machine does not tell is absent.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The machine at one moment. Sizes are bytes.
#[derive(Debug, Deserialize)]
pub struct Snapshot {
    /// Milliseconds since the Unix epoch.
    pub taken_at: u64,
    pub uptime_seconds: f64,
    pub processes: f64,
    pub cpu: Cpu,
    pub load: Load,
    pub memory: Memory,
    pub swap: Memory,
    #[serde(default)]
    pub disks: Vec<Disk>,
    #[serde(default)]
    pub networks: Vec<Network>,
    #[serde(default)]
    pub temperatures: Vec<Temperature>,
}

#[derive(Debug, Deserialize)]
pub struct Cpu {
    pub percent: f64,
    pub cores: Vec<f64>,
}

#[derive(Debug, Deserialize)]
pub struct Load {
    pub one: f64,
    pub five: f64,
    pub fifteen: f64,
}

#[derive(Debug, Deserialize)]
pub struct Memory {
    pub total: u64,
    pub used: u64,
    pub available: Option<u64>,
}

#[derive(Debug, Deserialize)]
pub struct Disk {
    pub mount: String,
    pub total: u64,
    pub available: u64,
}

#[derive(Debug, Deserialize)]
pub struct Network {
    pub interface: String,
    pub received: u64,
    pub sent: u64,
}

#[derive(Debug, Deserialize)]
pub struct Temperature {
    pub label: String,
    pub celsius: Option<f64>,
}

/// What rates are computed from; handed from one instance to the next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Counters {
    /// Milliseconds since the Unix epoch.
    pub taken_at: u64,
    /// Interface → bytes received and sent.
    pub networks: BTreeMap<String, (u64, u64)>,
}

impl Snapshot {
    /// The counters of this moment.
    pub fn counters(&self) -> Counters {
        let networks = self.networks.iter();
        let networks = networks.map(|n| (n.interface.clone(), (n.received, n.sent)));
        Counters {
            taken_at: self.taken_at,
            networks: networks.collect(),
        }
    }
}
