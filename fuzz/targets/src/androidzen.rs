//! AndroidZen Pro's dialect.

use crate::dialect::Client;
use hearthgate_plugin::{Event, Plugin, Published, testing};
use plugin_androidzen::{AndroidZen, Config};
use serde_json::json;
use std::cell::OnceCell;

/// How clients begin: with nothing, with short topics, with long ones, with some that grow when they are written down.
const BEGINNINGS: usize = 4;

thread_local! {
    static CLIENTS: [OnceCell<Client<AndroidZen>>; BEGINNINGS] =
        const { [const { OnceCell::new() }; BEGINNINGS] };
}

/// The first byte says what the client has subscribed to already, much of it only where it is 0xf0 and more: that takes
/// longer. The rest is what it says.
pub fn androidzen(data: &[u8]) {
    let Some((&first, rest)) = data.split_first() else {
        return;
    };
    let Ok(texts) = std::str::from_utf8(rest) else {
        return;
    };
    let nth = usize::from(if first < 0xf0 { first & 1 } else { first & 3 });
    let client = CLIENTS.with(|all| all[nth].get_or_init(|| prepared(nth)).clone());
    client.say_all(texts);
}

fn prepared(beginning: usize) -> Client<AndroidZen> {
    testing::retain(vec![status()]);
    let mut client = Client::open(plugin, "/ws");
    let mut plugin = plugin();
    let topics: Vec<String> = match beginning {
        0 => Vec::new(),
        1 => ["device_status", "security", "notifications", "metrics_d"]
            .map(str::to_owned)
            .into(),
        2 => (0..200)
            .map(|n| format!("device_{n}{}", "/".repeat(180)))
            .collect(),
        _ => (0..200)
            .map(|n| format!("metrics_{n}{}", "\"\u{1}".repeat(90)))
            .collect(),
    };
    for topic in topics {
        let text = json!({"type": "subscription", "data": {"topic": topic}});
        client.say(&mut plugin, &text.to_string());
    }
    client
}

/// With the manifest's defaults, as the host fills them in.
fn plugin() -> AndroidZen {
    let config = json!({"open-management": false, "admin-role": "admin", "max-topics": 200});
    let config: Config = serde_json::from_value(config).expect("it is a configuration");
    let mut start = testing::start("fresh", None, vec![], vec![]);
    AndroidZen::init(&mut start, config).expect("it starts")
}

fn status() -> Published {
    let data = json!({"device_id": "d", "name": "D", "status": "online", "last_seen": "2026-11-20T10:15:00Z"});
    Event::new("device.status", "device/d/status", &data)
        .publish()
        .expect("the test's host takes it");
    let event = testing::published().remove(0);
    Published {
        seq: 1,
        source: "test".to_owned(),
        received_at: 1_795_169_700_000,
        event,
    }
}
