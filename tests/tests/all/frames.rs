//! Frames that break the rules: the connection is closed with the code that says why, and nobody else notices.

use hearthgate_tests::raw::Raw;
use hearthgate_tests::{Gateway, Setup};
use serde_json::{Value, json};

async fn closed_with(gateway: &Gateway, first: u8, payload: &[u8]) -> (Option<u16>, Option<Value>) {
    let mut raw = Raw::connect(gateway.address()).await.upgrade("/ws").await;
    raw.frame(first, payload).await;
    let mut farewell = None;
    while let Some(frame) = raw.next().await {
        if frame.opcode == 8 {
            return (frame.close_code(), farewell);
        }
        let value: Value = serde_json::from_str(&frame.text()).unwrap_or_default();
        if value["type"] == "disconnect" {
            farewell = Some(value);
        }
    }
    (None, farewell)
}

#[tokio::test]
async fn each_violation_has_its_code() {
    let gateway = Setup::new()
        .toml("[connections]\nmax-message = \"1KiB\"")
        .start()
        .await;
    let mut witness = gateway.client().await;
    witness.watch(&["test/#"]).await;
    for (what, first, payload, code) in [
        ("a message over the limit", 0x81, vec![b' '; 1025], 1009),
        ("text that is not UTF-8", 0x81, vec![0xff, 0xfe], 1007),
        ("a reserved bit", 0xc1, b"{}".to_vec(), 1002),
        ("a reserved opcode", 0x83, b"{}".to_vec(), 1002),
        ("a continuation of nothing", 0x80, b"{}".to_vec(), 1002),
        ("a fragmented ping", 0x09, vec![], 1002),
        ("a ping that is too long", 0x89, vec![0; 126], 1002),
        (
            "a close code that may not be sent",
            0x88,
            vec![0x03, 0xed],
            1002,
        ),
        ("a binary message", 0x82, b"{}".to_vec(), 1003),
    ] {
        let (closed, farewell) = closed_with(&gateway, first, &payload).await;
        assert_eq!(closed, Some(code), "{what}");
        let farewell =
            farewell.unwrap_or_else(|| panic!("{what}: no `disconnect` before the close"));
        assert_eq!(
            (&farewell["data"]["code"], &farewell["data"]["reconnect"]),
            (&json!(code), &Value::Null),
            "{what}: {farewell}"
        );
    }
    gateway.admin().emit("test/a", json!(1)).await;
    assert_eq!(witness.next_on("test/a").await["data"], 1);
}

#[tokio::test]
async fn an_unmasked_frame_is_refused() {
    let gateway = Setup::new().start().await;
    let mut raw = Raw::connect(gateway.address()).await.upgrade("/ws").await;
    raw.write(&[0x81, 2, b'{', b'}']).await;
    assert_eq!(raw.close_code().await, Some(1002));
}

#[tokio::test]
async fn fragments_make_one_message_and_pings_may_come_between() {
    let gateway = Setup::new().start().await;
    let mut raw = Raw::connect(gateway.address()).await.upgrade("/ws").await;
    raw.frame(0x01, br#"{"type":"pi"#).await;
    raw.frame(0x89, b"are you there").await;
    raw.frame(0x00, br#"ng","id":1,"data""#).await;
    raw.frame(0x80, b":[1]}").await;
    let pong = raw.find(|frame| frame.opcode == 10).await.expect("a pong");
    assert_eq!(pong.payload, b"are you there");
    let answer = raw
        .find(|frame| frame.text().contains("\"pong\""))
        .await
        .expect("an answer");
    assert!(answer.text().contains("[1]"), "{}", answer.text());
}

#[tokio::test]
async fn a_close_is_answered_with_the_same_code() {
    let gateway = Setup::new().start().await;
    let mut raw = Raw::connect(gateway.address()).await.upgrade("/ws").await;
    raw.frame(0x88, &[0x03, 0xe8, b'b', b'y', b'e']).await;
    assert_eq!(raw.close_code().await, Some(1000));
    assert!(raw.rest().await.is_empty(), "nothing follows the close");
}

#[tokio::test]
async fn what_is_no_handshake_is_refused_in_http() {
    let gateway = Setup::new().start().await;
    let public = hearthgate_tests::Admin::new(gateway.address());
    assert_eq!(public.get("/ws").await.status, 426);
    assert_eq!(public.get("/nowhere").await.status, 404);
    let mut raw = Raw::connect(gateway.address()).await;
    raw.write(b"\x16\x03\x01 this is no HTTP\r\n\r\n").await;
    let answer = String::from_utf8_lossy(&raw.rest().await).into_owned();
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 400"),
        "{answer}"
    );
}
