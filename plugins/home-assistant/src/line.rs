//! The connection, from the socket to the login, and whether anybody is at the other end.

use crate::session::{Asked, Session};
use hearthgate_plugin::net::{NetError, WebSocket};
use hearthgate_plugin::{Input, Link, LinkEvent, RequestId};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// How long the greeting and the login may take.
const LOGIN_PATIENCE: Duration = Duration::from_secs(30);

/// Home Assistant closes a connection whose first message is another; the gateway puts the token in.
const LOGIN: &str = r#"{"type":"auth","access_token":"${token}"}"#;

/// How far the login has come.
#[derive(Debug)]
enum Phase {
    /// No socket.
    Down,
    /// A socket, on which Home Assistant is to speak first, and then to take the token.
    Greeting { socket: WebSocket, since: Instant },
    /// Logged in.
    In(Session),
}

/// What became of the connection.
#[derive(Debug)]
pub enum Change {
    None,
    /// It is down, for this reason, and is tried again after this time. These calls are answered by nobody.
    Down(String, Duration, Vec<RequestId>),
}

/// The connection.
#[derive(Debug)]
pub struct Line {
    link: Link,
    phase: Phase,
    /// Whether anything came since the last ping.
    heard: bool,
}

impl Line {
    pub fn new(link: Link) -> Self {
        Self {
            link,
            phase: Phase::Down,
            heard: true,
        }
    }

    /// Whether there is a socket.
    pub fn is_up(&self) -> bool {
        self.link.is_up()
    }

    /// The socket that was taken over, if one was.
    pub fn socket(&self) -> Option<WebSocket> {
        self.link.socket()
    }

    pub fn is_socket(&self, id: u64) -> bool {
        self.link.socket().is_some_and(|socket| socket.0 == id)
    }

    pub fn heard(&mut self) {
        self.heard = true;
    }

    pub fn session(&mut self) -> Option<&mut Session> {
        match &mut self.phase {
            Phase::In(session) => Some(session),
            _ => None,
        }
    }

    pub fn session_ref(&self) -> Option<&Session> {
        match &self.phase {
            Phase::In(session) => Some(session),
            _ => None,
        }
    }

    /// Takes an input that is no message.
    pub fn on_input(&mut self, input: &Input) -> Change {
        match self.link.on_input(input) {
            Some(LinkEvent::Up(socket)) => {
                let since = Instant::now();
                self.phase = Phase::Greeting { socket, since };
                Change::None
            }
            Some(LinkEvent::Down { reason, retry_in }) => {
                let calls = match std::mem::replace(&mut self.phase, Phase::Down) {
                    Phase::In(session) => session.end(),
                    _ => Vec::new(),
                };
                Change::Down(reason, retry_in, calls)
            }
            Some(LinkEvent::Messages(..)) | None => Change::None,
        }
    }

    /// `auth_required`: sends the token.
    ///
    /// # Errors
    /// The secret is not granted, or the socket is gone.
    pub fn log_in(&mut self) -> Result<(), NetError> {
        match &self.phase {
            Phase::Greeting { socket, .. } => socket.send_template(LOGIN),
            _ => Ok(()),
        }
    }

    /// `auth_ok`. `false`: nobody was logging in.
    pub fn logged_in(&mut self) -> bool {
        let Phase::Greeting { socket, .. } = self.phase else {
            return false;
        };
        self.phase = Phase::In(Session::new(socket));
        true
    }

    /// Goes on with a login that another instance made.
    pub fn resume(&mut self, session: Session) {
        self.phase = Phase::In(session);
    }

    /// A socket of another instance, which had not logged in yet.
    pub fn resume_greeting(&mut self, socket: WebSocket) {
        let since = Instant::now();
        self.phase = Phase::Greeting { socket, since };
    }

    /// All went well: the next loss counts as the first.
    pub fn established(&mut self) {
        self.link.established();
    }

    /// Closes the socket; the link opens the next one.
    pub fn close(&mut self, reason: &str) {
        if let Some(socket) = self.link.socket() {
            socket.close(1000, reason);
        }
    }

    /// Asks whether anybody is there. `true`: an answer is to be looked for.
    pub fn ping(&mut self) -> bool {
        match &mut self.phase {
            Phase::Down => false,
            Phase::Greeting { since, .. } => {
                if since.elapsed() > LOGIN_PATIENCE {
                    self.close("no greeting");
                }
                false
            }
            Phase::In(session) if session.is_stuck() => {
                self.close("no answer");
                false
            }
            Phase::In(session) => {
                self.heard = false;
                // A socket that takes nothing is dead, or told so in a moment.
                let _ = session.ask(Asked::Ping, json!({"type": "ping"}));
                true
            }
        }
    }

    /// The answer to the ping is due. `false`: nobody is there, and the socket is closed.
    pub fn is_alive(&mut self) -> bool {
        if self.heard || self.session().is_none() {
            return true;
        }
        self.close("no pong");
        false
    }

    /// Sends a request, if logged in.
    ///
    /// # Errors
    /// Not logged in, or the socket is gone or its queue full.
    pub fn ask(&mut self, asked: Asked, request: Value) -> Result<(), NetError> {
        let session = self.session().ok_or(NetError::Closed)?;
        session.ask(asked, request)
    }
}
