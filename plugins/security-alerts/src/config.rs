//! The configuration, as the operator writes it.

use crate::instant::Zone;
use hearthgate_plugin::events::AlertSeverity;
use hearthgate_plugin::{Failure, duration};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// The configuration; `plugin.toml` says what each key means.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Config {
    /// What people call this adapter.
    pub name: String,
    /// Suricata's `eve.json`.
    pub suricata: String,
    /// A detector's `alerts.json`.
    pub detector: String,
    /// Zeek's `notice.log`.
    pub zeek_notice: String,
    /// Zeek's `conn.log`.
    pub zeek_conn: String,
    /// `auth.log`.
    pub auth: String,
    /// fail2ban's log.
    pub fail2ban: String,
    /// Names keyed by IP address.
    pub names: String,
    /// `/proc/net/arp`.
    pub arp: String,
    /// Whether the command `neighbours` is asked.
    pub neighbours: bool,
    /// Time between two looks at the neighbours.
    #[serde(deserialize_with = "duration")]
    pub neighbour_interval: Duration,
    /// A device that is missing for so long is offline.
    #[serde(deserialize_with = "duration")]
    pub offline_after: Duration,
    /// Whether a device that was never seen raises an alert.
    pub new_device_alerts: bool,
    /// Devices that are remembered.
    pub max_devices: usize,
    /// Where a file begins that is followed for the first time.
    pub start: Begin,
    /// The zone of timestamps that tell none.
    pub utc_offset: String,
    /// Failed logins that are an attack.
    pub brute_force_failures: u32,
    /// Their window.
    #[serde(deserialize_with = "duration")]
    pub brute_force_window: Duration,
    /// Refused targets that are a scan; 0: none.
    pub port_scan_targets: usize,
    /// Their window.
    #[serde(deserialize_with = "duration")]
    pub port_scan_window: Duration,
    /// An alert without news for so long is cleared.
    #[serde(deserialize_with = "duration")]
    pub clear_after: Duration,
    /// Days that cleared alerts are kept.
    pub history_days: u32,
    /// Alerts that are kept.
    pub history_alerts: usize,
    /// Other severities, by signature, notice or type.
    pub severities: BTreeMap<String, AlertSeverity>,
    /// What is blocked: addresses of which sort.
    pub block_by: BlockBy,
}

/// Where a file begins that is followed for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Begin {
    /// At what is added from then on.
    End,
    /// At its first line.
    Beginning,
}

/// What the blocking commands speak of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BlockBy {
    /// The IP address.
    Ip,
    /// The hardware address.
    Mac,
}

/// The shortest time between two looks at the neighbours: each one may start a program.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(200);

impl Config {
    /// What the schema can't say.
    ///
    /// # Errors
    /// Names the key.
    pub fn check(&self) -> Result<(), Failure> {
        if self.neighbour_interval < SHORTEST_INTERVAL {
            return Err(Failure::misconfigured(
                "neighbour-interval",
                "must be 200ms or more",
            ));
        }
        if Zone::parse(&self.utc_offset).is_none() {
            return Err(Failure::misconfigured(
                "utc-offset",
                "must be between -14:00 and +14:00",
            ));
        }
        if self.neighbours && !self.arp.is_empty() {
            let problem = "only one of `neighbours` and `arp`: both tell of the same devices";
            return Err(Failure::misconfigured("arp", problem));
        }
        Ok(())
    }

    /// The zone of timestamps that tell none.
    #[must_use]
    pub fn zone(&self) -> Zone {
        Zone::parse(&self.utc_offset).unwrap_or_default()
    }
}

/// A duration in milliseconds, as this plugin counts.
#[must_use]
pub fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
