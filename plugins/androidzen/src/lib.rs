//! AndroidZen Pro's clients, unmodified: their WebSocket protocol as a dialect, and their server's HTTP routes. The README beside
//! this crate tells users; here is the way of things:
//!
//! ```text
//! client's text → client → topics → subscriptions        HTTP → routes → events → everyone
//! event → encode → every client whose topics it fits
//! ```

mod client;
mod encode;
mod refresh;
mod routes;
mod session;
mod speech;
mod topics;

use hearthgate_plugin::{
    Action, CallError, DialectClient, Failure, GatewayStats, HttpAnswer, HttpCall, Plugin,
    Published, Start,
};
use serde::Deserialize;
use serde_json::json;

/// The configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Config {
    open_management: bool,
    admin_role: String,
    max_topics: usize,
}

/// The plugin.
pub struct AndroidZen(Config);

impl Plugin for AndroidZen {
    type Config = Config;

    fn init(_: &mut Start, config: Config) -> Result<Self, Failure> {
        Ok(Self(config))
    }

    fn on_open(&mut self, client: DialectClient) -> Vec<Action> {
        client::opened(&client)
    }

    fn on_text(&mut self, client: DialectClient, text: String) -> Vec<Action> {
        client::said(&client, &text, self.0.max_topics)
    }

    fn on_reply(
        &mut self,
        _: DialectClient,
        kind: String,
        outcome: Result<String, CallError>,
    ) -> Vec<Action> {
        client::replied(&kind, outcome)
    }

    fn encode(&mut self, events: Vec<Published>) -> Vec<Vec<String>> {
        events.iter().map(encode::encode).collect()
    }

    fn heartbeat(&mut self, _: GatewayStats) -> Vec<String> {
        vec![speech::message("heartbeat", json!({"status": "alive"}))]
    }

    fn serve(&mut self, call: HttpCall) -> HttpAnswer {
        routes::serve(&call, &self.0).into()
    }
}

hearthgate_plugin::plugin!(AndroidZen: dialect, routes);
