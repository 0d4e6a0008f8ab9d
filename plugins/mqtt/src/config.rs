//! The configuration, and what it demands beyond the manifest's schema.

use crate::codec::{Qos, Version};
use crate::rules::{Rule, RuleConfig};
use crate::topics::{Pattern, is_topic};
use hearthgate_plugin::net::TlsMode;
use hearthgate_plugin::{Failure, duration};
use serde::Deserialize;
use std::time::Duration;

/// As the operator wrote it, defaults filled in.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Config {
    pub broker: String,
    pub version: Version,
    pub client_id: String,
    pub username: String,
    #[serde(deserialize_with = "duration")]
    pub keep_alive: Duration,
    #[serde(deserialize_with = "duration")]
    pub session_expiry: Duration,
    pub qos: Qos,
    pub verify_certificate: bool,
    pub status_topic: String,
    pub max_message: usize,
    pub max_entities: usize,
    pub discovery: Vec<String>,
    pub zigbee2mqtt: Vec<String>,
    pub ignore: Vec<String>,
    pub rules: Vec<RuleConfig>,
    pub publish: PublishConfig,
}

/// What clients may publish.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PublishConfig {
    pub topics: Vec<String>,
    pub retain: bool,
}

/// A broker's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    pub host: String,
    pub port: u16,
    pub tls: TlsMode,
    /// As the host names the connection to it.
    pub url: String,
}

/// All of it, checked.
#[derive(Debug)]
pub struct Checked {
    pub address: Address,
    pub ignore: Vec<Pattern>,
    pub rules: Vec<Rule>,
    pub publish: Vec<Pattern>,
}

/// Longest keep-alive that MQTT can say, in seconds.
const LONGEST_KEEP_ALIVE: u64 = 65_535;

impl Config {
    /// Checks it.
    ///
    /// # Errors
    /// Names each key that can't work.
    pub fn check(&self) -> Result<Checked, Failure> {
        let mut problems = Vec::new();
        let address = address(&self.broker, self.verify_certificate);
        if address.is_none() {
            problem(
                &mut problems,
                "broker",
                "must be tcp://host:port or tls://host:port",
            );
        }
        if !(1..=LONGEST_KEEP_ALIVE).contains(&self.keep_alive.as_secs()) {
            problem(&mut problems, "keep-alive", "must be 1s to 65535s");
        }
        if self.client_id.len() > 128 || self.client_id.contains(char::is_control) {
            problem(
                &mut problems,
                "client-id",
                "must be at most 128 characters, none of them a control character",
            );
        }
        if !self.status_topic.is_empty() && !is_topic(&self.status_topic) {
            problem(
                &mut problems,
                "status-topic",
                "must be a topic, without + and #",
            );
        }
        for (key, bases) in [
            ("discovery", &self.discovery),
            ("zigbee2mqtt", &self.zigbee2mqtt),
        ] {
            if !bases
                .iter()
                .all(|base| is_topic(base) && !base.contains(['{', '}']))
            {
                problem(&mut problems, key, "must be topics, without + and #");
            }
        }
        let ignore = patterns(&self.ignore, "ignore", &mut problems);
        let publish = patterns(&self.publish.topics, "publish.topics", &mut problems);
        let mut rules = Vec::new();
        for (i, rule) in self.rules.iter().enumerate() {
            match rule.check() {
                Ok(rule) => rules.push(rule),
                Err((key, reason)) => problem(&mut problems, &format!("rules.{i}.{key}"), &reason),
            }
        }
        match address {
            Some(address) if problems.is_empty() => Ok(Checked {
                address,
                ignore,
                rules,
                publish,
            }),
            _ => Err(Failure::Misconfigured(problems)),
        }
    }
}

fn problem(problems: &mut Vec<(String, String)>, key: &str, reason: &str) {
    problems.push((key.to_owned(), reason.to_owned()));
}

fn patterns(texts: &[String], key: &str, problems: &mut Vec<(String, String)>) -> Vec<Pattern> {
    let mut read = Vec::new();
    for text in texts {
        match Pattern::parse(text) {
            Ok(pattern) => read.push(pattern),
            Err(reason) => problem(problems, key, &reason),
        }
    }
    read
}

/// `tcp://host:port` or `tls://host:port`; an IPv6 address is in brackets.
fn address(text: &str, verify: bool) -> Option<Address> {
    let (scheme, rest) = text.split_once("://")?;
    let (host, port) = rest.trim_end_matches('/').rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port > 0)?;
    let tls = match (scheme, verify) {
        ("tcp", _) => TlsMode::None,
        ("tls", true) => TlsMode::Verified,
        ("tls", false) => TlsMode::Unverified,
        _ => return None,
    };
    let bare = host
        .strip_prefix('[')
        .and_then(|h| h.strip_suffix(']'))
        .unwrap_or(host);
    let whole = bare.contains(':') == host.starts_with('[');
    if bare.is_empty() || !whole || bare.contains(['/', '@', ' ']) {
        return None;
    }
    let host = host.to_lowercase();
    Some(Address {
        host: bare.to_lowercase(),
        port,
        tls,
        url: format!("{scheme}://{host}:{port}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        let check = |text: &str, expected: Option<(&str, u16, TlsMode, &str)>| {
            let read = address(text, true);
            let read = read.as_ref();
            let read = read.map(|a| (a.host.as_str(), a.port, a.tls, a.url.as_str()));
            assert_eq!(read, expected, "{text}");
        };
        use TlsMode::{None as Plain, Verified};
        check(
            "tcp://mqtt.lan:1883",
            Some(("mqtt.lan", 1883, Plain, "tcp://mqtt.lan:1883")),
        );
        check(
            "tls://MQTT.lan:8883/",
            Some(("mqtt.lan", 8883, Verified, "tls://mqtt.lan:8883")),
        );
        check(
            "tcp://[::1]:1883",
            Some(("::1", 1883, Plain, "tcp://[::1]:1883")),
        );
        for bad in [
            "mqtt.lan:1883",
            "tcp://mqtt.lan",
            "tcp://:1",
            "tcp://a:0",
            "tcp://a:70000",
            "ws://a:1",
            "tcp://::1:1",
            "tcp://u@a:1",
        ] {
            check(bad, None);
        }
    }
}
