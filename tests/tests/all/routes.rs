//! HTTP requests that plugins answer.

use hearthgate_tests::raw::Raw;
use hearthgate_tests::{Admin, Gateway, Setup, wait};
use hyper::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

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
    let routes = r#"routes = [{ path = "/api", plugin = "polly", authentication = "lenient", query-token = true }]"#;
    let gateway = Setup::new()
        .listener(routes)
        .plugin("parrot")
        .toml(PARROT)
        .start()
        .await;
    gateway.in_state("polly", "running").await;
    let mut raw = Raw::connect(gateway.address()).await;
    raw.write(b"GET /api?a=1&token=canary HTTP/1.1\r\nHost: localhost\r\nX-Other: kept\r\nAuthorization: Bearer canary\r\nCookie: canary\r\nSec-WebSocket-Protocol: bearer.canary\r\nConnection: close\r\n\r\n").await;
    let answer = String::from_utf8_lossy(&raw.rest().await).into_owned();
    assert!(answer.contains("kept"), "{answer}");
    assert!(!answer.contains("canary"), "{answer}");
}

/// A route whose one guest waits for a server that the test plays.
struct Waits {
    gateway: Gateway,
    server: TcpListener,
}

impl Waits {
    async fn start() -> Self {
        let server = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", server.local_addr().expect("bound"));
        let instance = format!(
            "[handlers.polly]\nplugin = \"parrot\"\nconfig = {{ connect = [\"{url}\"] }}\n\
             grants = {{ publish = [\"test/#\"], connect = [\"{url}\"] }}\n\
             limits = {{ instances = 1, mailbox = 8, call-timeout = \"25s\" }}\n"
        );
        let routes = r#"routes = [{ path = "/ws", dialect = "native" }, { path = "/api", plugin = "polly" }]"#;
        let setup = Setup::new().listener(routes).plugin("parrot");
        let gateway = setup.toml(&instance).start().await;
        gateway.in_state("polly", "running").await;
        Self { gateway, server }
    }

    /// Asks the route; the second is the guest's own request, by which it is known to be at work.
    async fn ask(&self) -> (Raw, TcpStream) {
        let url = format!("http://{}", self.server.local_addr().expect("bound"));
        let mut raw = Raw::connect(self.gateway.address()).await;
        let head = format!("GET /api?fetch={url}/ HTTP/1.1\r\nHost: localhost\r\n\r\n");
        raw.write(head.as_bytes()).await;
        let asked = wait::soon("the guest's request", self.server.accept()).await;
        (raw, asked.expect("a connection").0)
    }
}

async fn answer(mut asked: TcpStream) {
    let mut head = [0; 1024];
    let read = wait::soon("the guest's request", asked.read(&mut head)).await;
    assert!(read.is_ok_and(|bytes| bytes > 0));
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    asked.write_all(answer).await.expect("the guest listens");
}

#[tokio::test]
async fn who_hangs_up_while_waiting_takes_no_place() {
    let waits = Waits::start().await;
    let (_slow, asked) = waits.ask().await;
    // More than there is room for: one that hangs up before it was looked at takes no place in any case.
    for _ in 0..64 {
        let mut raw = Raw::connect(waits.gateway.address()).await;
        raw.write(b"GET /api HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .await;
        raw.shut().await.expect("it is open");
        // Read to the end: the gateway has let it go.
        raw.rest().await;
    }
    answer(asked).await;
    let public = Admin::new(waits.gateway.address());
    let told = public.get("/api").await;
    assert_eq!(told.status, 200, "{}", told.text());
}

#[tokio::test]
async fn what_a_plugin_has_begun_goes_on_when_its_client_hangs_up() {
    let waits = Waits::start().await;
    let mut client = waits.gateway.client().await;
    client.watch(&["test/#"]).await;
    let (mut raw, asked) = waits.ask().await;
    raw.shut().await.expect("it is open");
    raw.rest().await;
    answer(asked).await;
    let told = client.next_of("test.parrot").await;
    assert_eq!(told["data"], json!({"fetched": true}), "{told}");
}
