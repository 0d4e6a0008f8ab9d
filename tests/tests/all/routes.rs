//! HTTP requests that plugins answer.

use hearthgate_tests::{Admin, Setup};
use hyper::Method;
use serde_json::json;

const PARROT: &str = r#"
[handlers.polly]
plugin = "parrot"
config = { prefix = "aye" }
grants = { handle = ["parrot", "parrot.refuse", "parrot.trap", "parrot.loop"] }
"#;

#[tokio::test]
async fn a_plugin_answers_below_its_path() {
    let routes = r#"routes = [{ path = "/ws", dialect = "native" }, { path = "/api/{*rest}", plugin = "polly" }]
max-body = "1KiB""#;
    let gateway = Setup::new()
        .listener(routes)
        .plugin("parrot")
        .toml(PARROT)
        .start()
        .await;
    gateway.in_state("polly", "running").await;
    let public = Admin::new(gateway.address());
    let answer = public
        .ask(
            Method::PUT,
            "/api/rooms/hall?a=1&a=2&b=%20",
            Some("the body".into()),
        )
        .await;
    let heard = answer.json();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(
        (&heard["method"], &heard["path"], &heard["body"]),
        (&json!("PUT"), &json!("/api/rooms/hall"), &json!("the body"))
    );
    assert_eq!(heard["query"], json!([["a", "1"], ["a", "2"], ["b", " "]]));
    assert_eq!(heard["address"], "127.0.0.1");
    assert_eq!(public.get("/api/x?status=418").await.status, 418);
    assert_eq!(
        public
            .ask(Method::POST, "/api/x", Some("x".repeat(1025)))
            .await
            .status,
        413
    );
    assert_eq!(public.get("/elsewhere").await.status, 404);
    gateway.client().await;
}

#[tokio::test]
async fn credentials_are_not_handed_to_a_plugin() {
    use hearthgate_tests::raw::Raw;
    let routes = r#"routes = [{ path = "/api", plugin = "polly", authentication = "lenient" }]"#;
    let gateway = Setup::new()
        .listener(routes)
        .plugin("parrot")
        .toml(PARROT)
        .start()
        .await;
    gateway.in_state("polly", "running").await;
    let mut raw = Raw::connect(gateway.address()).await;
    raw.write(b"GET /api HTTP/1.1\r\nHost: localhost\r\nX-Other: kept\r\nAuthorization: Bearer canary\r\nCookie: canary\r\nConnection: close\r\n\r\n").await;
    let answer = String::from_utf8_lossy(&raw.rest().await).into_owned();
    assert!(answer.contains("kept"), "{answer}");
    assert!(!answer.contains("canary"), "{answer}");
}
