//! The configuration, as `plugin.toml` describes it.

use crate::filter::{Choice, Filter, matches};
use hearthgate_plugin::{Failure, duration};
use serde::Deserialize;
use std::time::Duration;

/// The configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Config {
    pub url: String,
    pub name: String,
    pub prefix: String,
    #[serde(default)]
    include: Choice,
    #[serde(default)]
    exclude: Choice,
    #[serde(default)]
    pub call: Calls,
    #[serde(deserialize_with = "duration")]
    pub ping_interval: Duration,
    #[serde(deserialize_with = "duration")]
    pub pong_timeout: Duration,
    #[serde(deserialize_with = "duration")]
    pub call_timeout: Duration,
    #[serde(deserialize_with = "duration")]
    pub registry_delay: Duration,
    pub redact: Vec<String>,
    pub max_entities: usize,
    pub max_bytes: usize,
}

/// Which services may be called.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Calls {
    pub allow: Vec<String>,
    pub deny: Vec<String>,
}

impl Default for Calls {
    fn default() -> Self {
        Self {
            allow: vec!["*".to_owned()],
            deny: Vec::new(),
        }
    }
}

impl Calls {
    /// Whether a service may be called: `light.turn_on`.
    pub fn allows(&self, service: &str) -> bool {
        let named = |globs: &[String]| globs.iter().any(|glob| matches(glob, service));
        named(&self.allow) && !named(&self.deny)
    }
}

impl Config {
    /// What the schema can't say.
    pub fn check(&self) -> Result<(), Failure> {
        let scheme = self.url.split_once("://").map(|(scheme, _)| scheme);
        if !matches!(scheme, Some("ws" | "wss")) {
            return Err(Failure::misconfigured(
                "url",
                "must begin with ws:// or wss://",
            ));
        }
        for (key, span) in [
            ("ping-interval", self.ping_interval),
            ("pong-timeout", self.pong_timeout),
            ("call-timeout", self.call_timeout),
        ] {
            if span.is_zero() {
                return Err(Failure::misconfigured(key, "must not be 0"));
            }
        }
        Ok(())
    }

    /// Which entities are taken.
    pub fn filter(&self) -> Filter {
        Filter {
            include: self.include.clone(),
            exclude: self.exclude.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Calls;

    #[test]
    fn a_service_is_called_where_it_is_allowed_and_not_denied() {
        let calls = |json: &str| serde_json::from_str::<Calls>(json).expect("calls");
        assert!(calls("{}").allows("light.turn_on"));
        let lights = calls(r#"{"allow": ["light.*", "scene.turn_on"]}"#);
        assert!(lights.allows("light.toggle") && lights.allows("scene.turn_on"));
        assert!(!lights.allows("homeassistant.stop"));
        let most = calls(r#"{"deny": ["homeassistant.*", "*.reload"]}"#);
        assert!(most.allows("light.toggle"));
        assert!(!most.allows("homeassistant.stop") && !most.allows("automation.reload"));
    }
}
