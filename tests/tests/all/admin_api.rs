//! The admin API, as operators and their tools use it.

use hearthgate_tests::Setup;
use hearthgate_tests::raw::Raw;
use hyper::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn health_metrics_and_stats() {
    let gateway = Setup::new().start().await;
    let admin = gateway.admin();
    let mut client = gateway.client().await;
    client.watch(&["test/#"]).await;
    admin.emit("test/a", json!(1)).await;
    client.next_on("test/a").await;
    assert_eq!(admin.get("/livez").await.status, 200);
    assert_eq!(admin.json("/readyz").await["ready"], true);
    let stats = admin.json("/api/v1/stats").await;
    assert_eq!(
        (&stats["connections"], &stats["subscriptions"]),
        (&json!(1), &json!(1)),
        "{stats}"
    );
    assert!(
        stats["seq"].as_u64() >= Some(1) && stats["version"].is_string(),
        "{stats}"
    );
    let connections = admin.json("/api/v1/connections").await;
    assert_eq!(connections["total"], 1, "{connections}");
    assert!(
        connections
            .to_string()
            .contains(client.welcome["client_id"].as_str().expect("an id")),
        "{connections}"
    );
    assert_eq!(admin.metric("hearthgate_connections_open", &[]).await, 1.0);
    assert!(admin.metric("hearthgate_deliveries_total", &[]).await >= 1.0);
    assert!(
        admin
            .get("/metrics")
            .await
            .text()
            .contains("# TYPE hearthgate_connections_open gauge")
    );
}

#[tokio::test]
async fn what_can_not_be_published_is_refused_with_the_field() {
    let gateway = Setup::new().start().await;
    let admin = gateway.admin();
    for (event, status, said) in [
        (json!({"kind": "test.event", "topic": "a"}), 400, "data"),
        (
            json!({"kind": "nodot", "topic": "a", "data": 1}),
            400,
            "kind",
        ),
        (
            json!({"kind": "test.event", "topic": "a/+", "data": 1}),
            400,
            "topic",
        ),
        (
            json!({"kind": "test.event", "topic": "", "data": 1}),
            400,
            "topic",
        ),
        (
            json!({"kind": "test.event", "topic": "a", "data": 1, "colour": 2}),
            400,
            "colour",
        ),
        (
            json!({"kind": "notification.sent", "topic": "notification/a", "data": {"title": 7}}),
            400,
            "notification.sent",
        ),
        (
            json!({"kind": "gateway.made_up", "topic": "a", "data": 1}),
            403,
            "gateway",
        ),
        (
            json!({"kind": "test.event", "topic": "gateway/plugin/x", "data": 1}),
            403,
            "gateway",
        ),
        (
            json!({"kind": "test.event", "topic": "a", "data": "x".repeat(1_200_000)}),
            413,
            "",
        ),
    ] {
        let answer = admin.post("/api/v1/events", &event).await;
        assert_eq!(answer.status, status, "{}", answer.text());
        assert!(answer.text().contains(said), "{said}: {}", answer.text());
    }
    assert_eq!(
        admin.json("/api/v1/stats").await["seq"],
        0,
        "nothing was accepted"
    );
}

#[tokio::test]
async fn requests_can_be_kept_alive_and_pipelined() {
    let gateway = Setup::new().start().await;
    let mut raw = Raw::connect(gateway.admin_address()).await;
    let body = r#"{"kind":"test.event","topic":"a","data":1}"#;
    let post = format!(
        "POST /api/v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    // Three at once, and a fourth on the same connection when their answers are here.
    raw.write(post.repeat(3).as_bytes()).await;
    for expected in 1..=4_u64 {
        if expected == 4 {
            raw.write(post.as_bytes()).await;
        }
        let head = raw.head().await.to_lowercase();
        assert!(head.starts_with("http/1.1 200"), "{head}");
        let length = head
            .split("content-length: ")
            .nth(1)
            .and_then(|rest| rest.split("\r\n").next()?.parse().ok())
            .expect("a length");
        let answer: Value = serde_json::from_slice(&raw.read_exact(length).await).expect("JSON");
        assert_eq!(answer["seq"], expected);
    }
}

#[tokio::test]
async fn the_openapi_document_names_every_route() {
    let gateway = Setup::new().start().await;
    let document = gateway.admin().json("/api/v1/openapi.json").await;
    assert!(
        document["openapi"]
            .as_str()
            .is_some_and(|version| version.starts_with("3."))
    );
    let paths = document["paths"].as_object().expect("paths");
    let routes = [
        ("/livez", "get"),
        ("/readyz", "get"),
        ("/metrics", "get"),
        ("/api/v1/stats", "get"),
        ("/api/v1/connections", "get"),
        ("/api/v1/plugins", "get"),
        ("/api/v1/plugins/{instance}/reload", "post"),
        ("/api/v1/events", "post"),
        ("/api/v1/openapi.json", "get"),
    ];
    for (path, method) in routes {
        assert!(
            paths
                .get(path)
                .is_some_and(|path| path.get(method).is_some()),
            "{method} {path}"
        );
    }
    for (path, operations) in paths {
        for method in operations.as_object().expect("operations").keys() {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).expect("a method");
            let status = gateway
                .admin()
                .ask(method.clone(), &path.replace("{instance}", "nobody"), None)
                .await;
            assert!(
                status.status != 405 && !status.text().contains("nothing is served"),
                "{method} {path}: {}",
                status.text()
            );
        }
    }
}

#[tokio::test]
async fn a_browser_on_another_site_is_refused() {
    let gateway = Setup::new().start().await;
    let mut raw = Raw::connect(gateway.admin_address()).await;
    raw.write(b"GET /api/v1/stats HTTP/1.1\r\nHost: evil.example\r\n\r\n")
        .await;
    assert!(raw.head().await.starts_with("HTTP/1.1 403"));
    let mut raw = Raw::connect(gateway.admin_address()).await;
    raw.write(
        b"GET /api/v1/stats HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example\r\n\r\n",
    )
    .await;
    assert!(raw.head().await.starts_with("HTTP/1.1 403"));
    assert_eq!(gateway.admin().get("/no/such").await.status, 404);
    assert_eq!(
        gateway
            .admin()
            .ask(Method::DELETE, "/api/v1/plugins", None)
            .await
            .status,
        405
    );
}
