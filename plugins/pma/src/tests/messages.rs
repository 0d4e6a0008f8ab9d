//! Each message of a client, and its answer.

use super::client::{Client, check, timeless};
use crate::Form;
use hearthgate_plugin::{Action, CallError, Caller, Identity, Plugin, Rejection};
use serde_json::{Value, json};

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
        let texts = super::client::plugin(form, 20).heartbeat(stats);
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
