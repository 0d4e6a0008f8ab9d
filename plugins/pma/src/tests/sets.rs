//! Subscribing and unsubscribing: what is confirmed, what is refused, and what is kept.

use super::client::{Client, answers, check};
use crate::Form;
use hearthgate_plugin::{Published, testing};
use serde_json::{Value, json};

fn update(action: &str, kind: &str, items: Value, total: u32) -> Value {
    json!({"type": "subscription_update", "data": {
        "action": action, "type": kind, "items": items, "total_subscriptions": total,
    }})
}

#[test]
fn numbered_rooms_are_confirmed_by_the_guide_alone() {
    let subscribe = r#"{"type":"subscribe_room","data":{"room_id":1}}"#;
    check(Form::Legacy, subscribe, &[]);
    check(
        Form::Legacy,
        r#"{"type":"subscribe_room","data":{"room_id":"x"}}"#,
        &[],
    );
    check(
        Form::Guide,
        subscribe,
        &[update("subscribed", "room", json!([1]), 1)],
    );
    check(
        Form::Guide,
        r#"{"type":"subscribe_room","data":{"room_id":"7"}}"#,
        &[update("subscribed", "room", json!([7]), 1)],
    );
    check(
        Form::Guide,
        r#"{"type":"unsubscribe_room","data":{"room_id":1}}"#,
        &[update("unsubscribed", "room", json!([1]), 0)],
    );
    let refused = json!({"type": "subscription_error", "data": {
        "action": "subscribe", "error": "Invalid room ID format", "room_id": "x", "code": "INVALID_ROOM_ID",
    }});
    check(
        Form::Guide,
        r#"{"type":"subscribe_room","data":{"room_id":"x"}}"#,
        &[refused],
    );
}

