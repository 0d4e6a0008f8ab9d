//! Every command and every error of the native protocol, as clients read them: golden transcripts.

use hearthgate_tests::transcript::{golden, masked};
use hearthgate_tests::{Client, Setup};
use serde_json::{Value, json};

/// Sends a text, and writes down both it and its answer.
async fn exchange(client: &mut Client, transcript: &mut String, text: &str) -> Value {
    client.send_text(text).await;
    let answer = client.next().await;
    transcript.push_str(&format!("> {text}\n< {}\n", masked(&answer)));
    answer
}

#[tokio::test]
async fn commands_and_their_answers() {
    let gateway = Setup::new().start().await;
    let mut client = gateway.client().await;
    let mut transcript = format!("< welcome {}\n", masked(&client.welcome));
    for text in [
        r##"{"type":"subscribe","id":1,"data":{"topics":["home/#"],"kinds":["test.state"],"where":{"room":["hall"]},"snapshot":true,"policy":"latest"}}"##,
        r#"{"type":"subscribe","id":"a string","data":{"kinds":["test.state"]}}"#,
        r##"{"type":"subscribe","id":2,"data":{"topics":["#"],"since":{"epoch":"before","seq":7}}}"##,
        r#"{"type":"unsubscribe","id":3,"data":{"subscription":1}}"#,
        r#"{"type":"ping","id":4,"data":{"anything":[1,null]}}"#,
        r#"{"type":"ping"}"#,
        r#"{"type":"ping","id":-5,"timestamp":"2026-01-01T00:00:00.000Z","unknown":"is ignored"}"#,
    ] {
        let answer = exchange(&mut client, &mut transcript, text).await;
        assert_ne!(answer["type"], "error", "{answer}");
    }
    golden("protocol/commands.txt", &transcript);
}

#[tokio::test]
async fn errors_that_leave_the_connection_open() {
    let gateway = Setup::new()
        .toml("[connections]\nmax-subscriptions = 1")
        .start()
        .await;
    let mut client = gateway.client().await;
    let mut transcript = String::new();
    for (text, code) in [
        ("not json", "INVALID_MESSAGE_FORMAT"),
        ("[1]", "INVALID_MESSAGE_FORMAT"),
        ("\"text\"", "INVALID_MESSAGE_FORMAT"),
        (r#"{"id":1}"#, "INVALID_MESSAGE_FORMAT"),
        (r#"{"type":7,"id":1}"#, "INVALID_MESSAGE_FORMAT"),
        (r#"{"type":"no.such","id":1,"data":{}}"#, "UNKNOWN_TYPE"),
        (r#"{"type":"ping","id":{"an":"object"}}"#, "INVALID_FIELD"),
        (r#"{"type":"ping","id":1.5}"#, "INVALID_FIELD"),
        (r#"{"type":"subscribe","id":2}"#, "INVALID_FIELD"),
        (r#"{"type":"subscribe","id":2,"data":{}}"#, "INVALID_FIELD"),
        (
            r#"{"type":"subscribe","id":2,"data":{"topics":"a"}}"#,
            "INVALID_FIELD",
        ),
        (
            r#"{"type":"subscribe","id":2,"data":{"topics":["a"],"policy":"some"}}"#,
            "INVALID_FIELD",
        ),
        (
            r#"{"type":"subscribe","id":2,"data":{"kinds":["Not A Kind"]}}"#,
            "INVALID_FIELD",
        ),
        (
            r##"{"type":"subscribe","id":2,"data":{"topics":["a/#/b"]}}"##,
            "INVALID_TOPIC_FILTER",
        ),
        (
            r#"{"type":"subscribe","id":2,"data":{"topics":["a+"]}}"#,
            "INVALID_TOPIC_FILTER",
        ),
        (
            r#"{"type":"unsubscribe","id":3,"data":{"subscription":99}}"#,
            "UNKNOWN_SUBSCRIPTION",
        ),
        (
            r#"{"type":"unsubscribe","id":3,"data":{"subscription":"one"}}"#,
            "INVALID_FIELD",
        ),
        (
            r#"{"type":"publish","id":4,"data":{"kind":"test.a","topic":"a","data":1}}"#,
            "FORBIDDEN",
        ),
        (
            r#"{"type":"authenticate","id":5,"data":{"token":"x"}}"#,
            "AUTHENTICATION_FAILED",
        ),
        (
            r#"{"type":"authenticate","id":5,"data":{}}"#,
            "INVALID_FIELD",
        ),
        (r#"{"type":"ack","id":6,"data":{"seq":1}}"#, "FORBIDDEN"),
    ] {
        let answer = exchange(&mut client, &mut transcript, text).await;
        assert_eq!(
            (answer["type"].as_str(), answer["data"]["code"].as_str()),
            (Some("error"), Some(code)),
            "{text}: {answer}"
        );
    }
    client.watch(&["a"]).await;
    exchange(
        &mut client,
        &mut transcript,
        r#"{"type":"subscribe","id":7,"data":{"topics":["b"]}}"#,
    )
    .await;
    golden("protocol/errors.txt", &transcript);
    assert_eq!(
        client.command("ping", json!(1)).await["data"],
        1,
        "the connection is open after all that"
    );
}
