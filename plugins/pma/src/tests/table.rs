//! PMA's truth table of filters as data: what a client sent, and which events it gets then. The same rows are tried
//! here, against the host's rules, and end to end by the gateway's tests. Whoever includes this file says with the
//! macro `each` what a row becomes.

/// An event that the rows speak of.
pub struct Event {
    /// What the rows call it.
    pub name: &'static str,
    /// Its kind.
    pub kind: &'static str,
    /// Its topic.
    pub topic: &'static str,
    /// Its labels, as JSON.
    pub labels: &'static str,
    /// Its data, as JSON.
    pub data: &'static str,
}

/// A row.
pub struct Row {
    /// Its name.
    pub name: &'static str,
    /// What the client sent, in this order.
    pub steps: &'static [&'static str],
    /// The events that pass then.
    pub passes: &'static [&'static str],
}

/// The source of all of them, as clients know it.
pub const SOURCE: &str = "homeassistant";

macro_rules! events {
    ($($name:ident: $kind:literal on $topic:literal $labels:literal $data:literal;)+) => {
        /// The events.
        pub const EVENTS: &[Event] = &[$(Event {
            name: stringify!($name),
            kind: $kind,
            topic: $topic,
            labels: $labels,
            data: $data,
        }),+];
    };
}

events! {
    lamp: "entity.state_changed" on "entity/light.lamp/state"
        r#"{"entity":"light.lamp","domain":"light","room":"kitchen"}"#
        r#"{"entity_id":"light.lamp","entity_type":"light","attributes":{},"old_state":"off","new_state":"on","room_id":"kitchen"}"#;
    fan: "entity.state_changed" on "entity/switch.fan/state"
        r#"{"entity":"switch.fan","domain":"switch","room":"hall"}"#
        r#"{"entity_id":"switch.fan","entity_type":"switch","attributes":{},"new_state":"on","room_id":"hall"}"#;
    // Its source knows no room for it.
    rain: "entity.state_changed" on "entity/sensor.rain/state"
        r#"{"entity":"sensor.rain","domain":"sensor"}"#
        r#"{"entity_id":"sensor.rain","entity_type":"sensor","attributes":{}}"#;
    // Its source says a type that is not its domain.
    door: "entity.state_changed" on "entity/binary_sensor.door/state"
        r#"{"entity":"binary_sensor.door","domain":"binary_sensor","entity_type":"door","room":"hall"}"#
        r#"{"entity_id":"binary_sensor.door","entity_type":"door","attributes":{},"new_state":"on"}"#;
    added: "entity.added" on "entity/light.lamp/registry"
        r#"{"entity":"light.lamp","domain":"light","room":"kitchen"}"#
        r#"{"entity":{"id":"light.lamp","name":"Lamp","type":"light","state":"off"}}"#;
    updated: "entity.updated" on "entity/switch.fan/registry"
        r#"{"entity":"switch.fan","domain":"switch","room":"hall"}"#
        r#"{"entity":{"id":"switch.fan","name":"Fan","type":"switch","state":"off"}}"#;
    removed: "entity.removed" on "entity/light.old/registry"
        r#"{"entity":"light.old","domain":"light"}"# r#"{"entity_id":"light.old"}"#;
    room: "room.updated" on "room/kitchen" r#"{"room":"kitchen"}"# r#"{"room":{"id":"kitchen","name":"Kitchen"}}"#;
    new_room: "room.created" on "room/attic" r#"{"room":"attic"}"# r#"{"room":{"id":"attic","name":"Attic"}}"#;
    area: "area.updated" on "area/kitchen" r#"{"area":"kitchen"}"# r#"{"area":{"id":"kitchen","name":"Kitchen"},"action":"updated"}"#;
    automation: "automation.triggered" on "automation/morning" "{}"
        r#"{"rule_id":"morning","rule_name":"Morning","trigger":{"type":"time"}}"#;
    scene: "scene.activated" on "scene/movie" "{}" r#"{"scene_id":"movie"}"#;
    call: "service.called" on "service/light/turn_on"
        r#"{"entity":"light.lamp","domain":"light","room":"kitchen"}"#
        r#"{"domain":"light","service":"turn_on","service_data":{},"entity_id":"light.lamp"}"#;
    bare_call: "service.called" on "service/backup/create" "{}"
        r#"{"domain":"backup","service":"create","service_data":{}}"#;
    status: "system.status" on "system/status" "{}" r#"{"status":"healthy","details":{}}"#;
    sync: "sync.status" on "adapter/home/sync" "{}"
        r#"{"status":"syncing","message":"m","entity_count":1,"room_count":1,"progress":50}"#;
    adapter: "adapter.status" on "adapter/home/status" "{}"
        r#"{"adapter_id":"a","adapter_name":"Home","status":"connected"}"#;
    broadcast: "broadcast.sent" on "broadcast/custom" "{}" r#"{"type":"custom","data":{}}"#;
}

