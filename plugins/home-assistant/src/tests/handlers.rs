//! What clients ask.

use super::*;

fn ask(rig: &mut Rig, id: u64, kind: &str, data: Value) -> Result<Answer, Rejection> {
    let client = Client {
        id: "c".to_owned(),
        identity: None,
        address: "127.0.0.1".to_owned(),
    };
    rig.plugin.handle(
        client,
        Request {
            id,
            kind: kind.to_owned(),
            data: data.to_string(),
        },
    )
}

fn states(rig: &mut Rig, data: Value) -> Value {
    match ask(rig, 1, "get_states", data).unwrap() {
        Answer::Reply(text) => serde_json::from_str(&text).unwrap(),
        Answer::Later => panic!("later"),
    }
}

/// What a client was answered later.
fn reply(rig: &mut Rig) -> String {
    let replies: Vec<String> = rig
        .raw_calls()
        .into_iter()
        .filter(|call| call.starts_with("replies.message"))
        .collect();
    assert_eq!(replies.len(), 1, "{replies:?}");
    replies[0].clone()
}

/// The last request to Home Assistant.
fn sent(rig: &mut Rig) -> Value {
    rig.tick("other");
    let calls = rig.raw_calls();
    let call = calls
        .iter()
        .rfind(|call| call.starts_with("websocket.send"))
        .unwrap();
    let text = &call[call.find("[WsMessage::Text(").unwrap() + 17..call.len() - 2];
    serde_json::from_str(&serde_json::from_str::<String>(text).unwrap()).unwrap()
}

#[test]
fn a_call_is_answered_with_home_assistants_result_or_its_error() {
    let mut rig = Rig::synchronised(json!({}));
    let call = json!({"domain": "light", "service": "toggle", "target": {"entity_id": "light.a"}, "service_data": {"transition": 1}});
    assert_eq!(
        ask(&mut rig, 77, "call_service", call).unwrap(),
        Answer::Later
    );
    let request = sent(&mut rig);
    let id = request["id"].clone();
    assert_eq!(
        request,
        json!({"id": id, "type": "call_service", "domain": "light", "service": "toggle",
        "target": {"entity_id": "light.a"}, "service_data": {"transition": 1}})
    );
    rig.send(
        json!({"id": id, "type": "result", "success": true, "result": {"context": {"id": "x"}}}),
    );
    assert_eq!(
        reply(&mut rig),
        r#"replies.message 77 Ok("{\"context\":{\"id\":\"x\"}}")"#
    );
    for (code, rejection) in [
        ("not_found", "NotFound"),
        ("service_validation_error", "BadRequest"),
        ("invalid_format", "BadRequest"),
        ("unauthorized", "Forbidden"),
        ("home_assistant_error", "Unavailable"),
    ] {
        ask(
            &mut rig,
            78,
            "call_service",
            json!({"domain": "light", "service": "nope"}),
        )
        .unwrap();
        let id = sent(&mut rig)["id"].clone();
        rig.send(json!({"id": id, "type": "result", "success": false, "error": {"code": code, "message": "Because"}}));
        assert_eq!(
            reply(&mut rig),
            format!("replies.message 78 Err(Rejection::{rejection}(\"Because ({code})\"))")
        );
    }
}

#[test]
fn what_a_client_writes_is_never_a_template() {
    let mut rig = Rig::synchronised(json!({}));
    let call = json!({"domain": "notify", "service": "x", "service_data": {"message": "${token}"}});
    ask(&mut rig, 1, "call_service", call).unwrap();
    rig.tick("other");
    let calls = rig.raw_calls();
    let sent = calls
        .iter()
        .find(|call| call.starts_with("websocket.send"))
        .unwrap();
    assert!(
        sent.contains("[WsMessage::Text(") && !sent.contains("Template"),
        "{sent}"
    );
}

#[test]
fn calls_are_bounded_in_number_and_in_time_and_end_with_the_link() {
    let mut rig = Rig::synchronised(json!({"call-timeout": "1ms"}));
    let call = || json!({"domain": "light", "service": "toggle"});
    for id in 0..64 {
        assert_eq!(
            ask(&mut rig, id, "call_service", call()).unwrap(),
            Answer::Later
        );
    }
    let full = ask(&mut rig, 64, "call_service", call());
    assert!(
        matches!(&full, Err(Rejection::Unavailable(why)) if why.contains("64 calls wait")),
        "{full:?}"
    );
    let since = Instant::now();
    while since.elapsed() < std::time::Duration::from_millis(2) {
        std::hint::spin_loop();
    }
    rig.tick("calls");
    let replies = rig
        .raw_calls()
        .iter()
        .filter(|call| call.contains("did not answer within 1ms"))
        .count();
    assert_eq!(replies, 64);
    ask(&mut rig, 65, "call_service", call()).unwrap();
    rig.closed();
    let calls = rig.raw_calls();
    assert!(
        calls
            .iter()
            .any(|call| call.starts_with("replies.message 65 Err(Rejection::Unavailable")),
        "{calls:?}"
    );
    let away = ask(&mut rig, 66, "call_service", call());
    assert_eq!(
        away,
        Err(Rejection::Unavailable("Home Assistant is away".to_owned()))
    );
}

