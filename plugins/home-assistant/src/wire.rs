//! What Home Assistant says over `/api/websocket`, as far as this plugin listens
//! (<https://developers.home-assistant.io/docs/api/websocket>). Only what is needed is read, and only what can't be done
//! without is required: fields come and go between its releases.

use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A state: of `get_states`, or within a `state_changed`.
#[derive(Debug, Deserialize)]
pub struct State<'a> {
    #[serde(borrow)]
    pub entity_id: Cow<'a, str>,
    #[serde(borrow)]
    pub state: Cow<'a, str>,
    #[serde(borrow)]
    pub attributes: &'a RawValue,
    #[serde(borrow, default)]
    pub last_updated: Option<Cow<'a, str>>,
}

impl State<'_> {
    /// When it was last updated, in milliseconds since the epoch.
    pub fn updated(&self) -> Option<u64> {
        self.last_updated.as_deref().and_then(millis)
    }
}

/// The state before: only its word is of interest, the rest is known.
#[derive(Debug, Deserialize)]
pub struct OldState<'a> {
    #[serde(borrow)]
    pub state: Cow<'a, str>,
}

/// `event` of a message of type `event`.
#[derive(Debug, Deserialize)]
pub struct Event<'a> {
    #[serde(borrow)]
    pub event_type: Cow<'a, str>,
    #[serde(borrow)]
    pub data: &'a RawValue,
    #[serde(borrow, default)]
    pub time_fired: Option<Cow<'a, str>>,
}

/// `data` of `state_changed`.
#[derive(Debug, Deserialize)]
pub struct StateChanged<'a> {
    #[serde(borrow)]
    pub entity_id: Cow<'a, str>,
    #[serde(borrow, default)]
    pub old_state: Option<OldState<'a>>,
    #[serde(borrow, default)]
    pub new_state: Option<State<'a>>,
}

/// `data` of `automation_triggered`.
#[derive(Debug, Deserialize)]
pub struct AutomationTriggered {
    pub entity_id: String,
    #[serde(default)]
    pub name: Option<String>,
    /// What set it off, in words: `state of binary_sensor.door`.
    #[serde(default)]
    pub source: Option<String>,
}

/// `data` of `call_service`.
#[derive(Debug, Deserialize)]
pub struct CallService {
    pub domain: String,
    pub service: String,
    #[serde(default)]
    pub service_data: serde_json::Map<String, serde_json::Value>,
}

/// An entry of `config/floor_registry/list`.
#[derive(Debug, Deserialize)]
pub struct Floor {
    pub floor_id: String,
    #[serde(default)]
    pub name: Option<String>,
}

/// An entry of `config/area_registry/list`.
#[derive(Debug, Deserialize)]
pub struct Area {
    pub area_id: String,
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub floor_id: Option<String>,
    #[serde(default)]
    pub icon: Option<String>,
}

/// An entry of `config/device_registry/list`.
#[derive(Debug, Deserialize)]
pub struct Device<'a> {
    #[serde(borrow)]
    pub id: Cow<'a, str>,
    #[serde(borrow, default)]
    pub area_id: Option<Cow<'a, str>>,
}

/// An entry of `config/entity_registry/list`.
#[derive(Debug, Deserialize)]
pub struct Entity<'a> {
    #[serde(borrow)]
    pub entity_id: Cow<'a, str>,
    #[serde(borrow, default)]
    pub area_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub device_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub original_name: Option<Cow<'a, str>>,
}

/// `error` of a result.
#[derive(Debug, Default, Deserialize)]
pub struct Error {
    #[serde(default)]
    pub code: String,
    #[serde(default)]
    pub message: String,
}

/// `result` of `get_config`.
#[derive(Debug, Deserialize)]
pub struct CoreConfig {
    /// `RUNNING`; before that `NOT_RUNNING` and `STARTING`.
    #[serde(default)]
    pub state: Option<String>,
    #[serde(default)]
    pub version: Option<String>,
}

/// The two messages of the login that say something.
#[derive(Debug, Default, Deserialize)]
pub struct Login {
    #[serde(default)]
    pub ha_version: Option<String>,
    #[serde(default)]
    pub message: Option<String>,
}

/// `friendly_name` of a state's attributes.
pub fn friendly_name(attributes: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        friendly_name: Option<String>,
    }
    let named: Named = serde_json::from_str(attributes).ok()?;
    named.friendly_name.filter(|name| !name.is_empty())
}

/// An instant as Home Assistant writes it, `2025-04-11T09:00:00.123456+00:00`, in milliseconds since the epoch. `None`:
/// it is none, or from before 1970.
pub fn millis(text: &str) -> Option<u64> {
    let at = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    u64::try_from(at.unix_timestamp_nanos() / 1_000_000).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_those_of_home_assistant() {
        for (text, expected) in [
            ("1970-01-01T00:00:00+00:00", Some(0)),
            ("2025-04-11T09:00:00.123456+00:00", Some(1_744_362_000_123)),
            ("2025-04-11T11:00:00.123456+02:00", Some(1_744_362_000_123)),
            ("1969-12-31T23:59:59+00:00", None),
            ("2025-04-11 09:00", None),
            ("unknown", None),
            ("", None),
        ] {
            assert_eq!(millis(text), expected, "{text}");
        }
    }

    #[test]
    fn a_state_is_read_without_copying_its_attributes() {
        let text = r#"{"entity_id":"light.a","state":"on","attributes":{"friendly_name":"A \"B\"","x":[1]},
            "last_changed":"2025-04-11T09:00:00+00:00","last_updated":"2025-04-11T09:00:00+00:00","context":{"id":"1"}}"#;
        let state: State = serde_json::from_str(text).expect("a state");
        assert!(matches!(state.entity_id, Cow::Borrowed("light.a")));
        assert_eq!(
            friendly_name(state.attributes.get()).as_deref(),
            Some("A \"B\"")
        );
        assert_eq!(state.updated(), Some(1_744_362_000_000));
        assert_eq!(friendly_name(r#"{"friendly_name":null}"#), None);
        assert_eq!(friendly_name(r#"{"friendly_name":7}"#), None);
        assert_eq!(friendly_name("[]"), None);
    }

    #[test]
    fn registry_entries_need_no_more_than_their_id() {
        for text in [
            r#"{"entity_id":"light.a"}"#,
            r#"{"entity_id":"light.a","area_id":null,"device_id":null,"name":null,"new":{}}"#,
        ] {
            let entity: Entity = serde_json::from_str(text).expect(text);
            assert!(entity.area_id.is_none() && entity.device_id.is_none());
        }
        assert!(serde_json::from_str::<Entity>(r#"{"area_id":"x"}"#).is_err());
        assert!(serde_json::from_str::<Device>("{}").is_err());
        assert!(serde_json::from_str::<Area>(r#"{"name":"x"}"#).is_err());
    }
}
