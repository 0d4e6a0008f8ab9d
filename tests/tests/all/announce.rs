//! A client's `announce` becomes a notification for everyone, and a reply.

use hearthgate_tests::Setup;
use serde_json::json;

#[tokio::test]
async fn everyone_is_notified_and_the_announcer_gets_a_reply() {
    let handler = "[handlers.announce]\nplugin = \"announce\"\ngrants = { publish = [\"notification/#\"], handle = [\"announce\"] }\n";
    let gateway = Setup::new().plugin("announce").toml(handler).start().await;
    gateway.in_state("announce", "running").await;
    let mut listener = gateway.client().await;
    listener
        .subscribe(json!({"kinds": ["notification.sent"], "where": {"severity": ["high"]}}))
        .await;
    let mut announcer = gateway.client().await;
    let reply = announcer
        .command(
            "announce",
            json!({"title": "Dinner", "message": "It is ready.", "severity": "high"}),
        )
        .await;
    assert_eq!(
        (&reply["type"], &reply["of"]),
        (&json!("reply"), &json!("announce")),
        "{reply}"
    );
    let event = listener.next_of("notification.sent").await;
    assert_eq!(
        (&event["seq"], &event["data"]["id"]),
        (&reply["data"]["seq"], &reply["data"]["id"])
    );
    assert_eq!(
        (
            &event["data"]["title"],
            &event["data"]["message"],
            &event["source"]
        ),
        (&json!("Dinner"), &json!("It is ready."), &json!("announce"))
    );
    announcer
        .refused(
            "announce",
            json!({"title": "", "message": "x"}),
            "INVALID_FIELD",
        )
        .await;
    announcer
        .refused("announce", json!({"title": "x"}), "INVALID_FIELD")
        .await;
}
