//! Each message of a client, and its answer.

use super::client::Client;
use crate::Form;
use hearthgate_plugin::{
    Action, CallError, Caller, Identity, Plugin, Published, Rejection, testing,
};
use serde_json::{Value, json};

/// An answer without its times.
fn timeless(mut frame: Value) -> Value {
    frame
        .as_object_mut()
        .unwrap()
        .remove("timestamp")
        .expect("every frame has a time");
    if let Some(data) = frame["data"].as_object_mut() {
        for key in ["timestamp", "server_time"] {
            if data.contains_key(key) {
                data.insert(key.to_owned(), json!("NOW"));
            }
        }
    }
    frame
}

fn answers(client: &mut Client, text: &str) -> Vec<Value> {
    client.say(text).into_iter().map(timeless).collect()
}

fn check(form: Form, text: &str, expected: &[Value]) {
    let (mut client, _) = Client::new(form);
    assert_eq!(answers(&mut client, text), expected, "{text}");
}

fn update(action: &str, kind: &str, items: Value, total: u32) -> Value {
    json!({"type": "subscription_update", "data": {
        "action": action, "type": kind, "items": items, "total_subscriptions": total,
    }})
}

#[test]
fn the_greeting_is_one_frame_in_the_form_of_its_document() {
    let (_, frames) = Client::with_query(
        Form::Guide,
        &[
            ("client_id", "mobile_app"),
            ("user_agent", "PMA-Mobile/1.0"),
        ],
    );
    let guide = json!({"type": "welcome", "data": {
        "client_id": "mobile_app", "server_time": "NOW", "message": "Connected to PMA WebSocket server",
        "features": ["subscriptions", "heartbeat", "batching"], "status": "connected", "timestamp": "NOW",
    }});
    assert_eq!(
        frames.into_iter().map(timeless).collect::<Vec<_>>(),
        [guide]
    );
    let (_, frames) = Client::with_query(Form::Legacy, &[("client_id", "mobile_app")]);
    let legacy = json!({"type": "connection", "data": {"status": "connected", "client_id": "mobile_app", "timestamp": "NOW"}});
    assert_eq!(
        frames.into_iter().map(timeless).collect::<Vec<_>>(),
        [legacy]
    );
}

#[test]
fn a_client_id_that_can_be_none_gives_way_to_a_uuid() {
    let id = |query: &[(&str, &str)]| {
        let (_, frames) = Client::with_query(Form::Guide, query);
        frames[0]["data"]["client_id"].as_str().unwrap().to_owned()
    };
    assert_eq!(id(&[("client_id", &"x".repeat(64))]), "x".repeat(64));
    let mut seen = std::collections::BTreeSet::new();
    let long = "x".repeat(65);
    for given in ["", "a b", "ä", "a/b", &long] {
        let uuid = id(&[("client_id", given)]);
        let shape: String = uuid
            .chars()
            .map(|c| if c.is_ascii_hexdigit() { 'h' } else { c })
            .collect();
        assert_eq!(shape, "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh", "{given}");
        assert_eq!(&uuid[14..15], "4", "the version: {uuid}");
        assert!(
            matches!(&uuid[19..20], "8" | "9" | "a" | "b"),
            "the variant: {uuid}"
        );
        assert!(seen.insert(uuid), "no two are the same");
    }
}

