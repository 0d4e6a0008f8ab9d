//! PMA's dialect, as either of its documents has it.

use crate::dialect::Client;
use hearthgate_plugin::{Event, Plugin, Published, testing};
use plugin_pma::{Config, Pma};
use serde_json::json;
use std::cell::OnceCell;

/// What clients of each form have asked for before; so full that the bounds are met often.
const FORMS: usize = 8;

thread_local! {
    static CLIENTS: [OnceCell<Client<Pma>>; FORMS] = const { [const { OnceCell::new() }; FORMS] };
}

/// The first byte says which document is followed and, where it is 0xf0 and more, how much the client has asked for
/// already: that takes longer, so it is rarer. The rest is what it says.
pub fn pma(data: &[u8]) {
    let Some((&first, rest)) = data.split_first() else {
        return;
    };
    let Ok(texts) = std::str::from_utf8(rest) else {
        return;
    };
    let form = usize::from(if first < 0xf0 { first & 1 } else { first & 7 });
    let client = CLIENTS.with(|all| all[form].get_or_init(|| prepared(form)).clone());
    client.say_all(texts);
}

fn prepared(form: usize) -> Client<Pma> {
    testing::retain(vec![numbered_room()]);
    let new = match form & 1 {
        0 => || plugin("guide"),
        _ => || plugin("legacy"),
    };
    let mut client = Client::open(new, "/ws");
    let mut plugin = new();
    if form & 2 != 0 {
        different_filters().for_each(|text| client.say(&mut plugin, &text));
    }
    if form & 4 != 0 {
        long_sets().for_each(|text| client.say(&mut plugin, &text));
    }
    client
}

/// With the manifest's defaults, as the host fills them in.
fn plugin(dialect: &str) -> Pma {
    let config = json!({
        "dialect": dialect, "max-items": 1000, "source-names": {"home": "homeassistant"},
        "entity-domains": ["acme"], "service": "hearthgate",
    });
    let config: Config = serde_json::from_value(config).expect("it is a configuration");
    let mut start = testing::start("fresh", None, vec![], vec![]);
    Pma::init(&mut start, config).expect("it starts")
}

/// Every name of every event type, each with filters of its own: as many subscriptions as can be had.
fn different_filters() -> impl Iterator<Item = String> {
    let types = [
        "state_changed",
        "entity_state_changed",
        "entity_added",
        "entity_removed",
        "entity_updated",
        "room_updated",
        "room_added",
        "room_removed",
        "area_updated",
        "automation_triggered",
        "scene_activated",
        "service_call",
    ];
    let names = ["", "pma_", "ha_ha_"]
        .into_iter()
        .flat_map(move |prefix| types.map(|name| format!("{prefix}{name}")));
    let bound = names.enumerate().map(|(nth, name)| {
        json!({"type": "subscribe_ha_events", "data": {"event_types": [name], "filters": {
            "domains": [format!("d{nth}")], "entity_types": [format!("t{nth}")],
            "sources": [format!("s{nth}")], "rooms": [format!("r{nth}")],
        }}})
    });
    let overall = json!({"type": "subscribe_ha_events", "data": {"entity_types": ["light"], "sources": ["home"]}});
    bound.chain([overall]).map(|text| text.to_string())
}

/// Sets that together are more than is kept of a client.
fn long_sets() -> impl Iterator<Item = String> {
    (0..40_usize).map(|nth| {
        let ids: Vec<_> = (0..20)
            .map(|n| format!("light.{nth}_{n}_{}", "x".repeat(100)))
            .collect();
        json!({"type": "subscribe_ha_entities", "data": {"entity_ids": ids}}).to_string()
    })
}

fn numbered_room() -> Published {
    let room = json!({"room": {"id": "7", "name": "Hall", "area": "hall"}});
    Event::new("room.created", "room/7", &room)
        .publish()
        .expect("the test's host takes it");
    let event = testing::published().remove(0);
    Published {
        seq: 1,
        source: "rooms".to_owned(),
        received_at: 1_795_169_700_000,
        event,
    }
}
