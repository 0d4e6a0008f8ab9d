//! Clients of another protocol, which a plugin speaks.

use hearthgate_tests::{Client, Gateway, Setup};
use serde_json::json;

async fn start() -> Gateway {
    let handlers = "[handlers.shout]\nplugin = \"shout\"\ngrants = { subscribe = [\"test/#\"], gateway = [\"clients\"] }\n\
                    [handlers.polly]\nplugin = \"parrot\"\ngrants = { handle = [\"parrot\", \"parrot.refuse\", \"parrot.trap\", \"parrot.loop\"] }\n";
    let routes = r#"routes = [{ path = "/ws", dialect = "native" }, { path = "/shout", dialect = "shout" }]"#;
    let gateway = Setup::new()
        .listener(routes)
        .plugin("shout")
        .plugin("parrot")
        .toml(handlers)
        .toml("[dialects.shout]\nheartbeat-interval = \"1h\"\n")
        .start()
        .await;
    gateway.in_state("shout", "running").await;
    gateway.in_state("polly", "running").await;
    gateway
}

async fn open(gateway: &Gateway) -> Client {
    let mut client = Client::open(gateway.address(), "/shout")
        .await
        .expect("the handshake succeeds");
    assert_eq!(client.next_text().await, "HELLO STRANGER ON /shout");
    client
}

