//! The topics of `subscribe`, which stand for items of the other sets.

use crate::names::without_prefix;

/// What a topic asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic<'a> {
    /// `entity_updates`: everything about entities.
    EntityUpdates,
    /// `ha_events`: every event type.
    Events,
    /// `ha_events:TYPE`: one event type.
    EventType(&'a str),
    /// `system_status`, which passes anyway.
    SystemStatus,
    /// `automation_events`: automations and scenes.
    Automations,
    /// `entity:ID`, `entity_updates:ID`: one entity.
    Entity(&'a str),
    /// `entity:*`.
    EveryEntity,
    /// `source:NAME`: what comes from there.
    Source(&'a str),
}

impl<'a> Topic<'a> {
    /// Reads a topic; ids in it with and without a leading `ha_`. `None`: there is no such topic.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (word, rest) = match text.split_once(':') {
            Some((word, rest)) if !rest.is_empty() => (word, Some(rest)),
            Some(_) => return None,
            None => (text, None),
        };
        Some(match (word, rest) {
            ("entity_updates", None) => Self::EntityUpdates,
            ("ha_events", None) => Self::Events,
            ("ha_events", Some(name)) => Self::EventType(without_prefix(name)),
            ("system_status", None) => Self::SystemStatus,
            ("automation_events", None) => Self::Automations,
            ("entity" | "entity_updates", Some("*")) => Self::EveryEntity,
            ("entity" | "entity_updates", Some(id)) => Self::Entity(without_prefix(id)),
            ("source", Some(name)) => Self::Source(name),
            _ => return None,
        })
    }

    /// Whether naming it means naming event types: then what it does not name no longer passes.
    pub fn names_event_types(&self) -> bool {
        matches!(
            self,
            Self::EntityUpdates
                | Self::Events
                | Self::EventType(_)
                | Self::SystemStatus
                | Self::Automations
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_those_of_the_document() {
        let check = |text, expected| assert_eq!(Topic::parse(text), expected, "{text}");
        check("entity_updates", Some(Topic::EntityUpdates));
        check("entity_updates:light.a", Some(Topic::Entity("light.a")));
        check("entity:ha_light.a", Some(Topic::Entity("light.a")));
        check("entity:*", Some(Topic::EveryEntity));
        check("ha_events", Some(Topic::Events));
        check(
            "ha_events:state_changed",
            Some(Topic::EventType("state_changed")),
        );
        check("system_status", Some(Topic::SystemStatus));
        check("automation_events", Some(Topic::Automations));
        check("source:home", Some(Topic::Source("home")));
        for other in ["", "entity", "entity:", "source", "system_status:x", "news"] {
            check(other, None);
        }
    }
}
