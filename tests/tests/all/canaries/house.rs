//! A gateway that holds every kind of secret there is, and the ears for all that it says.

use super::read_until;
use hearthgate_tests::admin::Answer;
use hearthgate_tests::peers::home_assistant::World;
use hearthgate_tests::peers::{HomeAssistant, HttpPeer, TcpPeer, WebSocketPeer};
use hearthgate_tests::secure::Authority;
use hearthgate_tests::{Admin, Canaries, Gateway, Setup, tokens, wait};
use http_body_util::Full;
use hyper::{Method, Response};
use jsonwebtoken::{EncodingKey, Header};
use serde_json::json;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use tokio::io::AsyncWriteExt;

const CONFIG: &str = include_str!("house.toml");

const TLS: &str = r#"routes = [{ path = "/ws", dialect = "native" }]
[listener.tls]
certificate = "gate.pem"
key = "gate.key"
"#;
/// The last is installed only.
const PLUGINS: &str = "shout homeguard echo-socket home-assistant mqtt allround clock";

/// What is planted.
struct Secrets {
    api_token: String,
    api_hash: String,
    password: String,
    keys: [String; 3],
    token: String,
    home_token: String,
    by_credential: String,
    broker_password: String,
}

/// Whom plugins talk to.
struct Peers {
    web_socket: WebSocketPeer,
    http: HttpPeer,
    tcp: TcpPeer,
    home: HomeAssistant,
}

/// A gateway full of secrets.
pub struct House {
    pub gateway: Gateway,
    pub canaries: Canaries,
    pub folder: PathBuf,
    /// Where clients connect, and where they do over TLS.
    pub plain: SocketAddr,
    pub encrypted: SocketAddr,
    pub authority: Authority,
    secrets: Secrets,
    peers: Peers,
    seen: Vec<(String, String)>,
    text: String,
}

impl Secrets {
    fn plant(canaries: &mut Canaries) -> Self {
        let (api_token, api_hash) = hearthgate::auth::api_tokens::generate();
        canaries.watch("an API token", &api_token);
        let keys = ["file", "environment", "credential"];
        Self {
            api_token: api_token.to_string(),
            api_hash,
            password: canaries.plant("a user's password"),
            keys: keys.map(|from| canaries.plant(&format!("a key from {from}"))),
            token: canaries.plant("a plugin's secret from a file"),
            home_token: canaries.plant("one from the environment"),
            by_credential: canaries.plant("one from systemd"),
            broker_password: canaries.plant("a broker's password"),
        }
    }

    fn write(&self, folder: &Path) {
        std::fs::create_dir(folder.join("credentials")).expect("a new folder");
        for (name, text) in [
            ("one.key", &self.keys[0]),
            ("credentials/three.key", &self.keys[2]),
            ("credentials/token", &self.by_credential),
            ("token.txt", &self.token),
            ("mqtt.txt", &self.broker_password),
        ] {
            std::fs::write(folder.join(name), text).expect("written");
        }
    }
}

impl Peers {
    async fn start(secrets: &Secrets) -> Self {
        Self {
            web_socket: WebSocketPeer::start().await,
            http: HttpPeer::start(|_| Response::new(Full::default())).await,
            tcp: TcpPeer::start().await,
            home: HomeAssistant::start(World::small(&secrets.home_token)).await,
        }
    }

    /// The configuration, with where they are and the hashes of what is planted.
    fn text(&self, secrets: &Secrets) -> String {
        let (home, http) = (self.home.url(), self.http.url(""));
        let password = hearthgate::auth::password::hash(secrets.password.as_bytes());
        let words = [
            ("API_HASH", secrets.api_hash.clone()),
            ("PASSWORD_HASH", password.expect("a hash")),
            ("SOCKET", self.web_socket.url()),
            ("HTTP_HOST", http.trim_end_matches('/').to_owned()),
            ("HTTP_URL", self.http.url("/data")),
            (
                "HOME_HOST",
                home.trim_end_matches("/api/websocket").to_owned(),
            ),
            ("HOME_URL", home),
            ("MQTT", format!("tcp://{}", self.tcp.address())),
        ];
        let fill = |text: String, (word, value): (&str, String)| text.replace(word, &value);
        words.into_iter().fold(CONFIG.to_owned(), fill)
    }
}