#[test]
fn a_numbered_room_is_also_the_area_that_it_stands_for() {
    let (mut client, _) = Client::new(Form::Guide);
    let event = hearthgate_plugin::Event::new(
        "room.updated",
        "room/7",
        &json!({"room": {"id": "7", "name": "Kitchen", "area": "kitchen"}}),
    );
    event.publish().unwrap();
    let event = testing::published().remove(0);
    testing::retain(vec![Published {
        seq: 1,
        source: "rooms".to_owned(),
        received_at: 0,
        event,
    }]);
    client.say(r#"{"type":"subscribe_room","data":{"room_id":7}}"#);
    let gets = |room: &str| {
        client.gets(
            "entity.state_changed",
            &[
                ("entity".to_owned(), "light.a".to_owned()),
                ("room".to_owned(), room.to_owned()),
            ]
            .into(),
        )
    };
    assert!(gets("kitchen") && gets("7") && !gets("hall"));
}

#[test]
fn sets_grow_and_shrink_with_their_totals() {
    let (mut client, _) = Client::new(Form::Guide);
    let mut say =
        |text: &str, expected: Value| assert_eq!(answers(&mut client, text), [expected], "{text}");
    say(
        r#"{"type":"subscribe_ha_events","data":{"event_types":["state_changed","automation_triggered","service_call"]}}"#,
        update(
            "subscribed",
            "ha_events",
            json!(["state_changed", "automation_triggered", "service_call"]),
            3,
        ),
    );
    say(
        r#"{"type":"unsubscribe_ha_events","data":{"event_types":["service_call"]}}"#,
        update("unsubscribed", "ha_events", json!(["service_call"]), 2),
    );
    say(
        r#"{"type":"subscribe_ha_entities","data":{"entity_ids":["ha_light.living_room","sensor.temperature","acme.x"]}}"#,
        update(
            "subscribed",
            "ha_entities",
            json!(["light.living_room", "sensor.temperature", "acme.x"]),
            3,
        ),
    );
    say(
        r#"{"type":"subscribe_ha_entities","data":{"entity_ids":["light.living_room"]}}"#,
        update("subscribed", "ha_entities", json!(["light.living_room"]), 3),
    );
    say(
        r#"{"type":"unsubscribe_ha_entities","data":{"entity_ids":["sensor.temperature","switch.never"]}}"#,
        update(
            "unsubscribed",
            "ha_entities",
            json!(["sensor.temperature", "switch.never"]),
            2,
        ),
    );
    say(
        r#"{"type":"subscribe_ha_rooms","data":{"room_ids":["living_room","bedroom"]}}"#,
        update(
            "subscribed",
            "ha_rooms",
            json!(["living_room", "bedroom"]),
            2,
        ),
    );
    say(
        r#"{"type":"subscribe","topics":["x"],"data":{"topics":["entity:light.a","source:home"]}}"#,
        update(
            "subscribed",
            "topics",
            json!(["entity:light.a", "source:home"]),
            2,
        ),
    );
    say(
        r#"{"type":"unsubscribe","topic":"source:home"}"#,
        update("unsubscribed", "topics", json!(["source:home"]), 1),
    );
}

#[test]
fn bad_items_are_told_one_by_one_and_the_rest_takes_effect() {
    let error = |id: &str| {
        json!({"type": "subscription_error", "data": {
            "action": "subscribe", "error": "Invalid entity ID format", "entity_id": id, "code": "INVALID_ENTITY_ID",
        }})
    };
    let message = r#"{"type":"subscribe_ha_entities","data":{"entity_ids":["invalid.entity","light.a","nonsense"]}}"#;
    let expected = [
        error("invalid.entity"),
        error("nonsense"),
        update("subscribed", "ha_entities", json!(["light.a"]), 1),
    ];
    check(Form::Guide, message, &expected);
    check(
        Form::Guide,
        r#"{"type":"subscribe_ha_entities","data":{"entity_ids":["invalid.entity"]}}"#,
        &[error("invalid.entity")],
    );
    check(
        Form::Guide,
        r#"{"type":"subscribe","data":{"topics":["entity:invalid.entity"]}}"#,
        &[error("invalid.entity")],
    );
}

#[test]
fn fields_that_do_not_fit_change_nothing() {
    let wrong = |text: &str, error: &str, field: &str| {
        let (mut client, _) = Client::new(Form::Guide);
        let kept = client.kept.clone();
        let expected = json!({"type": "subscription_error", "data": {
            "action": "subscribe", "error": error, "field": field, "code": "INVALID_FIELD",
        }});
        assert_eq!(answers(&mut client, text), [expected], "{text}");
        assert_eq!(client.kept, kept);
    };
    wrong(
        r#"{"type":"subscribe_ha_events","data":{}}"#,
        "event_types must be a list of texts",
        "event_types",
    );
    wrong(
        r#"{"type":"subscribe_ha_events"}"#,
        "event_types must be a list of texts",
        "event_types",
    );
    wrong(
        r#"{"type":"subscribe_ha_events","data":{"event_types":{}}}"#,
        "event_types must be a list of texts",
        "event_types",
    );
    wrong(
        r#"{"type":"subscribe_ha_events","data":{"event_types":["state_changed"],"filters":[]}}"#,
        "filters must be an object",
        "filters",
    );
    wrong(
        r#"{"type":"subscribe_ha_entities","data":{"entity_ids":[null]}}"#,
        "entity_ids must be a list of texts",
        "entity_ids",
    );
    wrong(
        r#"{"type":"subscribe_ha_entities","data":"light.a"}"#,
        "data must be an object",
        "data",
    );
    wrong(
        r#"{"type":"subscribe_room","data":{}}"#,
        "room_id must be an integer",
        "room_id",
    );
    wrong(
        r#"{"type":"subscribe","data":{}}"#,
        "topics must be a list of texts",
        "topics",
    );
}

#[test]
fn sets_are_bounded_and_a_refusal_says_so() {
    let (mut client, _) = Client::new(Form::Guide);
    let ids: Vec<String> = (0..25).map(|n| format!("light.l{n}")).collect();
    let told = answers(
        &mut client,
        &json!({"type": "subscribe_ha_entities", "data": {"entity_ids": ids}}).to_string(),
    );
    assert_eq!(told.len(), 6, "five refusals and what took effect");
    assert_eq!(told[0]["data"]["code"], "TOO_MANY_SUBSCRIPTIONS");
    assert_eq!(told[5]["data"]["total_subscriptions"], 20);
    let many: Vec<String> = (0..500).map(|n| format!("bad{n}")).collect();
    let told = answers(
        &mut client,
        &json!({"type": "subscribe_ha_entities", "data": {"entity_ids": many}}).to_string(),
    );
    assert_eq!(
        told.len(),
        101,
        "what a message makes stays within what the host carries out"
    );
    assert_eq!(told[100]["data"]["error"], "400 more items were refused");
}

/// The gateway keeps 64 KiB with a connection, and leaves out what is more.
#[test]
fn what_is_confirmed_is_no_more_than_the_gateway_keeps() {
    let (mut client, _) = Client::with_items(Form::Guide, 1000);
    let mut refused = 0;
    for round in 0..8 {
        let ids: Vec<String> = (0..60)
            .map(|n| format!("light.{}_{round}_{n}", "l".repeat(200)))
            .collect();
        let message = json!({"type": "subscribe_ha_entities", "data": {"entity_ids": ids}});
        let told = answers(&mut client, &message.to_string());
        refused += usize::from(told[0]["type"] == "subscription_error");
        assert!(client.kept.len() <= 65_536, "{}", client.kept.len());
    }
    assert!(
        refused > 0 && client.kept.len() > 40_000,
        "{refused} {}",
        client.kept.len()
    );
}

#[test]
fn a_message_leads_to_few_subscriptions_and_leaves_none_behind() {
    let (mut client, _) = Client::new(Form::Guide);
    assert_eq!(client.subscriptions.len(), 1);
    client.say(r#"{"type":"subscribe_ha_events","data":{"event_types":["state_changed"],"filters":{"entity_types":["light"],"sources":["homeassistant"]}}}"#);
    assert_eq!(client.subscriptions.len(), 3);
    client.say(r#"{"type":"subscribe_ha_events","data":{"event_types":["automation_triggered"],"filters":{"rooms":["kitchen"]}}}"#);
    assert_eq!(client.subscriptions.len(), 3);
    client.say(r#"{"type":"unsubscribe_ha_events","data":{"event_types":["automation_triggered","state_changed"]}}"#);
    assert_eq!(client.subscriptions.len(), 1);
}

/// The gateway keeps 64 KiB of a client: what it would not keep is not confirmed.
#[test]
fn what_is_confirmed_can_be_kept() {
    let (mut client, _) = Client::new(Form::Guide);
    let mut refused = Vec::new();
    for n in 0..20 {
        let name = format!("type_{n}");
        let rooms: Vec<_> = (0..20).map(|r| format!("{r}{}", "x".repeat(250))).collect();
        let data = json!({"event_types": [name], "filters": {"rooms": rooms}});
        let text = json!({"type": "subscribe_ha_events", "data": data}).to_string();
        let answer = answers(&mut client, &text).remove(0);
        assert!(client.kept.len() <= 64 * 1024, "{}", client.kept.len());
        match answer["type"] == "subscription_update" {
            true => assert!(client.kept.contains(&format!("\ne{name}\t")), "{n}"),
            false => refused.push(answer["data"]["error"].clone()),
        }
    }
    let why = "data must be less: this client's sets would be too large together";
    assert_eq!(refused.first(), Some(&json!(why)));
}

/// Event types with filters of their own repeat what holds for all: few bytes must not become very many values.
#[test]
fn filters_stay_few_however_they_are_combined() {
    let (mut client, _) = Client::new(Form::Guide);
    client.pma.max_items = 1000;
    let types = [
        "state_changed",
        "entity_added",
        "entity_removed",
        "entity_updated",
        "service_call",
    ];
    for name in ["", "pma_"]
        .iter()
        .flat_map(|p| types.map(|t| format!("{p}{t}")))
    {
        let data =
            json!({"event_types": [name], "filters": {"domains": [name], "entity_types": [name]}});
        let text = json!({"type": "subscribe_ha_events", "data": data}).to_string();
        assert_eq!(
            answers(&mut client, &text)[0]["type"],
            "subscription_update"
        );
    }
    let ids: Vec<String> = (0..999).map(|n| format!("light.l{n}")).collect();
    let text = json!({"type": "subscribe_ha_entities", "data": {"entity_ids": ids}}).to_string();
    let before = client.kept.clone();
    let told = answers(&mut client, &text);
    let why = "data must be less: this client's sets would be too large together";
    assert_eq!(told[0]["data"]["error"], why, "{told:?}");
    assert_eq!(client.kept, before, "nothing was taken");
    let all = client.subscriptions.values().flat_map(|f| &f.conditions);
    let values: usize = all.map(|condition| condition.any_of.len()).sum();
    assert!(values < 100, "{values}");
}

#[test]
fn a_message_binds_so_many_filters_and_no_more() {
    let (mut client, _) = Client::new(Form::Guide);
    client.pma.max_items = 1000;
    let many = |prefix: &str| -> Vec<String> { (0..999).map(|n| format!("{prefix}{n}")).collect() };
    let data = json!({"event_types": many("t"), "filters": {"domains": many("d")}});
    let text = json!({"type": "subscribe_ha_events", "data": data}).to_string();
    let told = answers(&mut client, &text);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["data"]["code"], "TOO_MANY_SUBSCRIPTIONS");
}
