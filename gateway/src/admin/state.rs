//! What the admin API shows, and what it can have done.

use super::Reply;
use super::reload::{Control, Outcome};
use crate::bus::Bus;
use crate::connection::Connections;
use crate::event::InstanceName;
use crate::http::{plugin::pairs, reply};
use crate::plugins::api::Page;
use crate::plugins::status::{PluginState, ReloadOutcome};
use crate::plugins::{GatewayView, PluginHost, ReloadError};
use crate::telemetry::metrics::Metrics;
use hyper::StatusCode;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::watch;

/// Most connections on one page.
const MAX_PAGE: u32 = 1000;
/// Connections on a page where the request does not say.
const PAGE: u32 = 100;

/// Where the gateway stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It serves.
    Running,
    /// It stops: no new clients, please.
    Draining,
}

/// A gateway's parts, as the admin API sees them.
pub struct State {
    /// Where events are published.
    pub bus: Bus,
    /// The connections.
    pub view: Arc<dyn GatewayView>,
    /// The connections, and who may do what.
    pub connections: Connections,
    /// The plugins.
    pub plugins: PluginHost,
    /// The configuration.
    pub control: Control,
    /// The process's metrics.
    pub metrics: Metrics,
    /// Where the gateway stands.
    pub phase: watch::Receiver<Phase>,
}

impl State {
    /// `/readyz`: ready unless the gateway stops or an instance has not been through its first start.
    /// One that failed is no reason: the others' clients need the gateway.
    pub(super) fn ready(&self) -> Reply {
        let mut reasons = Vec::new();
        if *self.phase.borrow() == Phase::Draining {
            reasons.push("the gateway is stopping".to_owned());
        }
        let starting = |state: &PluginState| matches!(state, PluginState::Starting);
        let plugins = self.plugins.status();
        for plugin in plugins.iter().filter(|p| starting(&p.state)) {
            reasons.push(format!("plugin {} is starting", plugin.instance));
        }
        let (status, ready) = match reasons.is_empty() {
            true => (StatusCode::OK, true),
            false => (StatusCode::SERVICE_UNAVAILABLE, false),
        };
        reply::json(status, &json!({ "ready": ready, "reasons": reasons }))
    }

    pub(super) fn stats(&self) -> Value {
        let position = self.bus.position();
        let mut stats = self.view.stats();
        if let Some(stats) = stats.as_object_mut() {
            stats.insert("version".into(), env!("CARGO_PKG_VERSION").into());
            stats.insert("epoch".into(), (*position.epoch).into());
            stats.insert("seq".into(), position.seq.into());
            let uptime = self.view.gateway_stats().uptime_ms;
            stats.insert("uptime_ms".into(), uptime.into());
        }
        stats
    }

    pub(super) fn connections(&self, query: &str) -> Reply {
        let (mut offset, mut limit) = (0, PAGE);
        for (key, value) in pairs(query) {
            let (target, max) = match key.as_str() {
                "offset" => (&mut offset, u32::MAX),
                "limit" => (&mut limit, MAX_PAGE),
                _ => continue,
            };
            match value.parse::<u32>() {
                Ok(number) if number <= max => *target = number,
                _ => {
                    let why = format!("{key} must be a number from 0 to {max}");
                    return reply::error(StatusCode::BAD_REQUEST, "INVALID_PARAMETER", &why);
                }
            }
        }
        reply::json(
            StatusCode::OK,
            &self.view.clients(Page {
                offset,
                limit,
                bytes: usize::MAX,
                sessions_of: None,
            }),
        )
    }

    pub(super) fn plugins(&self) -> Reply {
        reply::json(StatusCode::OK, &json!({ "plugins": self.plugins.status() }))
    }

    pub(super) async fn reload_plugin(&self, instance: &InstanceName) -> Reply {
        match self.plugins.reload(instance).await {
            Ok(outcome) => {
                let status = match outcome {
                    ReloadOutcome::Reloaded { .. } => StatusCode::OK,
                    _ => StatusCode::CONFLICT,
                };
                reply::json(status, &json!(outcome))
            }
            Err(error @ ReloadError::Unknown(_)) => {
                reply::error(StatusCode::NOT_FOUND, "NOT_FOUND", &error.to_string())
            }
            Err(error @ ReloadError::Stopped(_)) => {
                reply::error(StatusCode::CONFLICT, "STOPPED", &error.to_string())
            }
        }
    }

    pub(super) fn config(&self) -> Reply {
        let last = self.control.last();
        let body = last.map_or_else(|| json!({ "outcome": "never" }), |report| json!(report));
        reply::json(StatusCode::OK, &json!({ "last_reload": body }))
    }

    pub(super) async fn reload_config(&self) -> Reply {
        match self.control.reload("api").await {
            Some(report) if report.outcome == Outcome::Refused => {
                reply::json(StatusCode::CONFLICT, &json!(report))
            }
            Some(report) => reply::json(StatusCode::OK, &json!(report)),
            None => {
                let after = std::time::Duration::from_secs(5);
                reply::try_later("STOPPING", "the gateway is stopping", after)
            }
        }
    }
}
