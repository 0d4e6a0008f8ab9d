//! A whole gateway in this process, while its configuration changes: listeners come and go, clients stay; what is
//! wrong changes nothing; and `/metrics` explains every figure.

use futures_util::{SinkExt, StreamExt};
use hearthgate::admin::ReloadReport;
use hearthgate::config::Loaded;
use hearthgate::gateway::{ConfigFile, Gateway, StartOptions};
use http_body_util::{BodyExt, Empty};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::{WebSocketStream, client_async};
use tungstenite::Message;

const PATIENCE: Duration = Duration::from_secs(20);

struct Operated {
    gateway: Gateway,
    file: PathBuf,
    _folder: tempfile::TempDir,
}

impl Operated {
    async fn start(text: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("plugins")).expect("a folder");
        let file = folder.path().join("gate.toml");
        std::fs::write(&file, text).expect("written");
        let loaded = Loaded::file(&file, &[]).expect("a valid configuration");
        let options = StartOptions {
            file: Some(ConfigFile {
                path: file.clone(),
                environment: Vec::new(),
                text: text.to_owned(),
            }),
            logs: None,
        };
        let gateway = Gateway::start(loaded.config, options).await;
        Self {
            gateway: gateway.expect("a gateway"),
            file,
            _folder: folder,
        }
    }

    /// Writes the file anew and reloads it. The watch on the file may have been faster; the outcome is the same.
    async fn reload(&self, text: &str) -> ReloadReport {
        std::fs::write(&self.file, text).expect("written");
        let report = self.gateway.reload_file("test").await;
        report.expect("it is not stopping")
    }

    fn admin(&self) -> SocketAddr {
        self.gateway.admin_address().expect("the admin API is on")
    }
}

fn config(listeners: &[(u16, &str)], more: &str) -> String {
    let listener = |(port, path): &(u16, &str)| {
        format!(
            "[[listener]]\naddress = \"127.0.0.1:{port}\"\nroutes = [{{ path = \"{path}\", dialect = \"native\" }}]\n"
        )
    };
    let listeners: String = listeners.iter().map(listener).collect();
    format!(
        "{listeners}[admin]\naddress = \"127.0.0.1:0\"\n[plugins]\ndirectory = \"plugins\"\nstate-directory = \"state\"\n{more}"
    )
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback");
    socket.local_addr().expect("an address").port()
}

async fn get(address: SocketAddr, path: &str) -> Response<String> {
    let stream = TcpStream::connect(address).await.expect("it listens");
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .expect("it speaks HTTP");
    tokio::spawn(connection);
    let request = Request::get(path)
        .header("host", address.to_string())
        .body(Empty::<bytes::Bytes>::new());
    let answer = sender.send_request(request.expect("a request")).await;
    let (head, body) = answer.expect("an answer").into_parts();
    let body = body.collect().await.expect("a body").to_bytes();
    Response::from_parts(head, String::from_utf8_lossy(&body).into_owned())
}

struct Client(WebSocketStream<TcpStream>);

impl Client {
    async fn connect(address: SocketAddr, path: &str) -> Self {
        let stream = TcpStream::connect(address).await.expect("it listens");
        let url = format!("ws://{address}{path}");
        let (socket, _) = client_async(url, stream).await.expect("a handshake");
        let mut client = Self(socket);
        client.until("welcome").await;
        client
    }

    async fn until(&mut self, kind: &str) -> Value {
        let wanted = async {
            loop {
                let message = self.0.next().await.expect("it stays open");
                let Message::Text(text) = message.expect("a frame") else {
                    continue;
                };
                let value: Value = serde_json::from_str(&text).expect("JSON");
                if value["type"] == kind {
                    return value;
                }
            }
        };
        let found = tokio::time::timeout(PATIENCE, wanted).await;
        found.unwrap_or_else(|_| panic!("{kind} did not come"))
    }