#[tokio::test]
async fn it_is_spoken_from_the_first_frame_to_the_last() {
    let gateway = start().await;
    let (mut native, mut client) = (gateway.client().await, open(&gateway).await);
    native.watch(&["test/#"]).await;
    client.send_text("hello").await;
    assert_eq!(client.next_text().await, "1 HELLO");
    client.send_text("again").await;
    assert_eq!(
        client.next_text().await,
        "2 AGAIN",
        "the session is kept between calls"
    );
    client
        .send_text(r#"{"do":"subscribe","name":"a","topics":["test/#"]}"#)
        .await;
    assert_eq!(client.next_text().await, "SUBSCRIBED A");
    client.send_text("done").await;
    assert_eq!(client.next_text().await, "4 DONE", "every text is counted");
    let admin = gateway.admin();
    for kind in ["test.event", "test.silent", "test.twice"] {
        admin
            .publish(json!({"kind": kind, "topic": "test/a", "data": {"word": kind}}))
            .await;
    }
    let first = client.next_text().await;
    assert!(
        first.contains("TEST/A") && first.contains("TEST.EVENT"),
        "{first}"
    );
    let (second, third) = (client.next_text().await, client.next_text().await);
    assert!(
        second.contains("TEST.TWICE") && third.contains("TEST.TWICE"),
        "{second} {third}"
    );
    for kind in ["test.event", "test.silent", "test.twice"] {
        assert_eq!(native.next_on("test/a").await["type"], kind);
    }
    client
        .send_text(r#"{"do":"call","type":"parrot","data":{"n":1}}"#)
        .await;
    let reply = client.next_text().await;
    assert!(
        reply.starts_with("REPLY PARROT") || reply.starts_with("REPLY parrot"),
        "{reply}"
    );
    client
        .send_text(r#"{"do":"close","code":4321,"reason":"enough"}"#)
        .await;
    let closed = client.closed().await;
    assert_eq!(
        (closed.code, closed.reason.as_str()),
        (Some(4321), "enough")
    );
}

#[tokio::test]
async fn a_reload_drops_none_of_its_clients_nor_their_sessions() {
    let gateway = start().await;
    let mut client = open(&gateway).await;
    client.send_text("before").await;
    assert_eq!(client.next_text().await, "1 BEFORE");
    subscribe(&mut client, "a", r#""topics":["test/#"]"#).await;
    gateway.install("shout", 1);
    let outcome = gateway.reload_after("shout", &json!(null)).await;
    assert_eq!(outcome["outcome"], "reloaded", "{outcome}");
    client.send_text("after").await;
    assert_eq!(client.next_text().await, "3 AFTER");
    gateway.admin().emit("test/after", json!(1)).await;
    assert_eq!(
        client.next_text().await,
        "TEST/AFTER 1",
        "the subscription is kept"
    );
    client.send_text(r#"{"do":"unsubscribe","name":"a"}"#).await;
    assert_eq!(client.next_text().await, "UNSUBSCRIBED A", "by its name");
    gateway.admin().emit("test/unseen", json!(1)).await;
    client.send_text("last").await;
    assert_eq!(client.next_text().await, "5 LAST");
}

async fn subscribe(client: &mut Client, name: &str, filter: &str) {
    let text = format!(r#"{{"do":"subscribe","name":"{name}",{filter}}}"#);
    client.send_text(text).await;
    let told = format!("SUBSCRIBED {}", name.to_uppercase());
    assert_eq!(client.next_text().await, told);
}

#[tokio::test]
async fn an_event_comes_once_however_many_subscriptions_match() {
    let gateway = start().await;
    let mut client = open(&gateway).await;
    subscribe(&mut client, "a", r#""topics":["test/#"]"#).await;
    subscribe(&mut client, "b", r#""topics":["test/one", "test/+"]"#).await;
    subscribe(&mut client, "c", r#""where":{"source":["gateway"]}"#).await;
    for n in 1..=3 {
        gateway.admin().emit("test/one", json!(n)).await;
    }
    for n in 1..=3 {
        assert_eq!(client.next_text().await, format!("TEST/ONE {n}"));
    }
}

#[tokio::test]
async fn an_event_that_crashes_the_plugin_takes_no_other_with_it() {
    let gateway = start().await;
    let mut client = open(&gateway).await;
    subscribe(&mut client, "a", r#""topics":["test/#"]"#).await;
    let admin = gateway.admin();
    for n in 1..=20 {
        admin.emit("test/one", json!(n)).await;
        let poison = json!({"kind": "test.poison", "topic": "test/two", "data": n});
        admin.publish(poison).await;
    }
    for n in 1..=20 {
        assert_eq!(client.next_text().await, format!("TEST/ONE {n}"));
    }
    admin.emit("test/end", json!(0)).await;
    assert_eq!(client.next_text().await, "TEST/END 0");
    let lost = "hearthgate_dialect_events_lost_total";
    let lost = admin.metric(lost, &["instance=\"shout\""]).await;
    assert!((lost - 20.0).abs() < 0.1, "{lost} lost");
}

#[tokio::test]
async fn its_clients_are_told_only_of_what_it_may_see() {
    let gateway = start().await;
    let mut client = open(&gateway).await;
    subscribe(&mut client, "a", r##""topics":["#"]"##).await;
    gateway.admin().emit("secret/one", json!(1)).await;
    gateway.admin().emit("test/one", json!(2)).await;
    assert_eq!(client.next_text().await, "TEST/ONE 2");
}

#[tokio::test]
async fn a_call_that_gets_no_reply_says_which_way() {
    let gateway = start().await;
    let mut client = open(&gateway).await;
    for (kind, data, told) in [
        ("nobody.knows", json!(null), "UnknownType"),
        (
            "parrot.refuse",
            json!({"how": "forbidden", "message": "not you"}),
            "Rejected(Rejection::Forbidden(\"not you\"))",
        ),
        ("parrot.trap", json!(null), "Failed("),
    ] {
        let call = json!({"do": "call", "type": kind, "data": data});
        client.send_text(call.to_string()).await;
        let answer = client.next_text().await;
        let wanted = format!("REFUSED {kind} CallError::{told}");
        assert!(answer.starts_with(&wanted), "{answer}, not {wanted}");
    }
}

#[tokio::test]
async fn a_session_is_bounded_and_shown_to_its_own_plugin() {
    let gateway = start().await;
    let mut client = open(&gateway).await;
    let session = |bytes| json!({"do": "session", "bytes": bytes}).to_string();
    client.send_text(session(64 * 1024 + 1)).await;
    client.send_text("text").await;
    assert_eq!(
        client.next_text().await,
        "2 TEXT",
        "the one before is kept, not the one that is too large"
    );
    client.send_text(session(64 * 1024)).await;
    client.send_text(r#"{"do":"clients"}"#).await;
    let told: serde_json::Value = serde_json::from_str(&client.next_text().await).expect("JSON");
    let one = &told["connections"][0];
    assert_eq!(one["dialect"], "shout", "{told}");
    assert_eq!(one["session"].as_str().map(str::len), Some(64 * 1024));
    let listed = gateway.admin().json("/api/v1/connections").await;
    assert!(
        listed["connections"][0].get("session").is_none(),
        "{listed}"
    );
}

#[tokio::test]
async fn its_heartbeats_may_be_several_texts() {
    let gateway = start().await;
    gateway.configure(|text| text.replace("\"1h\"", "\"200ms\""));
    gateway.signal(hearthgate_tests::Signal::Hangup);
    let mut client = open(&gateway).await;
    assert_eq!(client.next_text().await, "HEARTBEAT 1");
    assert_eq!(client.next_text().await, "STILL HERE");
}

#[tokio::test]
async fn a_token_in_the_address_is_the_gateways_alone() {
    let routes = r#"routes = [{ path = "/shout", dialect = "shout", query-token = true, authentication = "lenient" }]"#;
    let setup = Setup::new().listener(routes).plugin("shout");
    let gateway = setup.toml("[handlers.shout]\nplugin = \"shout\"").start();
    let gateway = gateway.await;
    gateway.in_state("shout", "running").await;
    let path = "/shout?a=%20&token=canary&b=1";
    let mut client = Client::open(gateway.address(), path).await.expect("opened");
    let greeting = client.next_text().await;
    assert!(greeting.starts_with("HELLO LIAR"), "{greeting}");
    client.send_text(r#"{"do":"query"}"#).await;
    let told = client.next_text().await;
    assert_eq!(told, r#"[["a"," "],["b","1"]]"#);
}

#[tokio::test]
async fn it_closes_with_codes_that_there_are() {
    let gateway = start().await;
    let mut client = open(&gateway).await;
    for code in [0, 999, 1005, 1006, 1015, 2000, 5000, 65535] {
        let close = json!({"do": "close", "code": code, "reason": "odd"});
        client.send_text(close.to_string()).await;
    }
    client.send_text("still here").await;
    assert_eq!(client.next_text().await, "1 STILL HERE");
    client
        .send_text(r#"{"do":"close","code":1000,"reason":"done"}"#)
        .await;
    assert_eq!(client.closed().await.code, Some(1000));
}
