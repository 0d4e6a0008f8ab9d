//! Frames as Home Assistant sends them, and as nobody should.
#![allow(clippy::unwrap_used)]

use super::*;

/// What is found in a text, in words, with so much fuel a time.
fn walk(text: &str, fuel: usize) -> Vec<String> {
    let mut frame = Frame::new(text.to_owned());
    let mut found = Vec::new();
    loop {
        match frame.next(&mut fuel.clone()) {
            Found::Resting => {}
            Found::Message(message) => {
                let part = |span: &Option<Span>| {
                    span.as_ref()
                        .map_or("-", |span| frame.slice(span))
                        .to_owned()
                };
                found.push(format!(
                    "{} {} {}",
                    part(&message.id),
                    part(&message.kind),
                    part(&message.result)
                ));
                if let Some(result) = &message.result
                    && frame.open_list(result)
                {
                    found.push("list".to_owned());
                }
            }
            Found::Element(span) => found.push(frame.slice(&span).to_owned()),
            Found::ListEnd => found.push("end of list".to_owned()),
            Found::End => return found,
            Found::Broken => {
                found.push("broken".to_owned());
                return found;
            }
        }
    }
}

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    for fuel in [usize::MAX, 7, 1] {
        assert_eq!(walk(text, fuel), expected, "{text} with fuel {fuel}");
    }
}

#[test]
fn a_message_is_taken_apart_whatever_the_order_of_its_members() {
    check(r#"{"id":3,"type":"pong"}"#, &[r#"3 "pong" -"#]);
    check(
        r#" { "type" : "result" , "result" : null , "id" : 12 } "#,
        &[r#"12 "result" null"#],
    );
    check(
        r#"{"x":{"id":9,"result":[1]},"id":3,"type":"a\"}b"}"#,
        &[r#"3 "a\"}b" -"#],
    );
    check("{}", &["- - -"]);
    check("", &["broken"]);
}

#[test]
fn the_elements_of_a_result_come_one_by_one() {
    check(
        r#"{"id":1,"type":"result","result":[{"a":"]"}, 2 ,"ü,\\",[],null]}"#,
        &[
            r#"1 "result" [{"a":"]"}, 2 ,"ü,\\",[],null]"#,
            "list",
            r#"{"a":"]"}"#,
            "2",
            r#""ü,\\""#,
            "[]",
            "null",
            "end of list",
        ],
    );
    check(
        r#"{"id":1,"result":[ ]}"#,
        &["1 - [ ]", "list", "end of list"],
    );
}

#[test]
fn coalesced_messages_are_told_apart() {
    check(
        r#"[{"id":1,"type":"pong"},{"id":2,"result":[7]} , {"id":3}]"#,
        &[
            r#"1 "pong" -"#,
            "2 - [7]",
            "list",
            "7",
            "end of list",
            "3 - -",
        ],
    );
    check("[]", &[]);
}

#[test]
fn what_is_no_json_ends_in_words_not_in_a_loop() {
    for text in [
        "nonsense",
        "[1]",
        "{\"id\"",
        "{\"id\":",
        "{\"id\" 3}",
        "{\"id\":3",
        "{\"id\":\"x",
        "{3:4}",
        "}",
        "{\"a\":]}",
        "\u{feff}{}",
    ] {
        check(text, &["broken"]);
    }
    // The first message is whole; what comes behind it is not.
    check(r#"[{"id":1},x]"#, &["1 - -", "broken"]);
    let deep = "[".repeat(100_000);
    assert_eq!(walk(&format!("{{\"a\":{deep}"), 4096), ["broken"]);
    let long = "1".repeat(5000);
    assert_eq!(walk(&format!("{{\"a\":{long}}}"), 4096), ["broken"]);
}

#[test]
fn a_large_answer_takes_as_many_turns_as_it_is_long() {
    let element = format!(r#"{{"x":"{}"}}"#, "y".repeat(1000));
    let text = format!(
        r#"{{"id":1,"type":"result","result":[{}]}}"#,
        vec![element.as_str(); 100].join(",")
    );
    let mut frame = Frame::new(text);
    let (mut turns, mut elements) = (0, 0);
    loop {
        match frame.next(&mut 4096) {
            Found::Resting => turns += 1,
            Found::Message(message) => assert!(frame.open_list(&message.result.unwrap())),
            Found::Element(span) => {
                assert_eq!(frame.slice(&span), element);
                elements += 1;
            }
            Found::ListEnd => {}
            Found::End => break,
            Found::Broken => panic!("broken"),
        }
    }
    assert_eq!(elements, 100);
    assert!((20..60).contains(&turns), "{turns}");
}

#[test]
fn what_is_left_of_a_frame_can_be_carried_on_elsewhere() {
    let text = r#"[{"id":1,"type":"pong"},{"id":2,"type":"pong"}]"#;
    let mut frame = Frame::new(text.to_owned());
    assert_eq!(frame.rest().as_deref(), Some(text));
    assert!(matches!(frame.next(&mut 1000), Found::Message(_)));
    let rest = frame.rest().unwrap();
    assert_eq!(walk(&rest, 1000), ["2 \"pong\" -"]);
    // In the middle of the second message: from its beginning.
    assert_eq!(frame.next(&mut 5), Found::Resting);
    assert_eq!(walk(&frame.rest().unwrap(), 1000), ["2 \"pong\" -"]);
    assert!(matches!(frame.next(&mut 1000), Found::Message(_)));
    assert_eq!(frame.next(&mut 1000), Found::End);
    assert_eq!(frame.rest(), None);
}
