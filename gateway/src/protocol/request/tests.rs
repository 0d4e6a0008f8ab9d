use super::*;

fn refused(text: &str) -> (ErrorCode, String) {
    let refusal = parse(text).command.expect_err(text);
    (refusal.code, refusal.message)
}

#[test]
fn a_subscription_is_read_whole() {
    let text = r#"{"id":"a","type":"subscribe","more":1,"data":{"topics":["entity/#"],"kinds":["entity.state_changed"],
        "where":{"room":["kitchen","hall"]},"snapshot":true,"policy":"latest","since":{"epoch":"e","seq":7}}}"#;
    let request = parse(text);
    assert_eq!(request.id.expect("an id").get(), "\"a\"");
    let Ok(Command::Subscribe(subscribe)) = request.command else {
        panic!("not a subscription");
    };
    assert_eq!(subscribe.filter.topics[0].as_str(), "entity/#");
    assert_eq!(subscribe.filter.kinds[0].as_str(), "entity.state_changed");
    assert_eq!(&*subscribe.filter.conditions[0].any_of[1], "hall");
    assert!(subscribe.snapshot);
    assert_eq!(subscribe.policy, Policy::Latest);
    assert_eq!(subscribe.since.expect("since").seq, 7);
}

#[test]
fn what_is_wrong_is_named() {
    use ErrorCode::{InvalidField, InvalidMessageFormat, InvalidTopicFilter};
    for (text, code, part) in [
        ("hello", InvalidMessageFormat, "JSON object"),
        ("[1]", InvalidMessageFormat, "JSON object"),
        ("{\"type\":", InvalidMessageFormat, "can't be read"),
        ("{}", InvalidMessageFormat, "no type"),
        (r#"{"type":7}"#, InvalidMessageFormat, "can't be read"),
        (r#"{"type":"ping","id":1.5}"#, InvalidField, "id:"),
        (r#"{"type":"ping","id":[1]}"#, InvalidField, "id:"),
        (r#"{"type":"subscribe"}"#, InvalidField, "data.topics"),
        (r#"{"type":"subscribe","data":[]}"#, InvalidField, "data:"),
        (
            r#"{"type":"subscribe","data":{"topics":["a/#/b"]}}"#,
            InvalidTopicFilter,
            "a/#/b",
        ),
        (
            r#"{"type":"subscribe","data":{"topics":"a"}}"#,
            InvalidField,
            "data.topics",
        ),
        (
            r#"{"type":"subscribe","data":{"kinds":["no dot"]}}"#,
            InvalidField,
            "data.kinds",
        ),
        (
            r#"{"type":"subscribe","data":{"topics":["a"],"where":{"room":"kitchen"}}}"#,
            InvalidField,
            "data.where",
        ),
        (
            r#"{"type":"subscribe","data":{"topics":["a"],"policy":"some"}}"#,
            InvalidField,
            "data.policy",
        ),
        (
            r#"{"type":"unsubscribe","data":{}}"#,
            InvalidField,
            "data.subscription",
        ),
        (
            r#"{"type":"unsubscribe","data":{"subscription":-1}}"#,
            InvalidField,
            "data.subscription",
        ),
        (
            r#"{"type":"publish","data":{"kind":"a.b","topic":"a/+","data":1}}"#,
            InvalidField,
            "data.topic",
        ),
    ] {
        let (found, message) = refused(text);
        assert_eq!(found, code, "{text}: {message}");
        assert!(message.contains(part), "{text}: {message}");
    }
}

#[test]
fn an_unknown_type_is_left_to_the_handlers() {
    let request = parse(r#"{"type":"announce","id":-3,"data":{"a":1}}"#);
    assert_eq!(request.id.expect("an id").get(), "-3");
    let Ok(Command::Handler(kind, data)) = request.command else {
        panic!("not a handler's");
    };
    assert_eq!((kind.as_str(), data.get()), ("announce", r#"{"a":1}"#));
}
