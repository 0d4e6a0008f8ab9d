//! From a snapshot to a sample.

use crate::snapshot::{Counters, Network, Snapshot};
use hearthgate_plugin::events::MetricsSample;
use serde::Deserialize;
use std::collections::BTreeMap;

/// What to tell.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Choice {
    /// Whether to tell each core apart.
    pub cores: bool,
    /// Interfaces to leave out.
    pub skip_networks: Vec<String>,
    /// Mount points to leave out.
    pub skip_disks: Vec<String>,
}

/// Figures with their units.
#[derive(Default)]
struct Figures {
    metrics: BTreeMap<String, f64>,
    units: BTreeMap<String, String>,
}

impl Figures {
    fn put(&mut self, name: impl Into<String>, unit: &str, value: f64) {
        // JSON has neither infinity nor "not a number".
        if value.is_finite() {
            let name = name.into();
            self.units.insert(name.clone(), unit.to_owned());
            self.metrics.insert(name, (value * 100.0).round() / 100.0);
        }
    }

    fn percent(&mut self, name: impl Into<String>, part: u64, whole: u64) {
        if whole > 0 {
            self.put(name, "percent", 100.0 * part as f64 / whole as f64);
        }
    }
}

/// The sample of a snapshot. Rates are those since `before`.
pub fn of(
    snapshot: &Snapshot,
    before: Option<&Counters>,
    target: &str,
    choice: &Choice,
) -> MetricsSample {
    let mut figures = Figures::default();
    whole(snapshot, choice, &mut figures);
    disks(snapshot, choice, &mut figures);
    for network in snapshot
        .networks
        .iter()
        .filter(|n| !skipped(&n.interface, &choice.skip_networks))
    {
        traffic(network, snapshot.taken_at, before, &mut figures);
    }
    for temperature in &snapshot.temperatures {
        if let Some(celsius) = temperature.celsius {
            figures.put(
                format!("temperature.{}", temperature.label),
                "celsius",
                celsius,
            );
        }
    }
    MetricsSample {
        units: Some(figures.units),
        ..MetricsSample::new(target, figures.metrics)
    }
}

/// Processors, load, memory, swap, uptime, processes.
fn whole(snapshot: &Snapshot, choice: &Choice, figures: &mut Figures) {
    figures.put("cpu.percent", "percent", snapshot.cpu.percent);
    if choice.cores {
        for (i, percent) in snapshot.cpu.cores.iter().enumerate() {
            figures.put(format!("cpu.core.{i}.percent"), "percent", *percent);
        }
    }
    figures.put("load.1", "processes", snapshot.load.one);
    figures.put("load.5", "processes", snapshot.load.five);
    figures.put("load.15", "processes", snapshot.load.fifteen);
    for (name, memory) in [("memory", &snapshot.memory), ("swap", &snapshot.swap)] {
        figures.put(format!("{name}.total"), "bytes", memory.total as f64);
        figures.put(format!("{name}.used"), "bytes", memory.used as f64);
        figures.percent(format!("{name}.percent"), memory.used, memory.total);
        if let Some(available) = memory.available {
            figures.put(format!("{name}.available"), "bytes", available as f64);
        }
    }
    figures.put("uptime", "seconds", snapshot.uptime_seconds);
    figures.put("processes", "processes", snapshot.processes);
}

fn disks(snapshot: &Snapshot, choice: &Choice, figures: &mut Figures) {
    for disk in snapshot
        .disks
        .iter()
        .filter(|d| !skipped(&d.mount, &choice.skip_disks))
    {
        let used = disk.total.saturating_sub(disk.available);
        figures.put(
            format!("disk.{}.total", disk.mount),
            "bytes",
            disk.total as f64,
        );
        figures.put(format!("disk.{}.used", disk.mount), "bytes", used as f64);
        figures.put(
            format!("disk.{}.available", disk.mount),
            "bytes",
            disk.available as f64,
        );
        figures.percent(format!("disk.{}.percent", disk.mount), used, disk.total);
    }
}

/// Counters, and rates where there is something to compare with: not in the first sample, not for an interface that
/// is new, not over a counter that began anew.
fn traffic(network: &Network, now: u64, before: Option<&Counters>, figures: &mut Figures) {
    let name = &network.interface;
    figures.put(
        format!("network.{name}.received"),
        "bytes",
        network.received as f64,
    );
    figures.put(format!("network.{name}.sent"), "bytes", network.sent as f64);
    let Some((counters, (received, sent))) = before.and_then(|c| Some((c, *c.networks.get(name)?)))
    else {
        return;
    };
    let Some(elapsed) = now.checked_sub(counters.taken_at).filter(|ms| *ms > 0) else {
        return;
    };
    let mut rate = |direction: &str, now: u64, before: u64| {
        if let Some(bytes) = now.checked_sub(before) {
            let per_second = bytes as f64 * 1000.0 / elapsed as f64;
            figures.put(
                format!("network.{name}.{direction}_rate"),
                "bytes_per_second",
                per_second,
            );
        }
    };
    rate("received", network.received, received);
    rate("sent", network.sent, sent);
}

/// Whether a name is among the patterns: whole, or up to a `*` at the end.
fn skipped(name: &str, patterns: &[String]) -> bool {
    patterns
        .iter()
        .any(|pattern| match pattern.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == pattern,
        })
}
