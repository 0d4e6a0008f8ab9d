//! The configuration, as the manifest's schema has checked it, and what the schema can't say.

use crate::adb::command::Allowed;
use crate::target::Target;
use hearthgate_plugin::{Failure, duration};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A duration as the gateway's own configuration writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Span(#[serde(deserialize_with = "duration")] pub Duration);

impl Span {
    /// Milliseconds.
    #[must_use]
    pub fn millis(self) -> u64 {
        u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX)
    }
}

/// The whole.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Config {
    /// The adb server, as `tcp://host:port`; none: no Android devices.
    #[serde(default)]
    pub adb: Option<String>,
    /// Between two samples of an Android device.
    pub interval: Span,
    /// How long one session with a device may take.
    pub timeout: Span,
    /// Sessions and probes at once.
    pub parallel: usize,
    /// Addresses that the adb server is told to connect to.
    #[serde(default)]
    pub connect: Vec<String>,
    /// What is known of Android devices beforehand, by their serial.
    #[serde(default)]
    pub devices: BTreeMap<String, Known>,
    /// What is probed.
    #[serde(default)]
    pub probes: Vec<ProbeConfig>,
    /// What may be done to Android devices.
    #[serde(default)]
    pub actions: Allowed,
}

/// What an operator knows of a device.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Known {
    /// What people call it.
    pub name: Option<String>,
    /// The room it is in.
    pub room: Option<String>,
    /// The area it is in.
    pub area: Option<String>,
    /// `phone`, `tablet`, ….
    #[serde(rename = "type")]
    pub device_type: Option<String>,
    /// Between two samples, where it is not the common interval.
    pub interval: Option<Span>,
    /// Whether it is sampled before somebody asks for it.
    pub monitor: Option<bool>,
}

/// Something with an address.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ProbeConfig {
    /// The device's id.
    pub id: String,
    /// What people call it.
    #[serde(default)]
    pub name: Option<String>,
    /// `tcp://`, `tls://`, `http://` or `https://`.
    pub url: String,
    /// Between two probes.
    pub interval: Span,
    /// How long one may take.
    pub timeout: Span,
    /// How often it is tried again before the device counts as offline.
    pub retries: u32,
    /// Status codes that are fine; none named: 200 to 399.
    #[serde(default)]
    pub expect_status: Vec<u16>,
    /// A text that the body must hold.
    #[serde(default)]
    pub expect_body: Option<String>,
    /// Whether the certificate must be valid, for `tls://`.
    pub verify: bool,
    /// Whether an `https://` certificate's days are told, over a connection of their own.
    pub certificate: bool,
    /// The room it is in.
    #[serde(default)]
    pub room: Option<String>,
    /// The area it is in.
    #[serde(default)]
    pub area: Option<String>,
    /// `router`, `camera`, ….
    #[serde(default, rename = "type")]
    pub device_type: Option<String>,
}

/// The shortest interval: what is watched more often is kept busy by it.
const SHORTEST: Duration = Duration::from_secs(1);

impl Config {
    /// Where the adb server is.
    ///
    /// # Errors
    /// Names every key that can't work.
    pub fn check(&self) -> Result<Checked, Failure> {
        let mut problems: Vec<(String, String)> = self.actions.problems().collect();
        let adb = self.adb.as_deref().map(Target::parse).transpose();
        let adb = adb.and_then(|target| match target {
            Some(target) if target.scheme != "tcp" => Err("must be tcp://host:port".to_owned()),
            other => Ok(other),
        });
        let adb = adb.unwrap_or_else(|problem| {
            problems.push(("adb".to_owned(), problem));
            None
        });
        if self.adb.is_none() && self.probes.is_empty() {
            problems.push((
                "adb".to_owned(),
                "set it, or probes: there is nothing to watch".to_owned(),
            ));
        }
        let known = self.devices.iter().filter_map(|(serial, known)| {
            Some((format!("devices.{serial}.interval"), known.interval?))
        });
        let probes = self.probes.iter().enumerate();
        let intervals = probes
            .clone()
            .map(|(i, probe)| (format!("probes.{i}.interval"), probe.interval));
        let all = [("interval".to_owned(), self.interval)]
            .into_iter()
            .chain(known)
            .chain(intervals);
        let short = all.filter(|(_, span)| span.0 < SHORTEST);
        problems.extend(short.map(|(key, _)| (key, "must be at least 1s".to_owned())));
        let (mut targets, mut ids) = (Vec::new(), BTreeSet::new());
        for (i, probe) in probes {
            if !ids.insert(&probe.id) || self.devices.contains_key(&probe.id) {
                problems.push((
                    format!("probes.{i}.id"),
                    format!("there is another device {:?}", probe.id),
                ));
            }
            match Target::parse(&probe.url) {
                Ok(target) => targets.push(target),
                Err(problem) => problems.push((format!("probes.{i}.url"), problem)),
            }
        }
        match problems.is_empty() {
            true => Ok(Checked { adb, targets }),
            false => Err(Failure::Misconfigured(problems)),
        }
    }
}

/// What the addresses in a configuration mean.
#[derive(Debug, Clone)]
pub struct Checked {
    /// The adb server.
    pub adb: Option<Target>,
    /// Where each probe goes.
    pub targets: Vec<Target>,
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::{Value, json};

    /// A configuration as the host hands it over: the schema's defaults filled in.
    pub(crate) fn config(mut given: Value) -> Config {
        let defaults = json!({"interval": "30s", "timeout": "20s", "parallel": 4});
        let probe = json!({"interval": "30s", "timeout": "5s", "retries": 2, "verify": true, "certificate": true});
        let fill = |object: &mut Value, defaults: &Value| {
            for (key, value) in defaults.as_object().unwrap() {
                object
                    .as_object_mut()
                    .unwrap()
                    .entry(key)
                    .or_insert(value.clone());
            }
        };
        fill(&mut given, &defaults);
        for item in given
            .get_mut("probes")
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            fill(item, &probe);
        }
        serde_json::from_value(given).unwrap()
    }

    #[test]
    fn every_mistake_is_named_by_its_key() {
        let problems = |given: Value| match config(given).check() {
            Err(Failure::Misconfigured(problems)) => {
                problems.into_iter().map(|(key, _)| key).collect()
            }
            Ok(_) => Vec::new(),
            Err(other) => panic!("{other:?}"),
        };
        let fine = json!({"adb": "tcp://127.0.0.1:5037", "probes": [{"id": "a", "url": "https://a.example/x"}]});
        assert_eq!(problems(fine), Vec::<String>::new());
        assert_eq!(problems(json!({})), ["adb"]);
        assert_eq!(problems(json!({"adb": "http://127.0.0.1:5037"})), ["adb"]);
        assert_eq!(problems(json!({"adb": "127.0.0.1"})), ["adb"]);
        let probes = json!([{"id": "a", "url": "tcp://h:1", "interval": "10ms"}, {"id": "a", "url": "ftp://h"}]);
        let given = json!({"probes": probes, "actions": {"start-app": ["a;b"]}});
        assert_eq!(
            problems(given),
            [
                "actions.start-app.0",
                "probes.0.interval",
                "probes.1.id",
                "probes.1.url"
            ]
        );
    }
}
