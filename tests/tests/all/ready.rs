//! `/readyz`: whether to send clients here, and if not, why.

use crate::rogue::with_limits;
use hearthgate_tests::raw::Raw;
use hearthgate_tests::{Setup, Signal, wait};
use serde_json::{Value, json};

#[tokio::test]
async fn a_gateway_is_not_ready_while_a_plugin_starts() {
    let limits =
        r#"memory = "32MiB", call-time = "20s", call-timeout = "20s", init-timeout = "20s""#;
    let gateway = with_limits("misbehave", "init", "loop", "", limits, "").await;
    gateway.in_state("rogue", "starting").await;
    gateway.in_state("witness", "running").await;
    let answer = gateway.admin().get("/readyz").await;
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert_eq!(
        answer.json(),
        json!({"ready": false, "reasons": ["plugin rogue is starting"]})
    );
    assert_eq!(gateway.admin().get("/livez").await.status, 200);
    // With the culprit gone it is ready.
    gateway.configure(|text| text.replace("[sources.rogue]", "[sources.rogue]\nenabled = false"));
    let ready = || async {
        let answer = gateway.admin().get("/readyz").await;
        (answer.status == 200).then(|| answer.json())
    };
    let answer: Value = wait::until("it is ready", ready).await;
    assert_eq!(answer, json!({"ready": true, "reasons": []}));
}

#[tokio::test]
async fn a_gateway_that_stops_is_not_ready() {
    let setup = Setup::new().toml("[shutdown]\ndeadline = \"5s\"");
    let mut gateway = setup.start().await;
    assert_eq!(gateway.admin().get("/readyz").await.status, 200);
    // What is written to a client that does not read keeps the gateway from its end.
    let mut stuck = Raw::narrow(gateway.address()).await.upgrade("/ws").await;
    stuck
        .text(r##"{"type":"subscribe","id":1,"data":{"topics":["#"]}}"##)
        .await;
    let subscribed = stuck.find(|frame| frame.text().contains("\"subscribed\""));
    assert!(subscribed.await.is_some());
    for _ in 0..60 {
        let event = json!("x".repeat(200_000));
        gateway.admin().emit("heavy", event).await;
    }
    gateway.signal(Signal::Terminate);
    let draining = || async {
        let answer = gateway.admin().get("/readyz").await;
        (answer.status == 503).then(|| answer.json())
    };
    let answer = wait::until("it is not ready", draining).await;
    assert_eq!(
        answer,
        json!({"ready": false, "reasons": ["the gateway is stopping"]})
    );
    assert!(gateway.ended().await.code().is_some());
}
