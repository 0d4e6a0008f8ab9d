//! A Home Assistant that a test plays: its WebSocket API as documented, over a home of any size.
//! (<https://developers.home-assistant.io/docs/api/websocket>)

mod world;

pub use world::World;

use futures_util::{SinkExt, StreamExt};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;

/// Most messages that wait for a client; it cuts one that falls behind further, as Home Assistant does.
const MOST_PENDING: usize = 4096;

/// A running one. It serves until it is dropped.
pub struct HomeAssistant {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    server: tokio::task::AbortHandle,
}

#[derive(Default)]
struct Shared {
    world: World,
    sessions: BTreeMap<u64, Session>,
    /// Commands so far, and the requests of `call_service`.
    asked: Vec<String>,
    calls: Vec<Value>,
    logins: u64,
    sent: u64,
    /// It neither answers nor tells, and keeps its connections.
    mute: bool,
}

/// A connection that has logged in.
struct Session {
    out: mpsc::Sender<Message>,
    /// Numbers of subscriptions by event type.
    subscriptions: BTreeMap<String, u64>,
    last_id: u64,
}

impl HomeAssistant {
    /// Serves a home on a free port.
    ///
    /// # Panics
    /// There is no free port.
    pub async fn start(world: World) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("there is a free port");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let shared = Arc::new(Mutex::new(Shared {
            world,
            ..Shared::default()
        }));
        let server = tokio::spawn(serve(listener, shared.clone())).abort_handle();
        Self {
            address,
            shared,
            server,
        }
    }

    /// The URL of its API.
    #[must_use]
    pub fn url(&self) -> String {
        format!("ws://{}/api/websocket", self.address)
    }

    /// Changes the home without a word.
    pub fn edit(&self, change: impl FnOnce(&mut World)) {
        change(&mut self.shared.lock().world);
    }

    /// Sets an entity's state, and tells of it.
    pub fn change(&self, entity: &str, state: &str) {
        let mut shared = self.shared.lock();
        let old = shared.world.states.get(entity).cloned();
        let new = shared.world.set(entity, state);
        let data = json!({"entity_id": entity, "old_state": old, "new_state": new});
        shared.fire("state_changed", &data);
    }

    /// Removes an entity, and tells of it.
    pub fn remove(&self, entity: &str) {
        let mut shared = self.shared.lock();
        let old = shared.world.states.remove(entity);
        let data = json!({"entity_id": entity, "old_state": old, "new_state": null});
        shared.fire("state_changed", &data);
    }

    /// Fires an event.
    pub fn fire(&self, kind: &str, data: &Value) {
        self.shared.lock().fire(kind, data);
    }

    /// Sends a text as it is to all who have logged in.
    pub fn say(&self, text: &str) {
        let mut shared = self.shared.lock();
        let ids: Vec<u64> = shared.sessions.keys().copied().collect();
        ids.into_iter()
            .for_each(|id| shared.send(id, text.to_owned()));
    }

    /// Falls silent, or speaks again; connections stay.
    pub fn mute(&self, mute: bool) {
        self.shared.lock().mute = mute;
    }

    /// Cuts all connections.
    pub fn cut(&self) {
        self.shared.lock().sessions.clear();
    }

    /// Bytes of text that it has sent.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.shared.lock().sent
    }

    /// Logins so far.
    #[must_use]
    pub fn logins(&self) -> u64 {
        self.shared.lock().logins
    }

    /// The commands since this was last asked.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.lock().asked)
    }

    /// The requests to call a service since this was last asked.
    #[must_use]
    pub fn calls(&self) -> Vec<Value> {
        std::mem::take(&mut self.shared.lock().calls)
    }
}

impl Drop for HomeAssistant {
    fn drop(&mut self) {
        self.server.abort();
        self.cut();
    }
}

impl Shared {
    fn send(&mut self, id: u64, text: String) {
        if self.mute {
            return;
        }
        self.sent += text.len() as u64;
        let full = |session: &Session| session.out.try_send(Message::text(text)).is_err();
        if self.sessions.get(&id).is_some_and(full) {
            self.sessions.remove(&id);
        }
    }

