//! `gateway.send`: an event for one connection alone.

use hearthgate_tests::Setup;
use serde_json::json;

#[tokio::test]
async fn only_the_connection_that_is_named_gets_it() {
    let source = "[sources.all]\nplugin = \"allround\"\ngrants = { handle = [\"do\"], publish = [\"test/#\"], gateway = [\"send\"] }\n";
    let gateway = Setup::new().plugin("allround").toml(source).start().await;
    gateway.in_state("all", "running").await;
    let mut named = gateway.client().await;
    let mut others = [gateway.client().await, gateway.client().await];
    for client in others.iter_mut().chain([&mut named]) {
        client.watch(&["test/#"]).await;
    }
    let id = named.welcome["client_id"]
        .as_str()
        .unwrap_or_else(|| panic!("no id in {}", named.welcome))
        .to_owned();
    let task = |audience: &str| json!({"call": "gateway.send", "audience": [audience], "kind": "test.done", "topic": "test/private", "data": {"for": audience}});
    let audience = format!("client:{id}");
    let sent = others[0].command("do", task(&audience)).await;
    assert_eq!(sent["data"]["ok"], 1, "to how many it went: {sent}");
    let nobody = others[0].command("do", task("client:nobody")).await;
    assert_eq!(nobody["data"]["ok"], 0, "{nobody}");
    gateway.admin().emit("test/end", json!(null)).await;
    let event = named.next_on("test/private").await;
    assert_eq!(
        (&event["source"], &event["data"]),
        (&json!("all"), &json!({"for": audience}))
    );
    let topic = |frame: &serde_json::Value| frame["topic"].is_string();
    for client in others.iter_mut().chain([&mut named]) {
        let next = client.find("an event", topic).await;
        assert_eq!(next["topic"], "test/end", "nothing more came: {next}");
    }
}
