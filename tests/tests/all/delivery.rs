//! Events reach those who subscribed.

use hearthgate_tests::Setup;
use serde_json::json;

#[tokio::test]
async fn an_event_of_the_admin_api_reaches_a_subscriber() {
    let gateway = Setup::new().start().await;
    let mut client = gateway.client().await;
    client.watch(&["test/#"]).await;
    let seq = gateway.admin().emit("test/a", json!({"n": 1})).await;
    let event = client.next_on("test/a").await;
    assert_eq!(event["seq"], seq);
    assert_eq!(event["data"], json!({"n": 1}));
}
