//! An event is written in the native protocol once, and frames that go out together go out in one write: what a
//! gateway with many clients lives on.

use hearthgate_tests::{Gateway, Setup, wait};
use serde_json::json;

const CLIENTS: u64 = 40;
const EVENTS: u64 = 25;

async fn figure(gateway: &Gateway, name: &str, labels: &[&str]) -> u64 {
    gateway.admin().metric(name, labels).await as u64
}

#[tokio::test]
async fn an_event_is_encoded_once_for_all_its_clients() {
    let gateway = Setup::new().start().await;
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let mut client = gateway.client().await;
        client.watch(&["test/#"]).await;
        clients.push(client);
    }
    let native = ["dialect=\"native\""];
    let encoded = figure(&gateway, "hearthgate_events_encoded_total", &native).await;
    let delivered = figure(&gateway, "hearthgate_deliveries_total", &[]).await;
    for n in 0..EVENTS {
        gateway.admin().emit("test/n", json!(n)).await;
    }
    for client in &mut clients {
        for n in 0..EVENTS {
            assert_eq!(client.next_on("test/n").await["data"], n);
        }
    }
    let settled = || async {
        let now = figure(&gateway, "hearthgate_deliveries_total", &[]).await;
        (now - delivered == CLIENTS * EVENTS).then_some(())
    };
    wait::until("every delivery is counted", settled).await;
    let now = figure(&gateway, "hearthgate_events_encoded_total", &native).await;
    assert_eq!(now - encoded, EVENTS, "and not {}", CLIENTS * EVENTS);
}

#[tokio::test]
async fn nobody_listens_nothing_is_encoded() {
    let gateway = Setup::new().start().await;
    let mut client = gateway.client().await;
    client.watch(&["other/#"]).await;
    for n in 0..EVENTS {
        gateway.admin().emit("test/n", json!(n)).await;
    }
    gateway.admin().emit("other/n", json!(1)).await;
    client.next_on("other/n").await;
    let encoded = figure(&gateway, "hearthgate_events_encoded_total", &[]).await;
    assert_eq!(encoded, 1);
}

#[tokio::test]
async fn frames_that_go_out_together_share_a_write() {
    let gateway = Setup::new().start().await;
    let topics = 320;
    for n in 0..topics {
        let event =
            json!({"kind": "test.event", "topic": format!("test/{n}"), "data": n, "retain": true});
        gateway.admin().publish(event).await;
    }
    let mut client = gateway.client().await;
    let frames = figure(&gateway, "hearthgate_frames_sent_total", &[]).await;
    let writes = figure(&gateway, "hearthgate_socket_writes_total", &[]).await;
    let wanted = json!({"topics": ["test/#"], "snapshot": true});
    assert_eq!(client.subscribe(wanted).await["replayed"], topics);
    for _ in 0..topics {
        client.next_of("test.event").await;
    }
    let settled = || async {
        let now = figure(&gateway, "hearthgate_frames_sent_total", &[]).await;
        (now - frames > topics).then_some(now - frames)
    };
    let frames = wait::until("every frame is counted", settled).await;
    let writes = figure(&gateway, "hearthgate_socket_writes_total", &[]).await - writes;
    // 64 frames to a write, and a few more where the socket was full.
    assert!(writes * 8 < frames, "{frames} frames took {writes} writes");
}
