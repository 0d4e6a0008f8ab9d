//! PMA's names for what Hearthgate's kinds say, and the forms of ids.

use std::collections::BTreeSet;

/// Hearthgate's kinds that PMA's clients are told of, by what their events are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `entity.state_changed`.
    StateChanged,
    /// `entity.added`.
    EntityAdded,
    /// `entity.removed`.
    EntityRemoved,
    /// `entity.updated`.
    EntityUpdated,
    /// `service.called`.
    ServiceCalled,
    /// `room.created`.
    RoomCreated,
    /// `room.updated`.
    RoomUpdated,
    /// `room.deleted`.
    RoomDeleted,
    /// `area.updated`.
    AreaUpdated,
    /// `automation.triggered`.
    AutomationTriggered,
    /// `scene.activated`.
    SceneActivated,
}

use Kind::*;

/// What a filter on entities and rooms has to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// Always an entity.
    Entity,
    /// An entity where the call names one.
    Call,
    /// No entity: filters on entities, rooms, domains and types don't apply.
    Else,
}

/// Every kind that a filter can choose.
pub const KINDS: [Kind; 11] = [
    StateChanged,
    EntityAdded,
    EntityRemoved,
    EntityUpdated,
    ServiceCalled,
    RoomCreated,
    RoomUpdated,
    RoomDeleted,
    AreaUpdated,
    AutomationTriggered,
    SceneActivated,
];

/// Kinds whose events pass every filter: what PMA calls control frames.
pub const CONTROL: [&str; 4] = [
    "system.status",
    "sync.status",
    "adapter.status",
    "broadcast.sent",
];

/// The kinds about entities.
pub const ENTITY_KINDS: [Kind; 4] = [StateChanged, EntityAdded, EntityRemoved, EntityUpdated];

impl Kind {
    /// The kind's name in Hearthgate's catalogue.
    pub fn as_str(self) -> &'static str {
        match self {
            StateChanged => "entity.state_changed",
            EntityAdded => "entity.added",
            EntityRemoved => "entity.removed",
            EntityUpdated => "entity.updated",
            ServiceCalled => "service.called",
            RoomCreated => "room.created",
            RoomUpdated => "room.updated",
            RoomDeleted => "room.deleted",
            AreaUpdated => "area.updated",
            AutomationTriggered => "automation.triggered",
            SceneActivated => "scene.activated",
        }
    }

    /// What its events are about.
    pub fn about(self) -> About {
        match self {
            StateChanged | EntityAdded | EntityRemoved | EntityUpdated => About::Entity,
            ServiceCalled => About::Call,
            _ => About::Else,
        }
    }
}

/// The kinds behind an event type of PMA's, with or without `pma_` or `ha_`. None for names of events that
/// Hearthgate has no kind for, and for control frames, which need no subscription.
pub fn kinds_of(event_type: &str) -> &'static [Kind] {
    let name = event_type
        .strip_prefix("pma_")
        .or_else(|| event_type.strip_prefix("ha_"))
        .unwrap_or(event_type);
    match name {
        "state_changed" | "entity_state_changed" => &[StateChanged],
        "entity_added" => &[EntityAdded],
        "entity_removed" => &[EntityRemoved],
        "entity_updated" => &[EntityUpdated],
        "room_updated" => &[RoomCreated, RoomUpdated, RoomDeleted],
        "room_added" => &[RoomCreated],
        "room_removed" => &[RoomDeleted],
        "area_updated" => &[AreaUpdated],
        "automation_triggered" => &[AutomationTriggered],
        "scene_activated" => &[SceneActivated],
        "service_call" => &[ServiceCalled],
        _ => &[],
    }
}

/// Whether it can be the name of an event type: a word, so that a slip is told and not kept.
pub fn is_event_type(name: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-' | b':');
    (1..=64).contains(&name.len()) && name.bytes().all(word)
}