macro_rules! rows {
    ($($name:ident: [$($step:literal),* $(,)?] => [$($passes:ident)*];)+) => {
        /// The rows.
        pub const ROWS: &[Row] = &[$(Row {
            name: stringify!($name),
            steps: &[$($step),*],
            passes: &[$(stringify!($passes)),*],
        }),+];
        $( each!($name); )+
    };
}

rows! {
    nothing_named_passes_everything: []
        => [lamp fan rain door added updated removed room new_room area automation scene call bare_call status sync adapter broadcast];
    pings_name_nothing: [r#"{"type":"ping","data":{}}"#]
        => [lamp fan rain door added updated removed room new_room area automation scene call bare_call status sync adapter broadcast];

    one_event_type: [r#"{"type":"subscribe_ha_events","data":{"event_types":["state_changed"]}}"#]
        => [lamp fan rain door status sync adapter broadcast];
    by_its_message_type: [r#"{"type":"subscribe_ha_events","data":{"event_types":["pma_entity_state_changed"]}}"#]
        => [lamp fan rain door status sync adapter broadcast];
    with_a_prefix: [r#"{"type":"subscribe_ha_events","data":{"event_types":["ha_state_changed"]}}"#]
        => [lamp fan rain door status sync adapter broadcast];
    several_event_types: [r#"{"type":"subscribe_ha_events","data":{"event_types":["automation_triggered","service_call","entity_updated"]}}"#]
        => [updated automation call bare_call status sync adapter broadcast];
    event_types_add_up: [
        r#"{"type":"subscribe_ha_events","data":{"event_types":["automation_triggered"]}}"#,
        r#"{"type":"subscribe_ha_events","data":{"event_types":["pma_scene_activated"]}}"#
    ] => [automation scene status sync adapter broadcast];
    rooms_as_event_types: [r#"{"type":"subscribe_ha_events","data":{"event_types":["pma_room_updated","pma_area_updated"]}}"#]
        => [room new_room area status sync adapter broadcast];
    only_new_rooms: [r#"{"type":"subscribe_ha_events","data":{"event_types":["pma_room_added"]}}"#]
        => [new_room status sync adapter broadcast];
    an_event_type_that_nothing_is: [r#"{"type":"subscribe_ha_events","data":{"event_types":["sunrise"]}}"#]
        => [status sync adapter broadcast];
    unsubscribing_an_event_type: [
        r#"{"type":"subscribe_ha_events","data":{"event_types":["automation_triggered","pma_scene_activated"]}}"#,
        r#"{"type":"unsubscribe_ha_events","data":{"event_types":["pma_scene_activated"]}}"#
    ] => [automation status sync adapter broadcast];
    emptied_event_types_pass_none: [
        r#"{"type":"subscribe_ha_events","data":{"event_types":["state_changed"]}}"#,
        r#"{"type":"unsubscribe_ha_events","data":{"event_types":["state_changed"]}}"#
    ] => [status sync adapter broadcast];
    unsubscribing_what_was_never_named: [r#"{"type":"unsubscribe_ha_events","data":{"event_types":["state_changed"]}}"#]
        => [lamp fan rain door added updated removed room new_room area automation scene call bare_call status sync adapter broadcast];

    an_entity: [r#"{"type":"subscribe_ha_entities","data":{"entity_ids":["light.lamp"]}}"#]
        => [lamp added room new_room area automation scene call bare_call status sync adapter broadcast];
    an_entity_with_a_prefix: [r#"{"type":"subscribe_ha_entities","data":{"entity_ids":["ha_light.lamp"]}}"#]
        => [lamp added room new_room area automation scene call bare_call status sync adapter broadcast];
    entities_are_alternatives: [r#"{"type":"subscribe_ha_entities","data":{"entity_ids":["light.lamp","sensor.rain"]}}"#]
        => [lamp rain added room new_room area automation scene call bare_call status sync adapter broadcast];
    a_bad_entity_beside_a_good_one: [r#"{"type":"subscribe_ha_entities","data":{"entity_ids":["invalid.entity","switch.fan"]}}"#]
        => [fan updated room new_room area automation scene bare_call status sync adapter broadcast];
    only_a_bad_entity: [r#"{"type":"subscribe_ha_entities","data":{"entity_ids":["invalid.entity"]}}"#]
        => [lamp fan rain door added updated removed room new_room area automation scene call bare_call status sync adapter broadcast];
    emptied_entities_pass_all: [
        r#"{"type":"subscribe_ha_entities","data":{"entity_ids":["light.lamp"]}}"#,
        r#"{"type":"unsubscribe_ha_entities","data":{"entity_ids":["light.lamp"]}}"#
    ] => [lamp fan rain door added updated removed room new_room area automation scene call bare_call status sync adapter broadcast];

    a_room: [r#"{"type":"subscribe_ha_rooms","data":{"room_ids":["kitchen"]}}"#]
        => [lamp rain added removed room new_room area automation scene call bare_call status sync adapter broadcast];
    a_room_with_a_prefix: [r#"{"type":"subscribe_ha_rooms","data":{"room_ids":["ha_hall"]}}"#]
        => [fan rain door updated removed room new_room area automation scene bare_call status sync adapter broadcast];
    rooms_are_alternatives: [r#"{"type":"subscribe_ha_rooms","data":{"room_ids":["kitchen","hall"]}}"#]
        => [lamp fan rain door added updated removed room new_room area automation scene call bare_call status sync adapter broadcast];
    emptied_rooms_pass_all: [
        r#"{"type":"subscribe_ha_rooms","data":{"room_ids":["kitchen"]}}"#,
        r#"{"type":"unsubscribe_ha_rooms","data":{"room_ids":["kitchen"]}}"#
    ] => [lamp fan rain door added updated removed room new_room area automation scene call bare_call status sync adapter broadcast];
    a_numbered_room_never_narrows_rooms: [r#"{"type":"subscribe_room","data":{"room_id":1}}"#]
        => [rain removed room new_room area automation scene bare_call status sync adapter broadcast];
    an_emptied_numbered_room: [
        r#"{"type":"subscribe_room","data":{"room_id":"1"}}"#,
        r#"{"type":"unsubscribe_room","data":{"room_id":1}}"#
    ] => [lamp fan rain door added updated removed room new_room area automation scene call bare_call status sync adapter broadcast];

    entities_and_rooms: [
        r#"{"type":"subscribe_ha_entities","data":{"entity_ids":["light.lamp","switch.fan","sensor.rain"]}}"#,
        r#"{"type":"subscribe_ha_rooms","data":{"room_ids":["kitchen"]}}"#
    ] => [lamp rain added room new_room area automation scene call bare_call status sync adapter broadcast];
    event_types_and_entities: [
        r#"{"type":"subscribe_ha_events","data":{"event_types":["state_changed","automation_triggered"]}}"#,
        r#"{"type":"subscribe_ha_entities","data":{"entity_ids":["light.lamp"]}}"#
    ] => [lamp automation status sync adapter broadcast];
    event_types_without_the_entitys: [
        r#"{"type":"subscribe_ha_entities","data":{"entity_ids":["light.lamp"]}}"#,
        r#"{"type":"subscribe_ha_events","data":{"event_types":["automation_triggered"]}}"#
    ] => [automation status sync adapter broadcast];
    event_types_entities_and_rooms: [
        r#"{"type":"subscribe_ha_events","data":{"event_types":["state_changed"]}}"#,
        r#"{"type":"subscribe_ha_entities","data":{"entity_ids":["light.lamp","switch.fan"]}}"#,
        r#"{"type":"subscribe_ha_rooms","data":{"room_ids":["hall"]}}"#
    ] => [fan status sync adapter broadcast];

    the_guides_filter: [r#"{"type":"subscribe_ha_events","data":{"event_types":["state_changed"],"filters":{"domains":["light","switch"],"rooms":["kitchen","bedroom"]}}}"#]
        => [lamp status sync adapter broadcast];
    a_domain: [r#"{"type":"subscribe_ha_events","data":{"event_types":["state_changed"],"filters":{"domains":["switch"]}}}"#]
        => [fan status sync adapter broadcast];
    a_domain_beside_the_types: [r#"{"type":"subscribe_ha_events","data":{"event_types":["state_changed"],"domains":["switch"]}}"#]
        => [fan status sync adapter broadcast];
    a_bound_room_lets_pass_what_has_none: [r#"{"type":"subscribe_ha_events","data":{"event_types":["state_changed"],"filters":{"rooms":["kitchen"]}}}"#]
        => [lamp rain status sync adapter broadcast];
    a_type_by_its_domain: [r#"{"type":"subscribe_ha_events","data":{"event_types":["state_changed"],"filters":{"entity_types":["light"]}}}"#]
        => [lamp status sync adapter broadcast];
    a_type_that_its_source_says: [r#"{"type":"subscribe_ha_events","data":{"event_types":["state_changed"],"filters":{"entity_types":["door","sensor"]}}}"#]
        => [rain door status sync adapter broadcast];
    a_type_that_its_source_does_not_say: [r#"{"type":"subscribe_ha_events","data":{"event_types":["state_changed"],"filters":{"entity_types":["binary_sensor"]}}}"#]
        => [status sync adapter broadcast];
    a_source: [r#"{"type":"subscribe_ha_events","data":{"event_types":["state_changed"],"filters":{"sources":["homeassistant"]}}}"#]
        => [lamp fan rain door status sync adapter broadcast];
    another_source: [r#"{"type":"subscribe_ha_events","data":{"event_types":["state_changed","automation_triggered"],"filters":{"sources":["elsewhere"]}}}"#]
        => [status sync adapter broadcast];
    filters_bind_to_their_call: [
        r#"{"type":"subscribe_ha_events","data":{"event_types":["state_changed"],"filters":{"domains":["light"]}}}"#,
        r#"{"type":"subscribe_ha_events","data":{"event_types":["entity_updated","service_call"]}}"#
    ] => [lamp updated call bare_call status sync adapter broadcast];
    two_calls_with_filters_of_their_own: [
        r#"{"type":"subscribe_ha_events","data":{"event_types":["state_changed"],"filters":{"domains":["light"]}}}"#,
        r#"{"type":"subscribe_ha_events","data":{"event_types":["entity_added","entity_updated"],"filters":{"domains":["switch"]}}}"#
    ] => [lamp updated status sync adapter broadcast];
    filters_of_one_type_add_up: [
        r#"{"type":"subscribe_ha_events","data":{"event_types":["state_changed"],"filters":{"domains":["light"]}}}"#,
        r#"{"type":"subscribe_ha_events","data":{"event_types":["state_changed"],"filters":{"domains":["sensor"]}}}"#
    ] => [lamp rain status sync adapter broadcast];
    what_has_no_entity_skips_a_bound_filter: [r#"{"type":"subscribe_ha_events","data":{"event_types":["automation_triggered","pma_room_updated","service_call"],"filters":{"domains":["switch"],"rooms":["hall"]}}}"#]
        => [room new_room automation bare_call status sync adapter broadcast];
    filters_without_event_types: [r#"{"type":"subscribe_ha_events","data":{"filters":{"domains":["light"]}}}"#]
        => [lamp added removed room new_room area automation scene call bare_call status sync adapter broadcast];
    emptied_domains_pass_all: [
        r#"{"type":"subscribe_ha_events","data":{"event_types":["state_changed"],"filters":{"domains":["light"]}}}"#,
        r#"{"type":"unsubscribe_ha_events","data":{"domains":["light"]}}"#
    ] => [lamp fan rain door status sync adapter broadcast];
    undoing_a_filtered_call: [
        r#"{"type":"subscribe_ha_events","data":{"event_types":["state_changed"],"filters":{"domains":["light"]}}}"#,
        r#"{"type":"unsubscribe_ha_events","data":{"event_types":["state_changed"],"filters":{"domains":["light"]}}}"#
    ] => [status sync adapter broadcast];
    bound_and_overall_rooms: [
        r#"{"type":"subscribe_ha_events","data":{"event_types":["state_changed"],"filters":{"rooms":["kitchen"]}}}"#,
        r#"{"type":"subscribe_ha_rooms","data":{"room_ids":["hall"]}}"#
    ] => [rain status sync adapter broadcast];
    a_filter_that_does_not_fit_changes_nothing: [r#"{"type":"subscribe_ha_events","data":{"event_types":["state_changed"],"filters":{"domains":{"light":true}}}}"#]
        => [lamp fan rain door added updated removed room new_room area automation scene call bare_call status sync adapter broadcast];

    the_topic_of_an_entity: [r#"{"type":"subscribe","data":{"topics":["entity:light.lamp"]}}"#]
        => [lamp added room new_room area automation scene call bare_call status sync adapter broadcast];
    the_updates_of_an_entity: [r#"{"type":"subscribe","topic":"entity_updates:ha_light.lamp"}"#]
        => [lamp added room new_room area automation scene call bare_call status sync adapter broadcast];
    the_topic_of_all_entities: [r#"{"type":"subscribe","data":{"topics":["entity_updates"]}}"#]
        => [lamp fan rain door added updated removed status sync adapter broadcast];
    the_star: [r#"{"type":"subscribe","data":{"topics":["entity:light.lamp","entity:*"]}}"#]
        => [lamp fan rain door added updated removed room new_room area automation scene call bare_call status sync adapter broadcast];
    the_topic_of_an_event_type: [r#"{"type":"subscribe","data":{"topics":["ha_events:service_call"]}}"#]
        => [call bare_call status sync adapter broadcast];
    the_topic_of_all_event_types: [r#"{"type":"subscribe","data":{"topics":["ha_events"]}}"#]
        => [lamp fan rain door added updated removed room new_room area automation scene call bare_call status sync adapter broadcast];
    the_topic_of_automations: [r#"{"type":"subscribe","data":{"topics":["automation_events"]}}"#]
        => [automation scene status sync adapter broadcast];
    the_topic_of_the_system: [r#"{"type":"subscribe","data":{"topics":["system_status"]}}"#]
        => [status sync adapter broadcast];
    the_topic_of_a_source: [r#"{"type":"subscribe","data":{"topics":["source:homeassistant"]}}"#]
        => [lamp fan rain door added updated removed room new_room area automation scene call bare_call status sync adapter broadcast];
    the_topic_of_another_source: [r#"{"type":"subscribe","data":{"topics":["source:elsewhere"]}}"#]
        => [status sync adapter broadcast];
    an_entity_beside_automations: [r#"{"type":"subscribe","data":{"topics":["entity:light.lamp","automation_events"]}}"#]
        => [lamp added automation scene status sync adapter broadcast];
    an_unsubscribed_topic: [
        r#"{"type":"subscribe","data":{"topics":["automation_events","ha_events:service_call"]}}"#,
        r#"{"type":"unsubscribe","data":{"topics":["automation_events"]}}"#
    ] => [call bare_call status sync adapter broadcast];
    an_unsubscribed_entity_topic: [
        r#"{"type":"subscribe","data":{"topics":["entity:light.lamp"]}}"#,
        r#"{"type":"unsubscribe","data":{"topics":["entity:light.lamp"]}}"#
    ] => [lamp fan rain door added updated removed room new_room area automation scene call bare_call status sync adapter broadcast];
    the_last_unsubscribed_topic: [
        r#"{"type":"subscribe","data":{"topics":["automation_events"]}}"#,
        r#"{"type":"unsubscribe","data":{"topics":["automation_events"]}}"#
    ] => [status sync adapter broadcast];
    no_such_topic: [r#"{"type":"subscribe","data":{"topics":["news"]}}"#]
        => [lamp fan rain door added updated removed room new_room area automation scene call bare_call status sync adapter broadcast];
}
