//! A plugin that reacts to what others publish.

use hearthgate_tests::{Setup, Witness};
use serde_json::json;

#[tokio::test]
async fn it_is_told_of_what_it_was_granted_and_nothing_else() {
    let reactor = "[handlers.echo]\nplugin = \"reactor\"\ngrants = { subscribe = [\"test/seen/#\"], publish = [\"echo/#\"] }\n";
    let gateway = Setup::new()
        .with_witness()
        .plugin("reactor")
        .toml(reactor)
        .start()
        .await;
    let mut witness = Witness::of(&gateway).await;
    gateway.in_state("echo", "running").await;
    let mut client = gateway.client().await;
    client.watch(&["echo/#"]).await;
    for n in 0..50 {
        gateway.admin().emit("test/unseen/a", json!(n)).await;
        let seq = gateway.admin().emit("test/seen/a", json!(n)).await;
        let echo = client.next_of("test.echo").await;
        assert_eq!(
            (&echo["topic"], &echo["source"]),
            (&json!("echo/test/seen/a"), &json!("echo"))
        );
        assert_eq!(
            (
                &echo["data"]["seq"],
                &echo["data"]["data"],
                &echo["data"]["source"]
            ),
            (&json!(seq), &json!(n), &json!("admin-api")),
            "{echo}"
        );
    }
    witness.unharmed().await;
}
