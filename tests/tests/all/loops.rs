//! An endless loop in each export: it is cut off at its processor time, the operator reads where it was, and neither
//! another source nor a client notices.

use crate::rogue::{contained, with_guest};
use hearthgate_tests::{Admin, Client, Gateway, Witness};
use serde_json::{Value, json};

/// Starts a guest that loops in an export, has it called, and expects to read of it.
async fn cut_off(when: &str, export: &str, call: impl AsyncFnOnce(&Gateway)) {
    let mut gateway = with_guest("misbehave", when, "loop", "").await;
    let witness = Witness::of(&gateway).await;
    if when != "init" {
        gateway.in_state("rogue", "running").await;
    }
    call(&gateway).await;
    let status = contained(&mut gateway, witness).await;
    let error = status["last_error"].as_str().unwrap_or_default();
    assert!(
        error.contains(export) && error.contains("processor time"),
        "{error}"
    );
    let admin = gateway.admin();
    let faults = admin.metric("hearthgate_guest_faults_total", &["rogue"]);
    assert!(faults.await >= 1.0, "{status}");
}

#[tokio::test]
async fn in_init() {
    cut_off("init", "init", async |_| ()).await;
}

#[tokio::test]
async fn in_an_input() {
    cut_off("input", "on-input", async |_| ()).await;
}

#[tokio::test]
async fn in_handle() {
    cut_off("handle", "handle", async |gateway| {
        let mut client = gateway.client().await;
        client
            .refused("misbehave", json!(null), "HANDLER_FAILED")
            .await;
        assert_eq!(client.command("ping", json!(1)).await["type"], "pong");
    })
    .await;
}

#[tokio::test]
async fn in_serve() {
    cut_off("serve", "serve", async |gateway| {
        let answer = Admin::new(gateway.address()).get("/http").await;
        assert!((500..=504).contains(&answer.status), "{}", answer.status);
    })
    .await;
}

#[tokio::test]
async fn in_events() {
    cut_off("events", "on-events", async |gateway| {
        gateway.admin().emit("test/trigger/a", json!(1)).await;
    })
    .await;
}

#[tokio::test]
async fn in_reconfigure() {
    cut_off("reconfigure", "reconfigure", async |gateway| {
        gateway.configure(|text| {
            text.replace("what = \"loop\"", "what = \"loop\", note = \"changed\"")
        });
        // A guest that can't be told of the change is replaced by one that begins with it.
        let outcome = gateway.reload_after("rogue", &Value::Null).await;
        assert_eq!(outcome["outcome"], "reloaded", "{outcome}");
        gateway.in_state("rogue", "running").await;
    })
    .await;
}

#[tokio::test]
async fn in_save() {
    cut_off("save", "save", async |gateway| {
        gateway.install("misbehave", 1);
        let outcome = gateway.reload_after("rogue", &Value::Null).await;
        assert_eq!(
            (&outcome["outcome"], &outcome["state"]),
            (&json!("reloaded"), &json!("dropped")),
            "{outcome}"
        );
        gateway.in_state("rogue", "running").await;
    })
    .await;
}

#[tokio::test]
async fn in_stop() {
    let mut gateway = with_guest("misbehave", "stop", "loop", "").await;
    let mut witness = Witness::of(&gateway).await;
    gateway.in_state("rogue", "running").await;
    gateway.install("misbehave", 1);
    let outcome = gateway.reload_after("rogue", &Value::Null).await;
    assert_eq!(outcome["outcome"], "reloaded", "{outcome}");
    gateway
        .journal
        .line("the old guest's end", |line| {
            line.message.contains("failed while it was stopped")
                && line.field("fault").contains("processor time")
        })
        .await;
    witness.unharmed().await;
    assert!(
        gateway.stop().await.success(),
        "nor does it hold up the end"
    );
}

/// A client of the guest's dialect, past the handshake.
async fn speaker(gateway: &Gateway) -> Client {
    Client::open(gateway.address(), "/rogue")
        .await
        .expect("the handshake succeeds")
}

#[tokio::test]
async fn in_a_dialects_on_open() {
    cut_off("on-open", "on-open", async |gateway| {
        let closed = speaker(gateway).await.closed().await;
        assert_eq!(
            closed.code,
            Some(1013),
            "who was not greeted is told to come back: {closed:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn in_a_dialects_on_text() {
    cut_off("on-text", "on-text", async |gateway| {
        let mut client = speaker(gateway).await;
        assert_eq!(client.next_text().await, "open");
        client.send_text("hello").await;
        // The guest is replaced; the client stays, and its session too.
        gateway.in_state("rogue", "waiting").await;
        gateway.configure(|text| text.replace("when = \"on-text\"", "when = \"never\""));
        gateway.in_state("rogue", "running").await;
        client.send_text("again").await;
        // It beats again as well, and either may come first.
        let mut heard = client.next_text().await;
        while heard.starts_with("clients ") {
            heard = client.next_text().await;
        }
        assert_eq!(heard, "heard again");
    })
    .await;
}

#[tokio::test]
async fn in_a_dialects_encode() {
    cut_off("encode", "encode", async |gateway| {
        // An event that its grant covers is enough: while somebody speaks the dialect, it encodes.
        let mut client = speaker(gateway).await;
        assert_eq!(client.next_text().await, "open");
        gateway.admin().emit("test/trigger/a", json!(1)).await;
        gateway.in_state("rogue", "waiting").await;
    })
    .await;
}

#[tokio::test]
async fn in_a_dialects_heartbeat() {
    cut_off("heartbeat", "heartbeat", async |gateway| {
        let mut client = speaker(gateway).await;
        assert_eq!(client.next_text().await, "open");
        gateway.in_state("rogue", "waiting").await;
    })
    .await;
}

#[tokio::test]
async fn a_client_that_a_crash_kept_from_being_greeted_is_told_so() {
    let gateway = with_guest("misbehave", "on-open", "trap", "").await;
    gateway.in_state("rogue", "running").await;
    let closed = speaker(&gateway).await.closed().await;
    assert_eq!(closed.code, Some(1011), "{closed:?}");
}
