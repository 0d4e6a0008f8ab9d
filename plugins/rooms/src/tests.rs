//! The plugin against the SDK's test host.
#![allow(clippy::unwrap_used)]

mod asked;
mod heard;

use super::*;
use hearthgate_plugin::{Caller, Event, HttpReply, Identity, testing};
use serde_json::Map;

pub fn start() -> Rooms {
    let mut start = testing::start("fresh", None, vec![], vec![]);
    let config = Config {
        sources: vec![],
        max_rooms: 100,
    };
    let mut rooms = Rooms::init(&mut start, config).unwrap();
    assert_eq!(testing::calls(), ["timers.after 0 begin"]);
    rooms.on_timer(1, BEGIN).unwrap();
    rooms
}

pub fn call(
    rooms: &mut Rooms,
    caller: Caller,
    method: &str,
    path: &str,
    body: &Value,
) -> (HttpReply, Value) {
    let call = HttpCall {
        id: 1,
        method: method.to_owned(),
        path: path.to_owned(),
        query: vec![],
        headers: vec![],
        body: body.to_string().into_bytes(),
        caller,
        address: "127.0.0.1".to_owned(),
    };
    let HttpAnswer::Reply(reply) = rooms.serve(call) else {
        panic!("an answer at once")
    };
    let mut body: Map<String, Value> = serde_json::from_slice(&reply.body).unwrap();
    assert!(body.remove("timestamp").is_some());
    (reply, body.into())
}

pub fn ask(rooms: &mut Rooms, method: &str, path: &str, body: Value) -> (u16, Value) {
    let ada = Identity {
        subject: "ada".to_owned(),
        roles: vec![],
        claims: "{}".to_owned(),
    };
    let (reply, body) = call(rooms, Caller::Identified(ada), method, path, &body);
    (reply.status, body)
}

pub fn done(message: &str, id: i64) -> (u16, Value) {
    (
        200,
        json!({"success": true, "data": {"message": message, "room_id": id}}),
    )
}

pub fn error(status: u16, text: &str) -> (u16, Value) {
    (status, json!({"success": false, "error": text}))
}

/// What was published: kind, topic, labels, data.
pub fn told() -> Vec<(String, String, String, Value)> {
    let show = |labels: Vec<(String, String)>| {
        labels
            .iter()
            .map(|(k, v)| format!("{k}={v} "))
            .collect::<String>()
    };
    let events = testing::published().into_iter();
    events
        .map(|e| {
            (
                e.kind,
                e.topic,
                show(e.labels).trim().to_owned(),
                serde_json::from_str(&e.data).unwrap(),
            )
        })
        .collect()
}

pub fn heard(source: &str, kind: &str, data: Value, labels: &[(&str, &str)]) -> Published {
    let mut event = Event::new(kind, format!("{kind}/x"), &data);
    for (key, value) in labels {
        event = event.label(*key, *value);
    }
    event.publish().unwrap();
    Published {
        seq: 1,
        source: source.to_owned(),
        received_at: 0,
        event: testing::published().remove(0),
    }
}