#[test]
fn a_call_that_does_not_fit_or_is_not_allowed_never_leaves() {
    let mut rig = Rig::synchronised(json!({"call": {"deny": ["homeassistant.*"]}}));
    rig.raw_calls();
    for (data, expected) in [
        (
            json!({"domain": "homeassistant", "service": "stop"}),
            Rejection::Forbidden("homeassistant.stop may not be called here".to_owned()),
        ),
        (
            json!({"service": "x"}),
            Rejection::BadRequest("missing field `domain`".to_owned()),
        ),
        (
            json!({"domain": "light", "service": "x", "target": "light.a"}),
            Rejection::BadRequest(
                "target: invalid type: string \"light.a\", expected a map".to_owned(),
            ),
        ),
    ] {
        assert_eq!(ask(&mut rig, 1, "call_service", data), Err(expected));
    }
    let unknown = ask(
        &mut rig,
        1,
        "call_service",
        json!({"domain": "light", "service": "x", "servicedata": {}}),
    );
    assert!(
        matches!(&unknown, Err(Rejection::BadRequest(why)) if why.contains("servicedata")),
        "{unknown:?}"
    );
    assert_eq!(testing::calls(), Vec::<String>::new());
}

#[test]
fn a_call_names_entities_as_clients_see_them() {
    let mut rig = Rig::synchronised(json!({"prefix": "cabin_"}));
    let call = json!({"domain": "light", "service": "toggle", "target": {"entity_id": ["light.cabin_a", "light.b"], "area_id": "cabin_attic"},
        "service_data": {"entity_id": "light.cabin_a"}});
    ask(&mut rig, 1, "call_service", call).unwrap();
    let sent = sent(&mut rig);
    assert_eq!(
        sent["target"],
        json!({"entity_id": ["light.a", "light.b"], "area_id": "attic"})
    );
    assert_eq!(sent["service_data"], json!({"entity_id": "light.a"}));
}

#[test]
fn states_are_told_from_what_is_known() {
    let mut rig = Rig::synchronised(json!({}));
    rig.send(rig.state_changed("light.a", "off", "on"));
    let answer = states(&mut rig, json!({"entity_id": "light.a"}));
    assert_eq!(
        answer,
        json!({"synchronised": true, "states": [{"entity_id": "light.a", "entity_type": "light", "state": "on", "name": "LIGHT.A",
            "attributes": {"friendly_name": "LIGHT.A"}, "room_id": "kitchen", "area_id": "ground", "last_updated": "2025-04-11T09:00:00.500Z"}]})
    );
    let ids = |answer: &Value| {
        answer["states"]
            .as_array()
            .unwrap()
            .iter()
            .map(|s| s["entity_id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        ids(&states(&mut rig, json!({"domain": "light"}))),
        ["light.a", "light.b"]
    );
    assert_eq!(
        ids(&states(
            &mut rig,
            json!({"entity_id": ["sun.sun", "light.b"]})
        )),
        ["sun.sun", "light.b"]
    );
    assert_eq!(ids(&states(&mut rig, Value::Null)).len(), 3);
    let first = states(&mut rig, json!({"limit": 2}));
    assert_eq!((ids(&first).len(), &first["next"]), (2, &json!("light.b")));
    let rest = states(&mut rig, json!({"limit": 2, "after": first["next"]}));
    assert_eq!(
        (ids(&rest), rest.get("next")),
        (vec!["sun.sun".to_owned()], None)
    );
    let unknown = ask(&mut rig, 1, "get_states", json!({"entity_id": "light.x"}));
    assert_eq!(
        unknown,
        Err(Rejection::NotFound(
            "no entity \"light.x\" is known here".to_owned()
        ))
    );
    let both = ask(
        &mut rig,
        1,
        "get_states",
        json!({"entity_id": "light.a", "domain": "light"}),
    );
    assert_eq!(
        both,
        Err(Rejection::BadRequest(
            "entity_id or domain, not both".to_owned()
        ))
    );
}

#[test]
fn an_answer_ends_before_it_is_too_large() {
    let mut rig = Rig::connected(json!({"max-bytes": 10_000_000}));
    let state = |n: usize| json!({"entity_id": format!("sensor.n{n:03}"), "state": "1", "attributes": {"x": "y".repeat(50_000)}});
    rig.answers
        .insert("get_states".to_owned(), (0..20).map(state).collect());
    rig.log_in();
    rig.serve();
    let (mut seen, mut after) = (0, Value::Null);
    loop {
        let answer = states(&mut rig, json!({"after": after}));
        assert!(answer.to_string().len() < 400_000);
        seen += answer["states"].as_array().unwrap().len();
        after = answer["next"].clone();
        if after.is_null() {
            break;
        }
    }
    assert_eq!(seen, 20);
}
