//! The server: its demo home in a folder of its own, with a user and a token.

use crate::part;
use futures_util::{SinkExt, StreamExt};
use hearthgate_tests::{Admin, wait};
use hyper::Method;
use serde_json::{Value, json};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio_tungstenite::tungstenite::Message;

/// It takes ten seconds on an idle machine, and far longer on a busy one.
const PATIENCE: Duration = Duration::from_secs(240);
const USER: &str = "tester";
const PASSWORD: &str = "a-password-of-the-test";

/// A home that is the same each time, but for what the test removes.
const HOME: &str = r#"
api:
websocket_api:
auth:
config:
demo:
automation:
  - id: by_hand
    alias: By hand
    triggers:
      - trigger: state
        entity_id: light.kitchen_lights
    actions: []
scene:
  - name: Evening
    entities:
      light.bed_light: "on"
"#;

/// A scene that a restart removes. (Without an id it is in no registry, so that nothing restores it as unavailable.)
const TEMPORARY: &str = "  - name: Temporary\n    entities:\n      light.bed_light: \"off\"\n";

/// A running Home Assistant; it is killed when it is dropped.
pub struct Server {
    folder: TempDir,
    address: SocketAddr,
    process: Child,
}

impl Server {
    /// Makes a home and starts it.
    pub async fn start() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let address = free.expect("there is a free port");
        write(folder.path(), address, TEMPORARY);
        // The folder is the script's argument; before it, it would be ignored.
        let added = hass(&["--script", "auth", "--config"], folder.path())
            .args(["add", USER, PASSWORD])
            .status();
        assert!(
            added.await.expect("hass starts").success(),
            "the user was not added"
        );
        let process = run(folder.path());
        let mut server = Self {
            folder,
            address,
            process,
        };
        server.up().await;
        server
    }

    /// The URL of its API.
    pub fn url(&self) -> String {
        format!("ws://{}/api/websocket", self.address)
    }

    /// Starts it again after it was killed, with this in its configuration.
    pub async fn restart(&mut self, extra: &str) {
        write(self.folder.path(), self.address, extra);
        self.process = run(self.folder.path());
        self.up().await;
    }

    /// Kills it, as a power cut would.
    pub async fn kill(&mut self) {
        self.process.kill().await.expect("it runs");
    }

    async fn up(&mut self) {
        let listens = async {
            let mut ticks = tokio::time::interval(Duration::from_millis(100));
            while tokio::net::TcpStream::connect(self.address).await.is_err() {
                let ended = self.process.try_wait().expect("a child can be asked");
                assert!(ended.is_none(), "hass ended: {ended:?}");
                ticks.tick().await;
            }
        };
        let up = tokio::time::timeout(PATIENCE, listens).await;
        up.unwrap_or_else(|_| panic!("hass does not listen within {PATIENCE:?}"));
    }

    /// A long-lived token, as a user makes one, that outlives a power cut.
    pub async fn token(&self) -> String {
        let short = self.log_in().await;
        let (mut socket, _) = tokio_tungstenite::connect_async(self.url())
            .await
            .expect("it listens");
        let mut ask = async |request: Value| -> Value {
            socket
                .send(Message::text(request.to_string()))
                .await
                .expect("it is open");
            loop {
                let text = wait::soon("hass answers", socket.next()).await;
                let text = text.expect("an answer").expect("an answer");
                let answer: Value =
                    serde_json::from_str(text.to_text().expect("text")).expect("JSON");
                if answer["type"] != "auth_required" {
                    return answer;
                }
            }
        };
        let answer = ask(json!({"type": "auth", "access_token": short})).await;
        assert_eq!(answer["type"], "auth_ok", "{answer}");
        let request = json!({"id": 1, "type": "auth/long_lived_access_token", "client_name": "hearthgate", "lifespan": 365});
        let answer = ask(request).await;
        let store = self.folder.path().join(".storage/auth");
        wait::until("the token is stored", || async {
            let text = std::fs::read_to_string(&store).unwrap_or_default();
            text.contains("\"client_name\": \"hearthgate\"")
                .then_some(())
        })
        .await;
        answer["result"]
            .as_str()
            .unwrap_or_else(|| panic!("no token: {answer}"))
            .to_owned()
    }

    /// The login flow: user and password for a token of half an hour.
    async fn log_in(&self) -> String {
        let http = Admin::new(self.address);
        let client = format!("http://{}/", self.address);
        let flow = json!({"client_id": client, "redirect_uri": client, "handler": ["homeassistant", null]});
        let flow = http.post("/auth/login_flow", &flow).await.json();
        let path = format!(
            "/auth/login_flow/{}",
            flow["flow_id"].as_str().expect("a flow")
        );
        let login = json!({"client_id": client, "username": USER, "password": PASSWORD});
        let code = http.post(&path, &login).await.json()["result"]
            .as_str()
            .expect("a code")
            .to_owned();
        let form = format!("grant_type=authorization_code&code={code}&client_id={client}");
        let kind = ("content-type", "application/x-www-form-urlencoded");
        let token = http
            .ask_with(Method::POST, "/auth/token", &[kind], Some(form))
            .await
            .json();
        token["access_token"]
            .as_str()
            .unwrap_or_else(|| panic!("no token: {token}"))
            .to_owned()
    }
}

fn write(folder: &Path, address: SocketAddr, extra: &str) {
    let http = format!(
        "http:\n  server_host: 127.0.0.1\n  server_port: {}\n",
        address.port()
    );
    std::fs::write(folder.join("configuration.yaml"), http + HOME + extra)
        .expect("a folder of ours");
}

fn hass(arguments: &[&str], folder: &Path) -> Command {
    let mut command = Command::new(part("HEARTHGATE_HASS"));
    command.args(arguments).arg(folder).kill_on_drop(true);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

fn run(folder: &Path) -> Child {
    hass(&["--config"], folder).spawn().expect("hass starts")
}