#[test]
fn pings_are_answered_and_pongs_are_not() {
    let pong = json!({"type": "pong", "data": {"timestamp": "NOW"}});
    for form in [Form::Legacy, Form::Guide] {
        check(
            form,
            r#"{"type":"ping","data":{}}"#,
            std::slice::from_ref(&pong),
        );
        check(
            form,
            r#"{"type":"ping","data":{"timestamp":"2024-01-01T12:00:00Z"},"timestamp":17}"#,
            std::slice::from_ref(&pong),
        );
        check(form, r#"{"type":"ping"}"#, std::slice::from_ref(&pong));
        check(form, r#"{"type":"pong","data":{"timestamp":"x"}}"#, &[]);
        check(form, r#"{"type":"pong","data":[1,2]}"#, &[]);
    }
}

#[test]
fn what_is_no_message_is_told_to_the_guides_clients_alone() {
    let wrong = |text: &str, code: &str, message: &str, details: &str| {
        check(Form::Legacy, text, &[]);
        let error = json!({"type": "error", "data": {"code": code, "message": message, "details": details}});
        check(Form::Guide, text, &[error]);
    };
    let json = |text, place| wrong(text, "INVALID_MESSAGE_FORMAT", "Invalid JSON format", place);
    json("{\"type\":\"ping\" oops", "Unexpected token at position 15");
    json("[]", "Expected an object at position 0");
    wrong(
        r#"{"data":{}}"#,
        "UNKNOWN_MESSAGE_TYPE",
        "Missing message type",
        "The field type must be a text",
    );
    let long = format!(r#"{{"type":"{}"}}"#, "x".repeat(100));
    wrong(
        &long,
        "UNKNOWN_MESSAGE_TYPE",
        "Unknown message type",
        &"x".repeat(64),
    );
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

#[test]
fn a_token_is_handed_to_the_gateway() {
    for text in [
        r#"{"type":"authenticate","data":{"token":"your_jwt_token"}}"#,
        r#"{"type":"auth","token":"your_jwt_token"}"#,
    ] {
        let (mut client, _) = Client::new(Form::Legacy);
        assert_eq!(client.say(text), [] as [Value; 0]);
        assert_eq!(
            client.asked,
            [Action::Authenticate("your_jwt_token".to_owned())]
        );
    }
    let missing = json!({"type": "authentication_failure", "data": {"error": "Token is required"}});
    check(
        Form::Guide,
        r#"{"type":"authenticate","data":{}}"#,
        &[missing],
    );
}

#[test]
fn the_gateways_verdict_is_told() {
    let (mut client, _) = Client::new(Form::Guide);
    let ada = Identity {
        subject: "ada".to_owned(),
        roles: vec![],
        claims: "{}".to_owned(),
    };
    let mut verdict = |outcome| {
        let actions = client.pma.on_authenticated(client.opened(), outcome);
        timeless(client.take(actions).remove(0))
    };
    assert_eq!(
        verdict(Ok(ada)),
        json!({"type": "authentication_success", "data": {"user_id": "ada", "message": "Authentication successful"}})
    );
    assert_eq!(
        verdict(Err("expired".to_owned())),
        json!({"type": "authentication_failure", "data": {"error": "expired"}})
    );
}

#[test]
fn other_types_are_calls_and_their_replies_come_back() {
    let (mut client, _) = Client::new(Form::Guide);
    assert_eq!(
        client.say(r#"{"type":"dim","data":{"to":5}}"#),
        [] as [Value; 0]
    );
    client.say(r#"{"type":"dim"}"#);
    let call = |data: &str| Action::Call(("dim".to_owned(), data.to_owned()));
    assert_eq!(client.asked, [call(r#"{"to":5}"#), call("{}")]);
    let reply = |form, outcome| {
        let (mut client, _) = Client::new(form);
        let actions = client
            .pma
            .on_reply(client.opened(), "dim".to_owned(), outcome);
        client
            .take(actions)
            .into_iter()
            .map(timeless)
            .collect::<Vec<_>>()
    };
    let done = json!({"type": "dim_response", "data": {"dimmed": true}});
    assert_eq!(
        reply(Form::Legacy, Ok(r#"{"dimmed":true}"#.to_owned())),
        [done]
    );
    let error = |code: &str, message: &str| json!({"type": "error", "data": {"code": code, "message": message, "details": "dim"}});
    assert_eq!(
        reply(Form::Guide, Err(CallError::UnknownType)),
        [error("UNKNOWN_MESSAGE_TYPE", "Unknown message type")]
    );
    assert_eq!(
        reply(Form::Legacy, Err(CallError::UnknownType)),
        [] as [Value; 0]
    );
    let no = |why: &str| CallError::Rejected(Rejection::NotFound(why.to_owned()));
    assert_eq!(
        reply(Form::Legacy, Err(no("no lamp"))),
        [error("NOT_FOUND", "no lamp")]
    );
    assert_eq!(
        reply(Form::Guide, Err(CallError::Failed("it broke".to_owned()))),
        [error("HANDLER_FAILED", "it broke")]
    );
}

#[test]
fn a_heartbeat_reaches_everyone_in_their_form() {
    let stats = hearthgate_plugin::GatewayStats {
        connections: 3,
        uptime_ms: 61_500,
        now_ms: 0,
    };
    let beat = |form| -> Vec<Value> {
        let texts = super::client::plugin(form).heartbeat(stats);
        texts
            .iter()
            .map(|text| timeless(serde_json::from_str(text).unwrap()))
            .collect()
    };
    assert_eq!(
        beat(Form::Legacy),
        [json!({"type": "heartbeat", "data": {"timestamp": "NOW", "clients": 3}})]
    );
    let heartbeat = json!({"timestamp": "NOW", "clients": 3, "server_time": "NOW", "connected_clients": 3, "uptime": 61});
    let guide = [
        json!({"type": "ping", "data": {"timestamp": "NOW"}}),
        json!({"type": "heartbeat", "data": heartbeat}),
    ];
    assert_eq!(beat(Form::Guide), guide);
}

#[test]
fn who_comes_with_a_bad_token_is_greeted_like_anyone() {
    let (mut client, _) = Client::new(Form::Guide);
    let opened = hearthgate_plugin::DialectClient {
        caller: Caller::Invalid("expired".to_owned()),
        ..client.opened()
    };
    let actions = client.pma.on_open(opened);
    let frames = client.take(actions);
    assert_eq!(frames.len(), 1);
    assert_eq!(frames[0]["type"], "welcome");
}
