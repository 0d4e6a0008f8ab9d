//! A plugin's dialect: the plugin turns texts into actions; what belongs to the connection is kept here, so that a
//! reload or a crash of the plugin drops no client.

use super::encoder::Seat;
use super::{Flow, complaint};
use crate::auth::{Caller, Identity, Token, Verified};
use crate::commands::Backend;
use crate::commands::handler::Calls;
use crate::config::Limit;
use crate::event::{Filter, InstanceName};
use crate::limits::SubjectPlace;
use crate::plugins::DialectHandle;
use crate::plugins::api::{Action, CallError, Client, DialectClient, Rejection, ReplyError};
use crate::protocol::request::Policy;
use crate::protocol::{CloseCode, frame};
use crate::shard::{Closing, Link, LiveTerms, Status, Subscription};
use crate::telemetry::limits;
use serde_json::value::RawValue;
use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::warn;

/// Most actions of one message, those that follow from its actions included.
pub const MAX_ACTIONS: usize = 256;
/// Most bytes that a dialect keeps with a connection; a longer session is not taken, logged and counted as a failure.
pub const MAX_SESSION: usize = 64 * 1024;
/// Replies of handlers that wait for the connection.
const REPLY_QUEUE: usize = 16;

/// A handler's reply on its way back to the connection: the message's type, and the data or why there is none.
pub type HandlerReply = (String, Result<Box<RawValue>, ReplyError>);

/// A session in a plugin's dialect.
pub struct Plugin {
    backend: Arc<Backend>,
    instance: InstanceName,
    link: Link,
    terms: LiveTerms,
    status: Arc<Status>,
    client: DialectClient,
    names: Vec<(String, u64)>,
    next_subscription: u64,
    calls: Calls,
    replies: (mpsc::Sender<HandlerReply>, mpsc::Receiver<HandlerReply>),
    place: SubjectPlace,
    /// Keeps the dialect's encoder at work.
    _seat: Seat,
}

impl Plugin {
    /// A session.
    #[must_use]
    pub fn new(
        backend: Arc<Backend>,
        instance: InstanceName,
        link: Link,
        terms: LiveTerms,
        status: Arc<Status>,
        client: DialectClient,
        seat: Seat,
    ) -> Self {
        Self {
            backend,
            instance,
            link,
            terms,
            status,
            client,
            names: Vec::new(),
            next_subscription: 1,
            calls: Calls::default(),
            replies: mpsc::channel(REPLY_QUEUE),
            place: SubjectPlace::default(),
            _seat: seat,
        }
    }

    /// The same, with its place among its user's connections.
    #[must_use]
    pub fn in_place(self, place: SubjectPlace) -> Self {
        Self { place, ..self }
    }

    /// The connection is open.
    pub async fn on_open(&mut self) -> Flow {
        // Whoever was not greeted would wait for ever, and for what it never subscribed to: it is told to come back.
        let Some(dialect) = self.dialect() else {
            return Flow::Close(Closing::by_server(CloseCode::TryLater, false));
        };
        match dialect.on_open(self.client.clone()).await {
            Ok(actions) => self.act(Ok(actions)).await,
            Err(error) => {
                self.failed(error.label(), &error.to_string());
                let code = match error {
                    CallError::Failed { .. } => CloseCode::Internal,
                    _ => CloseCode::TryLater,
                };
                Flow::Close(Closing::by_server(code, false))
            }
        }
    }

    /// Handles a text.
    pub async fn on_text(&mut self, text: String) -> Flow {
        let Some(dialect) = self.dialect() else {
            return Flow::Continue;
        };
        let actions = dialect.on_text(self.client.clone(), text).await;
        self.act(actions).await
    }

