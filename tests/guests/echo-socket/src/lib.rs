//! Opens a socket, says hello, and publishes what it receives; hands the socket to the instance after it.
//! See `tests/guests/README.md`.

use hearthgate_plugin::net::{HttpRequest, TcpStream, TlsMode, WebSocketTarget, WsMessage};
use hearthgate_plugin::{
    Event, Failure, HostError, Input, Link, LinkEvent, Plugin, Start, State, TimerId,
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Config {
    url: String,
    hello: String,
    header: String,
    period_ms: u64,
}

enum Peer {
    WebSocket(Link),
    Tcp(TcpStream),
    Http,
}

struct EchoSocket {
    config: Config,
    peer: Peer,
    received: u64,
}

fn tell(what: &str, mut data: Value) -> Result<(), Failure> {
    data["what"] = what.into();
    Event::new("test.socket", format!("socket/{what}"), &data).publish()?;
    Ok(())
}

/// `tcp://host:port` or `tls://host:port`.
fn connect_tcp(start: &mut Start, url: &str) -> Result<TcpStream, Failure> {
    if let Some(id) = start.adopt_connection(url) {
        tell("adopted", json!({"connection": id}))?;
        return Ok(TcpStream(id));
    }
    let bad = || Failure::misconfigured("url", "must be tcp://host:port or tls://host:port");
    let (scheme, rest) = url.split_once("://").ok_or_else(bad)?;
    let (host, port) = rest.rsplit_once(':').ok_or_else(bad)?;
    let tls = if scheme == "tls" {
        TlsMode::Verified
    } else {
        TlsMode::None
    };
    Ok(TcpStream::connect(host, port.parse()?, tls)?)
}

impl Plugin for EchoSocket {
    type Config = Config;

    fn init(start: &mut Start, config: Config) -> Result<Self, Failure> {
        let received = start.state(1).unwrap_or(0);
        let peer = if config.url.starts_with("ws") {
            let mut target = WebSocketTarget::new(config.url.as_str());
            if !config.header.is_empty() {
                target = target.header("authorization", config.header.as_str());
            }
            let link = Link::start(start, target);
            if let Some(socket) = link.socket() {
                tell("adopted", json!({"connection": socket.0}))?;
            }
            Peer::WebSocket(link)
        } else if config.url.starts_with("http") {
            start.every(Duration::from_millis(config.period_ms), "poll")?;
            Peer::Http
        } else {
            Peer::Tcp(connect_tcp(start, &config.url)?)
        };
        Ok(Self {
            config,
            peer,
            received,
        })
    }

    fn save(&self) -> Result<Option<State>, HostError> {
        State::json(1, &self.received).map(Some)
    }

    fn on_timer(&mut self, _: TimerId, _: &str) -> Result<(), Failure> {
        let mut request = HttpRequest::get(self.config.url.as_str());
        if !self.config.header.is_empty() {
            request = request.header("authorization", self.config.header.as_str());
        }
        match request.start() {
            Ok(_) => Ok(()),
            Err(error) => tell("failed", json!({"reason": format!("{error:?}")})),
        }
    }

    fn on_input(&mut self, input: Input) -> Result<(), Failure> {
        match &mut self.peer {
            Peer::WebSocket(link) => match link.on_input(&input) {
                Some(event) => self.on_link(event),
                None => Ok(()),
            },
            Peer::Tcp(stream) => {
                let stream = *stream;
                self.on_tcp(stream, input)
            }
            Peer::Http => match input {
                Input::Timer((id, tag)) => self.on_timer(id, &tag),
                Input::HttpDone((_, Ok(response))) => {
                    let body = String::from_utf8_lossy(&response.body);
                    let data = json!({"status": response.status, "body": body, "truncated": response.truncated});
                    tell("answered", data)
                }
                Input::HttpDone((_, Err(error))) => {
                    tell("failed", json!({"reason": format!("{error:?}")}))
                }
                _ => Ok(()),
            },
        }
    }
}

impl EchoSocket {
    fn on_link(&mut self, event: LinkEvent<'_>) -> Result<(), Failure> {
        match event {
            LinkEvent::Up(socket) => {
                if !self.config.hello.is_empty() {
                    socket.send_template(self.config.hello.as_str())?;
                }
                tell("up", json!({"connection": socket.0}))
            }
            LinkEvent::Messages(_, messages) => messages.iter().try_for_each(|message| {
                self.received += 1;
                let text = match message {
                    WsMessage::Text(text) | WsMessage::TextTemplate(text) => text.clone(),
                    WsMessage::Binary(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                };
                tell("message", json!({"n": self.received, "text": text}))
            }),
            LinkEvent::Down { reason, retry_in } => tell(
                "down",
                json!({"reason": reason, "retry_ms": retry_in.as_millis() as u64}),
            ),
        }
    }

    fn on_tcp(&mut self, stream: TcpStream, input: Input) -> Result<(), Failure> {
        match input {
            Input::ConnectionOpened((_, opened)) => {
                if !self.config.hello.is_empty() {
                    stream.send(self.config.hello.as_bytes())?;
                }
                let certificate = opened
                    .certificate
                    .map(|c| json!({"subject": c.subject, "not_after": c.not_after}));
                tell(
                    "up",
                    json!({"connection": stream.0, "peer": opened.peer, "certificate": certificate}),
                )
            }
            Input::TcpData((_, data)) => {
                self.received += 1;
                tell(
                    "message",
                    json!({"n": self.received, "text": String::from_utf8_lossy(&data)}),
                )
            }
            Input::ConnectionClosed((_, info)) => {
                tell("down", json!({"reason": info.reason, "code": info.code}))
            }
            Input::ConnectionFailed((_, error)) => {
                tell("failed", json!({"reason": format!("{error:?}")}))
            }
            _ => Ok(()),
        }
    }
}

hearthgate_plugin::plugin!(EchoSocket: source);