    async fn assert_served(&mut self) {
        let ping = json!({ "type": "ping", "id": "1" }).to_string();
        self.0.send(Message::text(ping)).await.expect("sent");
        self.until("pong").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn listeners_and_routes_change_and_no_client_notices() {
    let (first, second) = (free_port(), free_port());
    let operated = Operated::start(&config(&[(first, "/ws")], "")).await;
    let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
    let mut early = Client::connect(at(first), "/ws").await;

    let report = operated
        .reload(&config(&[(first, "/moved"), (second, "/ws")], ""))
        .await;
    assert!(report.problems.is_empty(), "{report:?}");
    assert_eq!(operated.gateway.addresses(), [at(first), at(second)]);
    early.assert_served().await;
    assert_eq!(get(at(first), "/ws").await.status(), 404);
    let mut moved = Client::connect(at(first), "/moved").await;
    let mut late = Client::connect(at(second), "/ws").await;

    operated.reload(&config(&[(second, "/ws")], "")).await;
    assert_eq!(operated.gateway.addresses(), [at(second)]);
    for client in [&mut early, &mut moved, &mut late] {
        client.assert_served().await;
    }
    let refused = TcpStream::connect(at(first)).await;
    assert!(refused.is_err(), "the first listener is closed");
    drop((early, moved, late));
    operated.gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_changes_nothing() {
    let port = free_port();
    let right = config(&[(port, "/ws")], "[sources.late]\nplugin = \"late\"\n");
    let operated = Operated::start(&right).await;
    let before = operated.gateway.addresses();
    let mut client = Client::connect(before[0], "/ws").await;
    let other = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback");
    let taken = other.local_addr().expect("an address").port();
    for (wrong, said) in [
        (String::new(), "the file is empty"),
        (
            format!("{right}\nbogus = 1"),
            "sources.late.bogus: unknown key",
        ),
        (
            format!("{right}[sources.new]\nplugin = \"new\""),
            "there is no plugin \"new\"",
        ),
        (
            config(&[(port, "/ws"), (taken, "/ws")], ""),
            "listener[1].address: can't listen on",
        ),
    ] {
        let report = operated.reload(&wrong).await;
        let problems = report.problems.join("\n");
        assert!(problems.contains(said), "{said}: {problems}");
        assert!(problems.contains("gate.toml"), "{problems}");
        assert_eq!(operated.gateway.addresses(), before);
        client.assert_served().await;
    }
    drop(other);
    // A plugin that was missing before holds up no change of anything else.
    let more = "[sources.late]\nplugin = \"late\"\n[connections]\nmax-connections = 7\n";
    let report = operated.reload(&config(&[(port, "/ws")], more)).await;
    assert!(report.problems.is_empty(), "{report:?}");
    drop(client);
    operated.gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_metric_that_is_exposed_has_help_and_a_type() {
    let operated = Operated::start(&config(&[(0, "/ws")], "")).await;
    let mut client = Client::connect(operated.gateway.addresses()[0], "/ws").await;
    client.assert_served().await;
    let text = get(operated.admin(), "/metrics").await.into_body();
    let mut told: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        match (words.next(), words.next(), words.next()) {
            (Some("#"), Some("HELP"), Some(name)) => told.entry(name).or_default().0 += 1,
            (Some("#"), Some("TYPE"), Some(name)) => told.entry(name).or_default().1 += 1,
            (Some(series), Some(value), _) => {
                let name = series.split('{').next().unwrap_or_default();
                let parts = ["_bucket", "_sum", "_count"];
                let whole = parts.iter().find_map(|p| name.strip_suffix(p));
                let known = [Some(name), whole].into_iter().flatten();
                let known = known.filter(|name| told.get(name) == Some(&(1, 1)));
                assert_eq!(known.count(), 1, "{line}");
                assert!(value.parse::<f64>().is_ok(), "{line}");
            }
            _ => {}
        }
    }
    assert!(told.contains_key("hearthgate_connections_open"), "{text}");
    assert!(told.contains_key("process_open_fds"), "{text}");
    drop(client);
    operated.gateway.stop().await;
}
