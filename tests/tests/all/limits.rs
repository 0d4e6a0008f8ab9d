//! What a client may not use up.

use hearthgate_tests::client::error_code;
use hearthgate_tests::raw::{Raw, handshake};
use hearthgate_tests::{Gateway, Setup, wait};
use serde_json::json;

#[tokio::test]
async fn beyond_the_connection_limit_the_answer_is_503() {
    let gateway = Setup::new()
        .toml("[connections]\nmax-connections = 2")
        .start()
        .await;
    let first = gateway.client().await;
    let mut second = gateway.client().await;
    let mut third = Raw::connect(gateway.address()).await;
    third.write(handshake("/ws").as_bytes()).await;
    let head = third.head().await.to_lowercase();
    assert!(
        head.starts_with("http/1.1 503") && head.contains("retry-after:"),
        "{head}"
    );
    assert_eq!(second.command("ping", json!(1)).await["type"], "pong");
    drop(first);
    let room = || async {
        hearthgate_tests::Client::open(gateway.address(), "/ws")
            .await
            .ok()
    };
    wait::until("there is room again", room).await;
}

#[tokio::test]
async fn too_many_messages_are_refused_and_then_the_connection_is_closed() {
    let gateway = Setup::new()
        .toml("[connections]\nmessages-per-second = 5")
        .start()
        .await;
    let mut witness = gateway.client().await;
    let mut client = gateway.client().await;
    for id in 0..6 {
        client
            .send_text(json!({"type": "ping", "id": id}).to_string())
            .await;
    }
    let refused = client.answer(&json!(5)).await;
    assert_eq!(error_code(&refused), Some("RATE_LIMITED"), "{refused}");
    assert!(
        refused["data"]["retry_after_ms"]
            .as_u64()
            .is_some_and(|wait| wait <= 1000),
        "{refused}"
    );
    assert_eq!(refused["data"]["temporary"], true);
    client.take_kept();
    // One at a time: nothing is under way when the gateway closes, so that no reset can overtake the close frame.
    let flood = async {
        loop {
            client.send_text(r#"{"type":"ping"}"#).await;
            let frame = client.next().await;
            if frame["type"] == "disconnect" {
                return frame;
            }
        }
    };
    let farewell = wait::soon("the flood is stopped", flood).await;
    assert_eq!(farewell["data"]["code"], 4429, "{farewell}");
    let closed = client.closed().await;
    assert_eq!(closed.code, Some(4429), "{closed:?}");
    assert!(
        gateway
            .admin()
            .metric("hearthgate_connections_closed_total", &["4429"])
            .await
            >= 1.0
    );
    assert_eq!(witness.command("ping", json!(1)).await["type"], "pong");
}

/// A handshake in the name of a client behind a proxy; the status, and the connection.
async fn as_client(gateway: &Gateway, client: &str) -> (u16, String, Raw) {
    let mut raw = Raw::connect(gateway.address()).await;
    let forwarded = format!("\r\nX-Forwarded-For: 203.0.113.9, {client}\r\n\r\n");
    raw.write(handshake("/ws").replace("\r\n\r\n", &forwarded).as_bytes())
        .await;
    let head = raw.head().await.to_lowercase();
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|s| s.parse().ok())
        .expect("a status");
    (status, head, raw)
}

const BEHIND_A_PROXY: &str = r#"routes = [{ path = "/ws", dialect = "native" }]
trusted-proxies = ["127.0.0.1"]
[listener.limits]
"#;

#[tokio::test]
async fn an_address_has_so_many_connections_and_no_more_wherever_its_proxy_says_it_is() {
    let limits = format!("{BEHIND_A_PROXY}max-connections-per-address = 2");
    let gateway = Setup::new().listener(&limits).start().await;
    let (one, _, first) = as_client(&gateway, "198.51.100.7").await;
    let (two, _, _second) = as_client(&gateway, "198.51.100.7").await;
    let (three, head, _) = as_client(&gateway, "198.51.100.7").await;
    assert_eq!((one, two, three), (101, 101, 429));
    assert!(head.contains("retry-after: 5\r\n"), "{head}");
    // The first in the header is what anybody may write; it did not count.
    assert_eq!(as_client(&gateway, "203.0.113.9").await.0, 101);
    let (six, _, _six) = as_client(&gateway, "2001:db8:1:2::1").await;
    let (seven, _, _seven) = as_client(&gateway, "2001:db8:1:2:ffff::2").await;
    let (eight, _, _) = as_client(&gateway, "2001:db8:1:2:3:4:5:6").await;
    let (nine, _, _) = as_client(&gateway, "2001:db8:1:3::1").await;
    assert_eq!(
        (six, seven, eight, nine),
        (101, 101, 429, 101),
        "an IPv6 network is one"
    );
    drop(first);
    let room = || async { (as_client(&gateway, "198.51.100.7").await.0 == 101).then_some(()) };
    wait::until("there is room again", room).await;
    let listed = || async {
        let listed = gateway
            .admin()
            .json("/api/v1/connections")
            .await
            .to_string();
        listed.contains("\"2001:db8:1:2::1\"").then_some(())
    };
    wait::until("the client's address is shown", listed).await;
    let label = ["reason=\"max-connections-per-address\""];
    assert!(
        gateway
            .admin()
            .metric("hearthgate_connections_refused_total", &label)
            .await
            >= 2.0
    );
    let counted = gateway
        .admin()
        .metric(
            "hearthgate_limits_reached_total",
            &["max-connections-per-address", "dry_run=\"false\""],
        )
        .await;
    assert!(counted >= 2.0, "{counted}");
}

