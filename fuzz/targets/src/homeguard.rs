//! HomeGuard's dialect.

use crate::dialect::Client;
use hearthgate_plugin::{Plugin, testing};
use plugin_homeguard::{Config, HomeGuard};
use serde_json::json;

/// The first line is the path that the client connects to, the rest is what it says.
pub fn homeguard(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (path, texts) = text.split_once('\n').unwrap_or(("/ws/alerts", text));
    Client::open(plugin, path).say_all(texts);
}

/// With the manifest's defaults, as the host fills them in.
fn plugin() -> HomeGuard {
    let config = json!({
        "sources": [], "categories": ["security"],
        "alerts-path": "/ws/alerts", "devices-path": "/ws/devices",
    });
    let config: Config = serde_json::from_value(config).expect("it is a configuration");
    let mut start = testing::start("fresh", None, vec![], vec![]);
    HomeGuard::init(&mut start, config).expect("it starts")
}
