//! The limits of `[dialects.NAME]`, each as a client of that dialect notices it; native clients of the same listener don't.

use hearthgate_tests::raw::Raw;
use hearthgate_tests::{Client, Gateway, Setup, wait};
use serde_json::{Value, json};

/// A gateway with `native` at `/ws` and `shout` at `/shout`, whose connections have these terms.
async fn start(terms: &str) -> Gateway {
    let routes = r#"routes = [{ path = "/ws", dialect = "native" }, { path = "/shout", dialect = "shout" }]"#;
    let gateway = Setup::new()
        .listener(routes)
        .plugin("shout")
        .toml("[handlers.shout]\nplugin = \"shout\"\ngrants = { subscribe = [\"test/#\"] }\n")
        .toml(&format!("[dialects.shout]\n{terms}\n"))
        .start()
        .await;
    gateway.in_state("shout", "running").await;
    gateway
}

async fn shout(gateway: &Gateway) -> Raw {
    greeted(Raw::connect(gateway.address()).await).await
}

/// A client that is soon felt when it does not read.
async fn narrow(gateway: &Gateway) -> Raw {
    greeted(Raw::narrow(gateway.address()).await).await
}

async fn greeted(raw: Raw) -> Raw {
    let mut raw = raw.upgrade("/shout").await;
    let greeting = raw.next().await.expect("a greeting").text();
    assert_eq!(greeting, "HELLO STRANGER ON /shout");
    raw
}

/// One that subscribed to `test/#`, and reads nothing from now on.
async fn subscribed(gateway: &Gateway) -> Raw {
    let mut raw = narrow(gateway).await;
    raw.text(r##"{"do":"subscribe","name":"a","topics":["test/#"]}"##)
        .await;
    let told = raw.find(|frame| frame.text() == "SUBSCRIBED A").await;
    assert!(told.is_some(), "it is subscribed");
    raw
}

/// Far more than the buffers of a connection hold.
async fn flood(gateway: &Gateway) {
    let heavy = json!({"word": "x".repeat(100_000)});
    for _ in 0..80 {
        gateway.admin().emit("test/heavy", heavy.clone()).await;
    }
}

async fn dropped(gateway: &Gateway, dialect: &str) -> f64 {
    let label = format!("dialect=\"{dialect}\"");
    let admin = gateway.admin();
    admin
        .metric("hearthgate_deliveries_dropped_total", &[&label])
        .await
}

/// The connections of a dialect, as the admin API lists them.
async fn listed(gateway: &Gateway, dialect: &str) -> Vec<Value> {
    let all = gateway.admin().json("/api/v1/connections").await;
    let list = all["connections"].as_array().expect("a list").clone();
    list.into_iter()
        .filter(|connection| connection["dialect"] == dialect)
        .collect()
}

/// The native client is still served.
async fn is_served(mut native: Client) {
    assert_eq!(native.command("ping", json!(1)).await["type"], "pong");
}

#[tokio::test]
async fn a_slow_client_stays_and_what_it_missed_is_counted_by_dialect_and_connection() {
    let gateway = start("outbox-frames = 4").await;
    let native = gateway.client().await;
    let mut slow = subscribed(&gateway).await;
    flood(&gateway).await;
    let missed = wait::until("events are dropped", || async {
        let missed = dropped(&gateway, "shout").await;
        (missed > 0.0).then_some(missed)
    });
    let missed = missed.await;
    assert!(dropped(&gateway, "native").await == 0.0);
    let connections = listed(&gateway, "shout").await;
    assert!(
        connections[0]["dropped"].as_f64() >= Some(missed),
        "{connections:?}"
    );
    // It reads again, and its questions are answered.
    slow.text("and now").await;
    let told = slow.find(|frame| frame.text().ends_with("AND NOW"));
    assert!(told.await.is_some(), "it stays");
    is_served(native).await;
}

#[tokio::test]
async fn a_slow_client_is_closed_where_its_dialect_says_so() {
    let gateway = start("outbox-frames = 4\nslow-client = \"close\"").await;
    let native = gateway.client().await;
    let mut slow = subscribed(&gateway).await;
    flood(&gateway).await;
    assert_eq!(slow.close_code().await, Some(4408));
    assert!(dropped(&gateway, "shout").await >= 1.0);
    is_served(native).await;
}

#[tokio::test]
async fn it_is_pinged_and_taken_for_gone_by_its_own_times() {
    let gateway = start("ping-interval = \"200ms\"\npong-timeout = \"2s\"").await;
    let mut native = Raw::connect(gateway.address()).await.upgrade("/ws").await;
    let mut silent = shout(&gateway).await;
    let ping = silent.find(|frame| frame.opcode == 9).await;
    assert!(ping.is_some(), "a ping");
    assert_eq!(silent.close_code().await, Some(4409));
    // As silent for as long, by the default of a minute.
    native.text(r#"{"type":"ping","id":1}"#).await;
    let pong = native.find(|frame| frame.opcode != 1 || frame.text().contains("\"pong\""));
    let pong = pong.await.expect("it is open");
    assert_eq!(pong.opcode, 1, "nobody pinged it: {pong:?}");
}

#[tokio::test]
async fn it_is_closed_when_it_is_idle_with_its_own_code() {
    let gateway = start("idle-timeout = \"1s\"\nidle-close = 1001").await;
    let native = gateway.client().await;
    let mut idle = shout(&gateway).await;
    assert_eq!(idle.close_code().await, Some(1001));
    is_served(native).await;
}

#[tokio::test]
async fn its_heartbeats_come_at_its_own_interval() {
    let gateway = start("heartbeat-interval = \"100ms\"").await;
    let mut client = shout(&gateway).await;
    for _ in 0..2 {
        let beat = client.find(|frame| frame.text().starts_with("HEARTBEAT"));
        assert!(beat.await.is_some(), "a heartbeat");
    }
}

#[tokio::test]
async fn an_answer_waits_for_it_no_longer_than_its_write_timeout() {
    let gateway = start("write-timeout = \"200ms\"").await;
    let native = gateway.client().await;
    let mut stuck = narrow(&gateway).await;
    // Answers that it does not read, up to what the buffers hold and more.
    let long = "y".repeat(60_000);
    let closed = wait::until("it is closed", || async {
        let admin = gateway.admin();
        let total = admin.metric("hearthgate_slow_consumers_closed_total", &[]);
        (total.await >= 1.0).then_some(())
    });
    let asking = async { while stuck.try_text(&long).await {} };
    tokio::join!(closed, asking);
    is_served(native).await;
}

#[tokio::test]
async fn it_has_no_more_connections_than_it_may() {
    let gateway = start("max-connections-per-address = 1").await;
    let _first = shout(&gateway).await;
    let mut second = Raw::connect(gateway.address()).await;
    let handshake = hearthgate_tests::raw::handshake("/shout");
    second.write(handshake.as_bytes()).await;
    let head = second.head().await;
    assert!(head.starts_with("HTTP/1.1 429"), "{head}");
    is_served(gateway.client().await).await;
}