#[tokio::test]
async fn an_address_knocks_so_often_and_others_are_let_in() {
    let limits = format!("{BEHIND_A_PROXY}handshakes-per-second = 3");
    let gateway = Setup::new().listener(&limits).start().await;
    let mut statuses = Vec::new();
    for _ in 0..8 {
        statuses.push(as_client(&gateway, "198.51.100.7").await.0);
    }
    assert_eq!(statuses[..3], [101; 3], "a burst passes");
    assert!(statuses.contains(&429), "{statuses:?}");
    assert_eq!(as_client(&gateway, "198.51.100.8").await.0, 101);
    let again = || async { (as_client(&gateway, "198.51.100.7").await.0 == 101).then_some(()) };
    wait::until("it may knock again", again).await;
}

#[tokio::test]
async fn a_limit_that_is_tried_out_counts_and_lets_everybody_in() {
    let limits = format!(
        "{BEHIND_A_PROXY}max-connections = 1\nmax-connections-per-address = 1\nhandshakes-per-second = 1\n\
         max-subscriptions = 1\nmessages-per-second = 1\nmax-message = \"64B\"\n\
         dry-run = [\"max-connections\", \"max-connections-per-address\", \"handshakes-per-second\", \"max-subscriptions\", \"messages-per-second\", \"max-message\"]"
    );
    let gateway = Setup::new().listener(&limits).start().await;
    let mut clients = Vec::new();
    for _ in 0..3 {
        clients.push(gateway.client().await);
    }
    let client = &mut clients[0];
    for topic in ["a", "b", "c"] {
        client.watch(&[topic]).await;
    }
    let long = "x".repeat(500);
    for _ in 0..20 {
        assert_eq!(
            client.command("ping", json!(long)).await["data"],
            json!(long)
        );
    }
    for limit in [
        "max-connections",
        "max-connections-per-address",
        "handshakes-per-second",
        "max-subscriptions",
        "messages-per-second",
        "max-message",
    ] {
        let label = format!("limit=\"{limit}\"");
        let counted = gateway
            .admin()
            .metric(
                "hearthgate_limits_reached_total",
                &[&label, "dry_run=\"true\""],
            )
            .await;
        assert!(counted >= 2.0, "{limit}: {counted}");
        let held = gateway
            .admin()
            .metric(
                "hearthgate_limits_reached_total",
                &[&label, "dry_run=\"false\""],
            )
            .await;
        assert_eq!(held, 0.0, "{limit}");
    }
    client.send_text("x".repeat(64 * 16 + 1)).await;
    assert_eq!(
        client.closed().await.code,
        Some(1009),
        "there is a bound all the same"
    );
}

#[tokio::test]
async fn who_sends_more_bytes_than_it_may_is_read_more_slowly_and_loses_nothing() {
    let listener = "routes = [{ path = \"/ws\", dialect = \"native\" }]\n[listener.limits]\nbytes-per-second = \"200KiB\"\nmessages-per-second = 1000";
    let gateway = Setup::new().listener(listener).start().await;
    let mut client = gateway.client().await;
    let data = json!("x".repeat(50_000));
    let begun = tokio::time::Instant::now();
    for _ in 0..12 {
        assert_eq!(client.command("ping", data.clone()).await["data"], data);
    }
    // 600 kB, of which 200 KiB are the burst: the rest can't have passed in less.
    assert!(
        begun.elapsed() >= std::time::Duration::from_millis(1500),
        "{:?}",
        begun.elapsed()
    );
    let counted = gateway
        .admin()
        .metric("hearthgate_limits_reached_total", &["bytes-per-second"])
        .await;
    assert!(counted >= 1.0);
}

#[tokio::test]
async fn a_proxy_says_in_its_own_protocol_for_whom_it_asks() {
    let listener = "routes = [{ path = \"/ws\", dialect = \"native\" }]\ntrusted-proxies = [\"127.0.0.0/8\"]\nproxy-protocol = true\nforwarded = \"none\"";
    let gateway = Setup::new().listener(listener).start().await;
    let mut v2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
    v2.extend([198, 51, 100, 8, 192, 0, 2, 2, 0x12, 0x67, 1, 0xbb]);
    let headers: [&[u8]; 3] = [
        b"PROXY TCP4 198.51.100.7 192.0.2.2 4711 443\r\n",
        &v2,
        b"PROXY UNKNOWN\r\n",
    ];
    let mut open = Vec::new();
    for header in headers {
        let mut raw = Raw::connect(gateway.address()).await;
        raw.write(&[header, handshake("/ws").as_bytes()].concat())
            .await;
        assert!(raw.head().await.starts_with("HTTP/1.1 101"));
        open.push(raw);
    }
    let listed = || async {
        let listed = gateway
            .admin()
            .json("/api/v1/connections")
            .await
            .to_string();
        let all = ["198.51.100.7:4711", "198.51.100.8:4711", "127.0.0.1:"];
        all.iter()
            .all(|address| listed.contains(address))
            .then_some(())
    };
    wait::until("each is listed with its client's address", listed).await;
    let mut without = Raw::connect(gateway.address()).await;
    without.write(handshake("/ws").as_bytes()).await;
    assert_eq!(
        without.rest().await,
        [0; 0],
        "it is closed without an answer"
    );
    let failed = gateway
        .admin()
        .metric("hearthgate_handshakes_failed_total", &["proxy"])
        .await;
    assert_eq!(failed, 1.0);
}