impl House {
    pub async fn new() -> Self {
        let mut canaries = Canaries::default();
        let secrets = Secrets::plant(&mut canaries);
        let peers = Peers::start(&secrets).await;
        let mut setup = Setup::new().listener(TLS).log("trace");
        for plugin in PLUGINS.split(' ') {
            setup = setup.plugin(plugin);
        }
        let folder = setup.folder().to_path_buf();
        secrets.write(&folder);
        let authority = Authority::new();
        let signed = authority.sign(None);
        signed.write(&folder.join("gate.pem"), &folder.join("gate.key"));
        let key = std::fs::read_to_string(folder.join("gate.key")).expect("the key");
        let key: String = key.lines().filter(|line| !line.starts_with('-')).collect();
        canaries.watch("the certificate's key", &key);
        let credentials = folder.join("credentials").display().to_string();
        let setup = setup
            .toml(&peers.text(&secrets))
            .variable("CANARY_KEY", &secrets.keys[1])
            .variable("CANARY_HOME", &secrets.home_token)
            .variable("CREDENTIALS_DIRECTORY", &credentials)
            .variable("HEARTHGATE_ADMIN__REQUIRE_TOKEN", "true");
        let text = setup.text();
        let gateway = setup.start().await;
        let [plain, encrypted] = ["ws://", "wss://"].map(|scheme| listening(&gateway, scheme));
        // Users' tokens are signed with what the gateway made for itself.
        let key = std::fs::read_to_string(folder.join("state/auth/signing.key"));
        canaries.watch("the users' signing key", key.expect("it was made").trim());
        let seen = Vec::new();
        Self {
            gateway,
            canaries,
            folder,
            plain,
            encrypted,
            authority,
            secrets,
            peers,
            seen,
            text,
        }
    }

    pub fn api_token(&self) -> String {
        self.secrets.api_token.clone()
    }

    pub fn password(&self) -> String {
        self.secrets.password.clone()
    }

    /// Each secret was put to use: a canary that is never touched shows nothing.
    pub async fn peers_got_their_secrets(&mut self) {
        let admin = self.gateway.admin().with_token(&self.secrets.api_token);
        // Compiling takes long where much else does: as long as one more is done within the patience, all is well.
        for count in 1..PLUGINS.split(' ').count() {
            let compiled = || async {
                let lines = self.gateway.journal.lines();
                let done = lines.iter().filter(|l| l.message == "plugin compiled");
                (done.count() >= count).then_some(())
            };
            wait::until("one more plugin is compiled", compiled).await;
        }
        let mut session = self.peers.web_socket.accept().await;
        let hello = loop {
            match session.next().await {
                Some(text) => break text,
                None => session = self.peers.web_socket.accept().await,
            }
        };
        assert!(hello.contains(&self.secrets.token), "{hello}");
        session.send("not json \u{1} at all").await;
        let asked = self.peers.http.next().await;
        assert!(
            asked.headers["authorization"]
                .to_str()
                .is_ok_and(|h| h.contains(&self.secrets.by_credential))
        );
        let mut broker = self.peers.tcp.accept().await;
        read_until(&mut broker, &self.secrets.broker_password).await;
        broker
            .write_all(b"\xff\xff\xff garbage")
            .await
            .expect("written");
        self.gateway
            .journal
            .line("the wrong token is refused", |line| {
                line.text.contains("stranger") && line.level == "WARN"
            })
            .await;
        let logins = || async { (self.peers.home.logins() > 0).then_some(()) };
        wait::until("a login at Home Assistant", logins).await;
        let header = format!("Bearer {}", self.secrets.api_token);
        let mut client = hearthgate_tests::Client::connect_with(
            self.plain,
            "/ws",
            &[("authorization", &header)],
        )
        .await;
        client.watch(&["#", "gateway/audit/#"]).await;
        for task in [
            json!({"call": "secrets.reveal", "name": "canary"}),
            json!({"call": "secrets.reveal", "name": "${canary}"}),
            json!({"call": "log", "level": "error", "message": "${canary}", "fields": [["config", "${canary}"]]}),
            json!({"call": "publish", "kind": "test.done", "topic": "test/x", "data": {"text": "${canary}"}}),
        ] {
            let answer = client.command("do", task).await;
            self.saw("a plugin's answer", answer.to_string());
        }
        let statuses = admin.json("/api/v1/plugins").await;
        self.saw("the instances", statuses.to_string());
        // The answer may come before the event.
        let told = client.next_on("test/x").await;
        let mut frames = client.take_kept();
        frames.push(told);
        for frame in frames {
            self.saw("an event", frame.to_string());
        }
    }

