//! One thing with an address: what a probe of it found, and the events that tell.

use crate::clock;
use crate::config::ProbeConfig;
use crate::pace::Pace;
use crate::read::rounded;
use crate::target::Target;
use hearthgate_plugin::Event;
use hearthgate_plugin::events::{DeviceMetrics, DeviceState, DeviceStatus};
use hearthgate_plugin::net::{HttpResponse, NetError};
use serde::{Deserialize, Serialize};

/// Milliseconds before a probe that failed is tried again.
const RETRY: u64 = 1000;
/// Milliseconds before a certificate is looked at again.
pub const CERTIFICATE_INTERVAL: u64 = 3_600_000;
const DAY: f64 = 86_400_000.0;

/// What a probe found.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// It answers as it should.
    Up {
        /// Milliseconds until it answered.
        latency: f64,
        /// The status, of HTTP.
        code: Option<u16>,
    },
    /// It does not.
    Down {
        /// Why.
        reason: String,
        /// The status, where it answered with a wrong one.
        code: Option<u16>,
    },
    /// It could not be tried, for want of a grant or of room.
    Untried(String),
}

/// What outlives an instance.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// How it is, once a probe told.
    pub status: Option<DeviceState>,
    reason: Option<String>,
    code: Option<u16>,
    latency: Option<f64>,
    /// Since the last one that succeeded.
    failures: u32,
    first_seen: Option<String>,
    last_seen: Option<String>,
    ip: Option<String>,
    /// When the certificate ends: milliseconds since the Unix epoch.
    not_after: Option<u64>,
    /// When it was last looked at.
    certificate_at: Option<u64>,
}

impl Memory {
    /// What is told of a thing that is probed no more: nobody knows that it is online.
    #[must_use]
    pub fn farewell(&self, id: &str) -> Option<Event> {
        let seen = self
            .last_seen
            .clone()
            .filter(|_| self.status == Some(DeviceState::Online))?;
        let reason = serde_json::json!({"reason": "no longer probed"});
        let status = DeviceStatus {
            properties: reason.as_object().cloned(),
            ..DeviceStatus::new(id, id, DeviceState::Offline, seen)
        };
        Some(Event::of(&status).label("device", id))
    }
}

/// Something that is probed.
#[derive(Debug)]
pub struct Probe {
    /// As configured.
    pub config: ProbeConfig,
    /// Where it is.
    pub target: Target,
    /// How often.
    pub pace: Pace,
    /// What is known.
    pub memory: Memory,
    /// Whether one waits or runs.
    pub underway: bool,
}

impl Probe {
    /// A thing that was not probed yet.
    #[must_use]
    pub fn new(config: ProbeConfig, target: Target, now: u64) -> Self {
        let pace = Pace::new(config.interval.millis(), false, now);
        Self {
            config,
            target,
            pace,
            memory: Memory::default(),
            underway: false,
        }
    }

    /// What another instance knew; times of its clock become this one's.
    pub fn resume(&mut self, memory: Memory, mut pace: Pace, saved: u64, now: u64) {
        pace.shift(saved, now);
        pace.configured(self.config.interval.millis());
        self.pace = pace;
        self.memory = memory;
        self.memory.certificate_at = self
            .memory
            .certificate_at
            .map(|at| clock::shifted(at, saved, now));
    }

    /// What an HTTP answer says.
    #[must_use]
    pub fn judge(&self, answer: Result<&HttpResponse, &NetError>, latency: f64) -> Verdict {
        let response = match answer {
            Ok(response) => response,
            Err(error) => return failed(error),
        };
        let code = response.status;
        let expected = &self.config.expect_status;
        let fits = match expected.is_empty() {
            true => (200..400).contains(&code),
            false => expected.contains(&code),
        };
        let down = |reason: String| Verdict::Down {
            reason,
            code: Some(code),
        };
        if !fits {
            return down(format!("status {code}"));
        }
        match &self.config.expect_body {
            Some(text) if !contains(&response.body, text.as_bytes()) => {
                let where_ = if response.truncated {
                    "the beginning of the body"
                } else {
                    "the body"
                };
                down(format!("{where_} does not hold the expected text"))
            }
            _ => Verdict::Up {
                latency,
                code: Some(code),
            },
        }
    }