    fn fire(&mut self, kind: &str, data: &Value) {
        let event = json!({
            "event_type": kind, "data": data, "origin": "LOCAL", "time_fired": world::NOW,
            "context": {"id": "01JRHS2Q5V3M5T5G8E3FQ2YB7A", "parent_id": null, "user_id": null},
        });
        let event = event.to_string();
        let subscribed: Vec<(u64, u64)> = self
            .sessions
            .iter()
            .filter_map(|(id, session)| Some((*id, *session.subscriptions.get(kind)?)))
            .collect();
        for (session, subscription) in subscribed {
            let text = format!(r#"{{"id":{subscription},"type":"event","event":{event}}}"#);
            self.send(session, text);
        }
    }

    /// Answers a command as Home Assistant does.
    fn command(&mut self, session: u64, request: &Value) {
        let (Some(id), Some(kind)) = (request["id"].as_u64(), request["type"].as_str()) else {
            return self.refuse(
                session,
                0,
                "invalid_format",
                "Message incorrectly formatted.",
            );
        };
        let Some(open) = self.sessions.get_mut(&session) else {
            return;
        };
        if id <= open.last_id {
            return self.refuse(
                session,
                id,
                "id_reuse",
                "Identifier values have to increase.",
            );
        }
        open.last_id = id;
        self.asked.push(kind.to_owned());
        let result = match kind {
            "ping" => return self.send(session, json!({"id": id, "type": "pong"}).to_string()),
            "subscribe_events" => {
                let event = request["event_type"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned();
                open.subscriptions.insert(event, id);
                "null".to_owned()
            }
            "call_service" => return self.call(session, id, request),
            other => match self.world.answer(other) {
                Some(result) => result,
                None => return self.refuse(session, id, "unknown_command", "Unknown command."),
            },
        };
        self.answer(session, id, &result);
    }

    fn answer(&mut self, session: u64, id: u64, result: &str) {
        let text = format!(r#"{{"id":{id},"type":"result","success":true,"result":{result}}}"#);
        self.send(session, text);
    }

    fn refuse(&mut self, session: u64, id: u64, code: &str, message: &str) {
        let error = json!({"code": code, "message": message});
        let answer = json!({"id": id, "type": "result", "success": false, "error": error});
        self.send(session, answer.to_string());
    }

    /// Only `toggle` is known, of any domain; it tells of the changes before it answers, as Home Assistant does.
    fn call(&mut self, session: u64, id: u64, request: &Value) {
        self.calls.push(request.clone());
        let (domain, service) = (&request["domain"], &request["service"]);
        let (domain, service) = (
            domain.as_str().unwrap_or(""),
            service.as_str().unwrap_or(""),
        );
        if service != "toggle" {
            let message = format!("Service {domain}.{service} not found.");
            return self.refuse(session, id, "not_found", &message);
        }
        let data = json!({"domain": domain, "service": service, "service_data": request["target"]});
        self.fire("call_service", &data);
        if let Some(entity) = request["target"]["entity_id"].as_str() {
            let old = self.world.states.get(entity).cloned();
            let state = match old.as_ref().map(|old| old["state"] == "on") {
                Some(true) => "off",
                _ => "on",
            };
            let new = self.world.set(entity, state);
            let data = json!({"entity_id": entity, "old_state": old, "new_state": new});
            self.fire("state_changed", &data);
        }
        self.answer(
            session,
            id,
            r#"{"context":{"id":"01JRHS","parent_id":null,"user_id":"u"},"response":null}"#,
        );
    }
}

async fn serve(listener: TcpListener, shared: Arc<Mutex<Shared>>) {
    let mut next = 1;
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(session(stream, shared.clone(), next));
        next += 1;
    }
}

/// One connection, from the greeting to its end. Whatever goes wrong ends it.
async fn session(stream: TcpStream, shared: Arc<Mutex<Shared>>, id: u64) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut socket = tokio_tungstenite::accept_async(stream).await.ok()?;
    let greeting = json!({"type": "auth_required", "ha_version": "2025.4.4"}).to_string();
    socket.send(Message::text(greeting)).await.ok()?;
    let login: Value = match socket.next().await?.ok()? {
        Message::Text(text) => serde_json::from_str(&text).ok()?,
        _ => return None,
    };
    if login["type"] != "auth" || login["access_token"] != shared.lock().world.token.as_str() {
        let refusal =
            json!({"type": "auth_invalid", "message": "Invalid access token or password"});
        socket.send(Message::text(refusal.to_string())).await.ok()?;
        return socket.close(None).await.ok();
    }
    let (out, mut outgoing) = mpsc::channel(MOST_PENDING);
    {
        let mut shared = shared.lock();
        shared.logins += 1;
        let (subscriptions, last_id) = (BTreeMap::new(), 0);
        let session = Session {
            out,
            subscriptions,
            last_id,
        };
        shared.sessions.insert(id, session);
        shared.send(
            id,
            json!({"type": "auth_ok", "ha_version": "2025.4.4"}).to_string(),
        );
    }
    let (mut sink, mut incoming) = socket.split();
    loop {
        tokio::select! {
            biased;
            text = outgoing.recv() => sink.send(text?).await.ok()?,
            message = incoming.next() => match message?.ok()? {
                Message::Text(text) => {
                    let request = serde_json::from_str(&text).unwrap_or_default();
                    shared.lock().command(id, &request);
                }
                Message::Close(_) => {
                    shared.lock().sessions.remove(&id);
                    return None;
                }
                _ => {}
            },
        }
    }
}