    /// Whether a handler has replied.
    pub fn poll_reply(&mut self, context: &mut Context<'_>) -> Poll<HandlerReply> {
        match self.replies.1.poll_recv(context) {
            Poll::Ready(Some(reply)) => Poll::Ready(reply),
            // The session holds a sender itself, so the channel never ends.
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }

    /// Handles a handler's reply.
    pub async fn on_reply(&mut self, (kind, outcome): HandlerReply) -> Flow {
        let Some(dialect) = self.dialect() else {
            return Flow::Continue;
        };
        let actions = dialect.on_reply(self.client.clone(), kind, outcome).await;
        self.act(actions).await
    }

    /// The plugin as it runs now; a reload may have replaced it since the last message.
    fn dialect(&self) -> Option<DialectHandle> {
        let dialect = self.backend.plugins.dialect(&self.instance);
        if dialect.is_none() {
            self.failed("away", "the instance has no dialect, or does not run");
        }
        dialect
    }

    async fn act(&mut self, actions: Result<Vec<Action>, CallError>) -> Flow {
        let mut waiting = VecDeque::new();
        self.queue(actions, &mut waiting);
        for _ in 0..MAX_ACTIONS {
            let Some(action) = waiting.pop_front() else {
                return Flow::Continue;
            };
            match action {
                Action::Send(text) => self.link.control(frame::text(&text)).await,
                Action::Subscribe(name, filter) => self.subscribe(name, filter).await,
                Action::Unsubscribe(name) => self.unsubscribe(&name).await,
                Action::Authenticate(token) => self.authenticate(token, &mut waiting).await,
                Action::Call(kind, data) => self.call(kind, data.0),
                Action::SetSession(session) => self.keep(session),
                Action::Close(code, reason) => {
                    return Flow::Close(Closing {
                        code,
                        frames: vec![frame::close(code, &reason)],
                        at_once: false,
                    });
                }
            }
        }
        self.failed("actions", "too many actions for one message");
        Flow::Continue
    }

    fn queue(&self, actions: Result<Vec<Action>, CallError>, waiting: &mut VecDeque<Action>) {
        match actions {
            Ok(actions) => waiting.extend(actions),
            Err(error) => self.failed(error.label(), &error.to_string()),
        }
    }

    async fn subscribe(&mut self, name: String, filter: Filter) {
        let known = self.names.iter().find(|(other, _)| *other == name);
        let id = match known {
            Some((_, id)) => *id,
            None if self.is_full() => {
                return self.failed(
                    "subscriptions",
                    "the connection has as many subscriptions as it may",
                );
            }
            None => {
                let id = self.next_subscription;
                self.next_subscription += 1;
                self.names.push((name, id));
                id
            }
        };
        let subscription = Subscription {
            id,
            filter,
            policy: Policy::All,
            opening: None,
            answer: None,
        };
        self.link.subscribe(subscription).await;
    }

    fn is_full(&self) -> bool {
        let terms = self.terms.load();
        self.names.len() >= terms.max_subscriptions
            && !limits::verdict(Limit::Subscriptions, &terms)
    }

    async fn unsubscribe(&mut self, name: &str) {
        if let Some(at) = self.names.iter().position(|(other, _)| other == name) {
            let (_, id) = self.names.swap_remove(at);
            self.link.unsubscribe(id).await;
        }
    }

    async fn authenticate(&mut self, token: String, waiting: &mut VecDeque<Action>) {
        let Some(dialect) = self.dialect() else {
            return;
        };
        let auth = &self.backend.auth;
        let token = Token::new(token);
        let checked = auth.authenticate(&token, &self.client.address);
        let outcome = match checked.await {
            Ok(verified) => self.identify(verified).await,
            Err(error) => Err(error.to_string()),
        };
        let actions = dialect.on_authenticated(self.client.clone(), outcome).await;
        self.queue(actions, waiting);
    }

    /// Is somebody from now on, unless they have as many connections as a user may have.
    async fn identify(&mut self, verified: Verified) -> Result<Arc<Identity>, String> {
        let identity = verified.identity.clone();
        let doorman = &self.backend.doorman;
        let seated = doorman.seat(&mut self.place, &identity.subject, &self.terms.load());
        seated.map_err(|too_many| too_many.sentence().to_owned())?;
        self.client.caller = Caller::Identified(verified.clone());
        let access = self.backend.auth.access(Some(&identity));
        self.link.identify(verified, access).await;
        Ok(identity)
    }

    /// Calls a handler in a task of its own; its reply comes back through the session's queue.
    fn call(&self, kind: String, data: Box<RawValue>) {
        let handler = self.backend.plugins.handler(&kind);
        let limit = self.terms.load().calls_in_flight;
        let call = self.calls.begin(limit);
        let replies = self.replies.0.clone();
        let client = Client {
            id: self.client.id.clone(),
            identity: self.client.caller.identity().cloned(),
            address: self.client.address.clone(),
            via: Vec::new(),
        };
        let Some(call) = call else {
            return self.failed(
                "calls",
                "the connection has as many calls under way as it may",
            );
        };
        let access = self.backend.auth.access(client.identity.as_deref());
        let may = access.may_call(&kind);
        tokio::spawn(async move {
            let outcome = match handler {
                Some(_) if !may => {
                    let why = "this client may not send messages of this type".to_owned();
                    Err(ReplyError::Rejected(Rejection::Forbidden(why)))
                }
                Some(handler) => handler
                    .call(client, kind.clone(), data)
                    .await
                    .map_err(ReplyError::from),
                None => Err(ReplyError::UnknownType),
            };
            let _gone = replies.send((kind, outcome)).await;
            drop(call);
        });
    }

    fn keep(&mut self, session: String) {
        if session.len() > MAX_SESSION {
            return self.failed(
                "session",
                "the session is larger than 64 KiB; the one before stays",
            );
        }
        if *self.client.session != *session {
            self.client.session = session.into();
            self.status.set_session(self.client.session.clone());
        }
    }

    /// Counts that a message was not handled, and says so, of each cause now and then: a client may send as many as it
    /// likes.
    fn failed(&self, cause: &'static str, reason: &str) {
        super::encoder::count_failure(&self.instance);
        if let Some(times) = complaint::due(&self.instance, cause, Instant::now()) {
            warn!(instance = %self.instance, client = %self.client.id, cause, reason, times, "a dialect could not handle a message");
        }
    }
}
