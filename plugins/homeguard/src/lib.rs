//! Serves HomeGuard's dashboards: the channels `/ws/alerts` and `/ws/devices`, and `/api`. See the README beside this crate.

mod channels;
mod reply;
mod request;
mod routes;
mod shapes;
#[cfg(test)]
mod tests;

use hearthgate_plugin::{
    Action, DialectClient, Failure, HttpAnswer, HttpCall, Plugin, Published, Start,
};
use serde::Deserialize;

/// The configuration; `plugin.toml` says what each key means.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Config {
    sources: Vec<String>,
    categories: Vec<String>,
    alerts_path: String,
    devices_path: String,
}

/// The plugin.
pub struct HomeGuard(Config);

impl Plugin for HomeGuard {
    type Config = Config;

    fn init(_: &mut Start, config: Config) -> Result<Self, Failure> {
        if config.alerts_path == config.devices_path {
            let problem = "must differ from alerts-path: the channels are told apart by it";
            return Err(Failure::misconfigured("devices-path", problem));
        }
        Ok(Self(config))
    }

    fn on_open(&mut self, client: DialectClient) -> Vec<Action> {
        channels::open(&client, &self.0)
    }

    fn on_text(&mut self, _: DialectClient, _: String) -> Vec<Action> {
        channels::pong()
    }

    fn encode(&mut self, events: Vec<Published>) -> Vec<Vec<String>> {
        events
            .iter()
            .map(|event| channels::encode(event).into_iter().collect())
            .collect()
    }

    fn serve(&mut self, call: HttpCall) -> HttpAnswer {
        routes::serve(&call).into()
    }
}

hearthgate_plugin::plugin!(HomeGuard: dialect, routes);
