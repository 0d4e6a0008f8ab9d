//! A native WebSocket client.

use crate::wait;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::net::SocketAddr;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};

/// A client. What arrives while it waits for something else is kept in order.
pub struct Client {
    socket: WebSocketStream<TcpStream>,
    waiting: VecDeque<Value>,
    next_id: u64,
    /// The greeting's data; null where a dialect has none.
    pub welcome: Value,
}

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// The close frame's code; `None`: the connection just ended.
    pub code: Option<u16>,
    /// The close frame's reason.
    pub reason: String,
}

impl Client {
    /// Connects and takes the greeting.
    ///
    /// # Panics
    /// It is refused, or the first frame is no `welcome`.
    pub async fn connect(address: SocketAddr, path: &str) -> Self {
        let mut client = Self::open(address, path)
            .await
            .expect("the handshake succeeds");
        let greeting = client.next().await;
        assert_eq!(
            greeting["type"], "welcome",
            "the first frame is the greeting: {greeting}"
        );
        client.welcome = greeting["data"].clone();
        client
    }

    /// Connects with these headers and takes the greeting.
    ///
    /// # Panics
    /// It is refused, or the first frame is no `welcome`.
    pub async fn connect_with(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Self {
        let opened = Self::open_with(address, path, headers).await;
        let mut client = opened.expect("the handshake succeeds");
        let greeting = client.next().await;
        assert_eq!(greeting["type"], "welcome", "{greeting}");
        client.welcome = greeting["data"].clone();
        client
    }

    /// Connects with these headers, and takes nothing.
    ///
    /// # Errors
    /// The handshake's, with the HTTP answer where there is one.
    ///
    /// # Panics
    /// A header is none.
    pub async fn open_with(
        address: SocketAddr,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Self, Box<Error>> {
        let stream = wait::soon("a connection", TcpStream::connect(address)).await;
        let stream = stream.map_err(|error| Box::new(error.into()))?;
        let mut request = format!("ws://{address}{path}")
            .into_client_request()
            .expect("a WebSocket URL");
        for (name, value) in headers {
            let name = hyper::header::HeaderName::try_from(*name).expect("a header");
            let value = hyper::header::HeaderValue::try_from(*value).expect("a header");
            request.headers_mut().append(name, value);
        }
        Self::shake(stream, request).await
    }

    /// Connects, and takes nothing.
    ///
    /// # Errors
    /// The handshake's, with the HTTP answer where there is one.
    pub async fn open(address: SocketAddr, path: &str) -> Result<Self, Box<Error>> {
        let stream = wait::soon("a connection", TcpStream::connect(address))
            .await
            .map_err(|error| Box::new(error.into()))?;
        stream
            .set_nodelay(true)
            .expect("an open socket takes an option");
        Self::over(stream, address, path).await
    }

    /// The handshake over a socket that the test prepared.
    ///
    /// # Errors
    /// The handshake's.
    pub async fn over(
        stream: TcpStream,
        address: SocketAddr,
        path: &str,
    ) -> Result<Self, Box<Error>> {
        let request = format!("ws://{address}{path}")
            .into_client_request()
            .expect("a WebSocket URL");
        Self::shake(stream, request).await
    }

    async fn shake(
        stream: TcpStream,
        request: tokio_tungstenite::tungstenite::handshake::client::Request,
    ) -> Result<Self, Box<Error>> {
        // Small buffers: some tests have a thousand clients.
        let config = WebSocketConfig::default().read_buffer_size(4096);
        let handshake = tokio_tungstenite::client_async_with_config(request, stream, Some(config));
        let (socket, _) = wait::soon("a handshake", handshake)
            .await
            .map_err(Box::new)?;
        Ok(Self {
            socket,
            waiting: VecDeque::new(),
            next_id: 1,
            welcome: Value::Null,
        })
    }

    /// Sends a text frame.
    ///
    /// # Panics
    /// The connection is gone.
    pub async fn send_text(&mut self, text: impl Into<String>) {
        wait::soon("a send", self.socket.send(Message::text(text.into())))
            .await
            .expect("the connection takes a frame");
    }

    /// Sends any frame.
    ///
    /// # Errors
    /// The connection is gone.
    pub async fn send(&mut self, message: Message) -> Result<(), Box<Error>> {
        wait::soon("a send", self.socket.send(message))
            .await
            .map_err(Box::new)
    }

    /// Sends a command with a fresh id and returns its answer, whatever its type.
    pub async fn command(&mut self, kind: &str, data: Value) -> Value {
        let id = self.next_id;
        self.next_id += 1;
        self.send_text(json!({"type": kind, "id": id, "data": data}).to_string())
            .await;
        self.answer(&json!(id)).await
    }

    /// The answer to a command; events that arrive before are kept.
    pub async fn answer(&mut self, id: &Value) -> Value {
        self.find(&format!("the answer to {id}"), |frame| {
            frame.get("id") == Some(id)
        })
        .await
    }

    /// Subscribes, and returns the data of `subscribed`.
    ///
    /// # Panics
    /// It is refused.
    pub async fn subscribe(&mut self, data: Value) -> Value {
        let answer = self.command("subscribe", data).await;
        assert_eq!(answer["type"], "subscribed", "{answer}");
        answer["data"].clone()
    }

    /// Subscribes to these topics, the retained state first.
    pub async fn watch(&mut self, topics: &[&str]) -> Value {
        self.subscribe(json!({"topics": topics, "snapshot": true}))
            .await
    }

    /// Sends a command that must fail, and returns the error's data.
    ///
    /// # Panics
    /// It does not fail with that code.
    pub async fn refused(&mut self, kind: &str, data: Value, code: &str) -> Value {
        let answer = self.command(kind, data).await;
        assert_eq!(
            (answer["type"].as_str(), error_code(&answer)),
            (Some("error"), Some(code)),
            "{answer}"
        );
        answer
    }

    /// The next frame, parsed.
    ///
    /// # Panics
    /// None arrives, the connection ends, or it is no JSON.
    pub async fn next(&mut self) -> Value {
        if let Some(frame) = self.waiting.pop_front() {
            return frame;
        }
        self.receive("the next frame").await
    }

    /// The next frame of a type; others before it are kept.
    pub async fn next_of(&mut self, kind: &str) -> Value {
        self.find(&format!("a `{kind}`"), |frame| frame["type"] == kind)
            .await
    }

    /// The next event on a topic; others before it are kept.
    pub async fn next_on(&mut self, topic: &str) -> Value {
        self.find(&format!("an event on {topic}"), |frame| {
            frame["topic"] == topic
        })
        .await
    }

    /// The first frame that is wanted; others before it are kept.
    pub async fn find(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        if let Some(index) = self.waiting.iter().position(&wanted) {
            return self.waiting.remove(index).expect("it was just found");
        }
        let search = async {
            loop {
                let frame = self.receive(what).await;
                if wanted(&frame) {
                    return frame;
                }
                self.waiting.push_back(frame);
            }
        };
        wait::soon(what, search).await
    }

    /// Takes what has arrived but was not asked for.
    pub fn take_kept(&mut self) -> Vec<Value> {
        self.waiting.drain(..).collect()
    }

    async fn receive(&mut self, what: &str) -> Value {
        loop {
            match self.message(what).await {
                Ok(Message::Text(text)) => {
                    return serde_json::from_str(&text)
                        .unwrap_or_else(|error| panic!("{what}: `{text}` is no JSON: {error}"));
                }
                Ok(Message::Close(frame)) => {
                    panic!("{what}: the gateway closed the connection: {frame:?}")
                }
                Ok(_) => {}
                Err(error) => panic!("{what}: the connection ended: {error}"),
            }
        }
    }

    /// The next text as it is, for dialects.
    ///
    /// # Panics
    /// The connection ends.
    pub async fn next_text(&mut self) -> String {
        loop {
            match self.message("a text").await {
                Ok(Message::Text(text)) => return text.to_string(),
                Ok(Message::Close(_)) | Err(_) => panic!("the connection ended before a text came"),
                Ok(_) => {}
            }
        }
    }

    /// The next message of any kind.
    ///
    /// # Errors
    /// The connection ended.
    pub async fn message(&mut self, what: &str) -> Result<Message, Box<Error>> {
        let next = wait::soon(what, self.socket.next()).await;
        next.unwrap_or(Err(Error::ConnectionClosed))
            .map_err(Box::new)
    }

    /// Reads until the gateway closes; the frames before it are kept.
    pub async fn closed(&mut self) -> Closed {
        loop {
            match self.message("the close").await {
                Ok(Message::Text(text)) => {
                    self.waiting.extend(serde_json::from_str::<Value>(&text))
                }
                Ok(Message::Close(frame)) => {
                    // Reading on sends our answer, which the gateway waits for.
                    while self.message("the end").await.is_ok() {}
                    let frame =
                        frame.map(|frame| (u16::from(frame.code), frame.reason.to_string()));
                    let (code, reason) = frame.unzip();
                    return Closed {
                        code,
                        reason: reason.unwrap_or_default(),
                    };
                }
                Ok(_) => {}
                Err(_) => {
                    return Closed {
                        code: None,
                        reason: String::new(),
                    };
                }
            }
        }
    }
}

/// A text frame.
#[must_use]
pub fn text(text: &str) -> Message {
    Message::text(text)
}

/// The code of an `error` frame.
#[must_use]
pub fn error_code(frame: &Value) -> Option<&str> {
    frame["data"]["code"]
        .as_str()
        .or_else(|| frame["code"].as_str())
}
