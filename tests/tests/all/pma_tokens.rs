//! PMA's clients and their tokens.

use crate::pma_setup::{TOKEN, asked, guide, open, start};
use hearthgate_tests::Client;
use serde_json::{Value, json};

#[tokio::test]
async fn a_token_is_taken_in_a_message_and_in_the_query() {
    let gateway = start().await;
    let (mut client, _) = guide(&gateway).await;
    let verdict = async |client: &mut Client, message: Value| {
        client.send_text(message.to_string()).await;
        client
            .find("a verdict", |frame| {
                frame["type"]
                    .as_str()
                    .is_some_and(|kind| kind.starts_with("authentication_"))
            })
            .await
    };
    let refused = verdict(
        &mut client,
        json!({"type": "authenticate", "data": {"token": "your_jwt_token"}}),
    )
    .await;
    assert_eq!(refused["type"], "authentication_failure");
    assert!(
        refused["data"]["error"]
            .as_str()
            .is_some_and(|why| !why.is_empty()),
        "{refused}"
    );
    let taken = verdict(&mut client, json!({"type": "auth", "token": TOKEN})).await;
    assert_eq!(
        (&taken["type"], &taken["data"]["user_id"]),
        (&json!("authentication_success"), &json!("ada"))
    );
    let (_client, greeting) = open(&gateway, &format!("/ws?token={TOKEN}")).await;
    assert_eq!(greeting["type"], "welcome");
    let (_, listed) = asked(&gateway, "GET", "/api/v1/websocket/clients", &json!(null)).await;
    let known: Vec<&Value> = listed["data"]["connections"]
        .as_array()
        .expect("connections")
        .iter()
        .map(|c| &c["authenticated"])
        .collect();
    assert_eq!(known, [true, true]);
}