    /// Takes what a probe found. Returns the events that tell; none where it will be tried again first.
    pub fn found(&mut self, verdict: Verdict, now: u64) -> Vec<Event> {
        self.underway = false;
        let timestamp = clock::timestamp();
        match verdict {
            Verdict::Untried(_) => return Vec::new(),
            Verdict::Up { latency, code } => {
                let memory = &mut self.memory;
                memory.status = Some(DeviceState::Online);
                (memory.reason, memory.code) = (None, code);
                (memory.latency, memory.failures) = (Some(rounded(latency)), 0);
                memory.first_seen.get_or_insert_with(|| timestamp.clone());
                memory.last_seen = Some(timestamp);
            }
            Verdict::Down { reason, code } => {
                self.memory.failures = self.memory.failures.saturating_add(1);
                let left = self.config.retries >= self.memory.failures;
                if left {
                    self.pace
                        .again_in(RETRY.min(self.config.interval.millis()), now);
                    return Vec::new();
                }
                self.memory.status = Some(DeviceState::Offline);
                (self.memory.reason, self.memory.code) = (Some(reason), code);
                self.memory.latency = None;
            }
        }
        self.events()
    }

    /// Where the connection led to, and the certificate it showed.
    pub fn opened(&mut self, peer: &str, not_after: Option<u64>, now: u64) {
        self.memory.ip = peer
            .parse::<std::net::SocketAddr>()
            .ok()
            .map(|address| address.ip().to_string());
        if not_after.is_some() {
            self.memory.not_after = not_after;
            self.memory.certificate_at = Some(now);
        }
    }

    /// Whether the certificate of an `https://` address should be looked at.
    #[must_use]
    pub fn wants_certificate(&self, now: u64) -> bool {
        let old = self
            .memory
            .certificate_at
            .is_none_or(|at| now.saturating_sub(at) >= CERTIFICATE_INTERVAL);
        self.target.scheme == "https" && self.config.certificate && old
    }

    /// What the next instance should know: what was begun is to be done again.
    #[must_use]
    pub fn kept(&self, certificate_underway: bool, now: u64) -> (String, Memory, Pace) {
        let (mut memory, mut pace) = (self.memory.clone(), self.pace.clone());
        if certificate_underway {
            memory.certificate_at = None;
        }
        if self.underway {
            pace.at_once(now);
        }
        (self.target.url.clone(), memory, pace)
    }

    /// A look at the certificate is begun, or can't be: not again before its time.
    pub fn certificate_asked(&mut self, now: u64) {
        self.memory.certificate_at = Some(now);
    }

    /// `device.status`, and `device.metrics` where there are any; nothing before the first probe.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        let (config, memory) = (&self.config, &self.memory);
        let Some(status) = memory.status else {
            return Vec::new();
        };
        let mut properties = serde_json::Map::new();
        properties.insert("url".to_owned(), self.target.url.as_str().into());
        properties.insert("monitored".to_owned(), self.pace.is_on().into());
        properties.extend(
            memory
                .reason
                .clone()
                .map(|reason| ("reason".to_owned(), reason.into())),
        );
        let name = config.name.as_deref().unwrap_or(&config.id);
        let never = || "1970-01-01T00:00:00.000Z".to_owned();
        let data = DeviceStatus {
            ip: memory.ip.clone(),
            device_type: config.device_type.clone(),
            first_seen: memory.first_seen.clone(),
            properties: Some(properties),
            ..DeviceStatus::new(
                config.id.as_str(),
                name,
                status,
                memory.last_seen.clone().unwrap_or_else(never),
            )
        };
        let days = memory
            .not_after
            .map(|at| rounded((at as f64 - clock::epoch_millis() as f64) / DAY));
        let figures = [
            ("latency_ms", memory.latency),
            ("status_code", memory.code.map(f64::from)),
            ("certificate_days", days),
        ];
        let figures: std::collections::BTreeMap<String, f64> = figures
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect();
        let metrics = (!figures.is_empty())
            .then(|| Event::of(&DeviceMetrics::new(config.id.as_str(), figures)));
        let labelled = |event: Event| {
            let event = event.label("device", &config.id);
            event
                .label_if("room", config.room.as_deref())
                .label_if("area", config.area.as_deref())
        };
        [Some(Event::of(&data)), metrics]
            .into_iter()
            .flatten()
            .map(labelled)
            .collect()
    }
}

/// What a connection that could not be made says: of the device, or of the operator's grants.
#[must_use]
pub fn failed(error: &NetError) -> Verdict {
    match error {
        NetError::NotGranted(_) | NetError::Quota(_) => Verdict::Untried(error.to_string()),
        other => Verdict::Down {
            reason: other.to_string(),
            code: None,
        },
    }
}

fn contains(body: &[u8], text: &[u8]) -> bool {
    text.is_empty() || body.windows(text.len()).any(|window| window == text)
}

#[cfg(test)]
mod tests;