    /// A token of an issuer, whose signature is a secret as well.
    pub fn jwt(&mut self, issuer: &str) -> String {
        let key = ["one", "two", "three"]
            .iter()
            .position(|name| *name == issuer);
        let key = EncodingKey::from_secret(self.secrets.keys[key.expect("an issuer")].as_bytes());
        let claims = json!({"iss": issuer, "sub": "alice", "roles": ["family"], "exp": tokens::in_seconds(600)});
        let token =
            jsonwebtoken::encode(&Header::default(), &claims, &key).expect("claims can be signed");
        let signature = token.rsplit('.').next().unwrap_or_default();
        self.canaries
            .watch(&format!("a token of {issuer}"), signature);
        token
    }

    /// A token whose signature is none.
    pub fn forged(&mut self) -> String {
        let signature = self.canaries.plant("a forged token's signature");
        let token = self.jwt("one");
        let (signed, _) = token.rsplit_once('.').expect("three parts");
        format!("{signed}.{signature}")
    }

    pub fn saw(&mut self, place: &str, text: String) {
        self.seen.push((place.to_owned(), text));
    }

    pub async fn ask(&self, method: Method, path: &str, body: &str) -> Answer {
        let body = (!body.is_empty()).then(|| body.to_owned());
        Admin::new(self.plain).ask(method, path, body).await
    }

    /// `hearthgate check` of the configuration with sections more; whether it refused, and what it said.
    pub fn check(&self, sections: &str, variables: &[(&str, &str)]) -> (bool, String) {
        std::fs::write(
            self.folder.join("wrong.toml"),
            format!("{}\n{sections}", self.text),
        )
        .expect("written");
        let mut command = self.binary(&["check", "--config", "wrong.toml"]);
        let output = command
            .envs(variables.iter().copied())
            .output()
            .expect("it runs");
        let said = [output.stdout, output.stderr].concat();
        (
            !output.status.success(),
            String::from_utf8_lossy(&said).into_owned(),
        )
    }

    pub fn inspect(&self, token: &str) -> String {
        let config = "hearthgate.toml";
        let output = self
            .binary(&["token", "inspect", token, "--config", config])
            .output()
            .expect("it runs");
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    }

    fn binary(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(hearthgate_tests::plugins::binary());
        command
            .args(arguments)
            .current_dir(&self.folder)
            .env("CANARY_KEY", &self.secrets.keys[1]);
        command
    }

    /// Writes the configuration with sections more, and has it read.
    pub async fn reload(&mut self, sections: &str) {
        let text = format!("{}\n{sections}", self.text);
        self.gateway.configure(|_| text);
        let admin = self.gateway.admin().with_token(&self.secrets.api_token);
        let answer = admin.ask(Method::POST, "/api/v1/config/reload", None).await;
        self.saw("a reload", answer.text());
        self.saw("the last reload", admin.get("/api/v1/config").await.text());
        self.saw("the figures", admin.get("/metrics").await.text());
    }

    pub async fn stop(&mut self) {
        assert!(self.gateway.stop().await.success());
    }

    /// Searches everything.
    pub fn assert_nothing_leaked(&self) {
        let lines = self.gateway.journal.lines();
        assert!(
            lines.iter().any(|line| line.level == "TRACE"),
            "the log is not the fullest"
        );
        let log = lines
            .into_iter()
            .map(|line| ("the log".to_owned(), line.text));
        let mut all: Vec<_> = self
            .seen
            .iter()
            .cloned()
            .chain(log)
            .map(|(p, t)| (p, t.into_bytes()))
            .collect();
        let before = all.len();
        files(&self.folder.join("state"), &mut all);
        assert!(all.len() > before, "there is no state");
        let mut leaks = Vec::new();
        for (place, text) in all {
            for secret in self.canaries.found_in(&text) {
                let shown: String = String::from_utf8_lossy(&text).chars().take(600).collect();
                leaks.push(format!("{secret} in {place}: {shown}"));
            }
        }
        assert!(
            leaks.is_empty(),
            "{} leaks\n{}",
            leaks.len(),
            leaks.join("\n")
        );
    }
}

/// All files below a folder, but for the key that lives there.
fn files(folder: &Path, all: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).expect("readable") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, all);
        } else if path.file_name().is_some_and(|name| name != "signing.key") {
            all.push((
                path.display().to_string(),
                std::fs::read(&path).expect("readable"),
            ));
        }
    }
}

fn listening(gateway: &Gateway, scheme: &str) -> SocketAddr {
    let lines = gateway.journal.lines();
    let urls = lines
        .iter()
        .filter(|line| line.message == "serving")
        .map(|line| line.field("url"));
    let mut of_scheme =
        urls.filter_map(|url| Some(url.strip_prefix(scheme)?.split('/').next()?.to_owned()));
    of_scheme
        .next()
        .and_then(|address| address.parse().ok())
        .expect("it listens")
}