/// An id as it is sent: without a leading `ha_`.
pub fn without_prefix(id: &str) -> &str {
    match id.strip_prefix("ha_") {
        Some(rest) if !rest.is_empty() => rest,
        _ => id,
    }
}

/// Whether it can be a room's or a source's name: some text that fits a label.
pub fn is_name(text: &str) -> bool {
    (1..=256).contains(&text.len()) && !text.contains(char::is_control)
}

/// Whether an id, without its prefix, is `domain.object` with a domain of Home Assistant's or one of `more`.
pub fn is_entity_id(id: &str, more: &BTreeSet<String>) -> bool {
    let slug = |text: &str| {
        let ok = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        !text.is_empty() && text.bytes().all(ok)
    };
    match id.split_once('.') {
        Some((domain, object)) => {
            id.len() <= 256
                && slug(object)
                && (DOMAINS.binary_search(&domain).is_ok() || more.contains(domain))
        }
        None => false,
    }
}

/// The domains that Home Assistant's integrations make entities in, sorted.
const DOMAINS: [&str; 65] = [
    "ai_task",
    "air_quality",
    "alarm_control_panel",
    "alert",
    "assist_satellite",
    "automation",
    "binary_sensor",
    "button",
    "calendar",
    "camera",
    "climate",
    "conversation",
    "counter",
    "cover",
    "date",
    "datetime",
    "device_tracker",
    "event",
    "fan",
    "geo_location",
    "group",
    "humidifier",
    "image",
    "image_processing",
    "input_boolean",
    "input_button",
    "input_datetime",
    "input_number",
    "input_select",
    "input_text",
    "lawn_mower",
    "light",
    "lock",
    "mailbox",
    "media_player",
    "notify",
    "number",
    "persistent_notification",
    "person",
    "plant",
    "proximity",
    "remote",
    "scene",
    "schedule",
    "script",
    "select",
    "sensor",
    "siren",
    "stt",
    "sun",
    "switch",
    "tag",
    "text",
    "time",
    "timer",
    "todo",
    "tts",
    "update",
    "vacuum",
    "valve",
    "wake_word",
    "water_heater",
    "weather",
    "zone",
    "zwave",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_sorted_as_the_search_needs_them() {
        assert!(DOMAINS.is_sorted());
    }

    #[test]
    fn entity_ids_have_a_known_domain_and_a_slug() {
        let more = BTreeSet::from(["acme".to_owned()]);
        let check = |id: &str, expected| assert_eq!(is_entity_id(id, &more), expected, "{id}");
        check("light.living_room", true);
        check("sensor.temperature", true);
        check("water_heater.tank_2", true);
        check("acme.thing", true);
        check("invalid.entity", false);
        check("light.", false);
        check(".light", false);
        check("light", false);
        check("", false);
        check("light.Living", false);
        check("light.living room", false);
        check("light.a.b", false);
        check("Light.a", false);
    }

    #[test]
    fn event_types_go_by_each_of_their_names() {
        let check = |name: &str, expected: &[Kind]| assert_eq!(kinds_of(name), expected, "{name}");
        for name in [
            "state_changed",
            "ha_state_changed",
            "entity_state_changed",
            "pma_entity_state_changed",
        ] {
            check(name, &[StateChanged]);
        }
        check("entity_updated", &[EntityUpdated]);
        check("pma_entity_updated", &[EntityUpdated]);
        check("automation_triggered", &[AutomationTriggered]);
        check("service_call", &[ServiceCalled]);
        check("pma_room_updated", &[RoomCreated, RoomUpdated, RoomDeleted]);
        check("pma_room_removed", &[RoomDeleted]);
        check("system_status", &[]);
        check("unheard_of", &[]);
    }

    #[test]
    fn a_prefix_is_taken_off_once() {
        let check = |id: &str, expected: &str| assert_eq!(without_prefix(id), expected);
        check("ha_light.kitchen", "light.kitchen");
        check("light.kitchen", "light.kitchen");
        check("ha_", "ha_");
        check("ha_ha_x", "ha_x");
    }
}
