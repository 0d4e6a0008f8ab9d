//! Where a plugin may connect: nowhere that its grants don't name.

use hearthgate_tests::peers::{HttpPeer, TcpPeer};
use hearthgate_tests::{Client, Gateway, Setup, Witness};
use serde_json::{Value, json};

async fn start(granted: &[String], requested: &[String]) -> Gateway {
    let source = format!(
        "[sources.all]\nplugin = \"allround\"\nconfig = {{ connect = {} }}\ngrants = {{ handle = [\"do\"], publish = [\"#\"], connect = {} }}\n",
        json!(requested),
        json!(granted)
    );
    let gateway = Setup::new()
        .with_witness()
        .plugin("allround")
        .toml(&source)
        .start()
        .await;
    gateway.in_state("all", "running").await;
    gateway
}

async fn perform(client: &mut Client, task: Value) -> Value {
    let reply = client.command("do", task).await;
    assert_eq!(reply["type"], "reply", "{reply}");
    reply["data"].clone()
}

#[tokio::test]
async fn what_is_granted_works_and_all_else_is_denied() {
    let mut peer = HttpPeer::start(|_| hyper::Response::new("hello".into())).await;
    let stranger = TcpPeer::start().await;
    let granted = vec![peer.url("")];
    let gateway = start(&granted, &granted).await;
    let mut client = gateway.client().await;
    let fetched = perform(
        &mut client,
        json!({"call": "http.fetch", "url": peer.url("/path")}),
    )
    .await;
    assert_eq!(fetched["ok"]["status"], 200, "{fetched}");
    assert_eq!(peer.next().await.path, "/path");
    let admin = gateway.admin_address();
    for url in [
        format!("http://{}/", stranger.address()),
        format!("http://{admin}/api/v1/plugins"),
        "http://169.254.169.254/latest/meta-data/".into(),
        "http://127.1/".into(),
        "http://[::1]/".into(),
        "http://2130706433/".into(),
        "http://0.0.0.0/".into(),
        "https://example.org/".into(),
        "file:///etc/passwd".into(),
    ] {
        let denied = perform(&mut client, json!({"call": "http.fetch", "url": url})).await;
        assert!(denied["error"].is_string(), "{url}: {denied}");
    }
    let tcp = perform(
        &mut client,
        json!({"call": "tcp.connect", "host": "127.0.0.1", "port": stranger.address().port()}),
    )
    .await;
    assert!(tcp["error"].is_string(), "{tcp}");
    assert!(
        gateway
            .admin()
            .metric("hearthgate_guest_denied_total", &["all"])
            .await
            >= 1.0
    );
    assert!(peer.waiting().is_none(), "nothing else reached the peer");
}

#[tokio::test]
async fn without_a_grant_there_is_no_network() {
    let wanted = vec!["http://127.0.0.1:1".to_owned()];
    let gateway = start(&[], &wanted).await;
    let mut client = gateway.client().await;
    let url = format!("http://{}/livez", gateway.admin_address());
    for call in [
        json!({"call": "http.fetch", "url": url}),
        json!({"call": "websocket.open", "url": format!("ws://{}/ws", gateway.address())}),
    ] {
        let denied = perform(&mut client, call).await;
        assert!(denied["error"].is_string(), "{denied}");
    }
    Witness::of(&gateway).await.unharmed().await;
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let mut inside = HttpPeer::start(|_| hyper::Response::new("secret".into())).await;
    let target = inside.url("/");
    let outside = HttpPeer::start(move |_| {
        hyper::Response::builder()
            .status(302)
            .header("location", target.as_str())
            .body("".into())
            .expect("a response")
    })
    .await;
    let granted = vec![outside.url("")];
    let gateway = start(&granted, &granted).await;
    let mut client = gateway.client().await;
    let answer = perform(
        &mut client,
        json!({"call": "http.fetch", "url": outside.url("/")}),
    )
    .await;
    assert_eq!(answer["ok"]["status"], 302, "{answer}");
    assert!(inside.waiting().is_none());
}

#[tokio::test]
async fn a_secret_reaches_the_peer_and_nobody_else() {
    const CANARY: &str = "canary-5f1c2e";
    let mut peer = HttpPeer::start(|_| hyper::Response::new("ok".into())).await;
    let url = peer.url("/");
    let source = format!(
        "[sources.all]\nplugin = \"allround\"\nconfig = {{ connect = [\"{url}\"] }}\nsecrets = {{ token = {{ env = \"THE_TOKEN\" }} }}\ngrants = {{ handle = [\"do\"], connect = [\"{url}\"] }}\n"
    );
    let gateway = Setup::new()
        .plugin("allround")
        .toml(&source)
        .variable("THE_TOKEN", CANARY)
        .log("info,hearthgate=trace")
        .start()
        .await;
    gateway.in_state("all", "running").await;
    let mut client = gateway.client().await;
    let answer = perform(
        &mut client,
        json!({"call": "http.fetch", "url": url, "header": ["authorization", "Bearer ${token}"]}),
    )
    .await;
    assert_eq!(answer["ok"]["status"], 200, "{answer}");
    assert_eq!(
        peer.next().await.headers["authorization"],
        format!("Bearer {CANARY}")
    );
    let revealed = perform(
        &mut client,
        json!({"call": "secrets.reveal", "name": "token"}),
    )
    .await;
    assert!(
        revealed["error"].is_string(),
        "not granted to be revealed: {revealed}"
    );
    for path in [
        "/api/v1/plugins",
        "/api/v1/stats",
        "/metrics",
        "/api/v1/config",
    ] {
        assert!(
            !gateway.admin().get(path).await.text().contains(CANARY),
            "{path}"
        );
    }
    assert!(!gateway.journal.text().contains(CANARY), "the log");
}

#[tokio::test]
async fn a_listener_that_a_reload_adds_is_the_gateway_too() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback");
    let later = free.local_addr().expect("an address");
    drop(free);
    let granted = vec![format!("http://{later}")];
    let gateway = start(&granted, &granted).await;
    let mut client = gateway.client().await;
    let fetch = json!({"call": "http.fetch", "url": format!("http://{later}/")});
    let is_own = |answer: &Value| answer["error"].to_string().contains("the gateway itself");
    let nobody = perform(&mut client, fetch.clone()).await;
    assert!(
        nobody["error"].is_string() && !is_own(&nobody),
        "nobody listens there yet: {nobody}"
    );
    gateway.configure(|text| {
        format!("[[listener]]\naddress = \"{later}\"\nroutes = [{{ path = \"/ws\", dialect = \"native\" }}]\n{text}")
    });
    let report = gateway
        .admin()
        .post("/api/v1/config/reload", &Value::Null)
        .await;
    assert_eq!(report.status, 200, "{report:?}");
    Client::connect(later, "/ws").await;
    let denied = perform(&mut client, fetch).await;
    assert!(is_own(&denied), "{denied}");
}
