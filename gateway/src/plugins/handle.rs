//! Handles to what instances offer. They stay valid over reloads: a call goes to whatever runs at that moment.

use super::api::{
    Action, CallError, Client, DialectClient, GatewayStats, HttpCall, HttpReply, ReplyError,
};
use super::interfaces::Role;
use super::job::Work;
use super::life::portions;
use super::replies::Answer;
use super::slot::Slot;
use crate::auth::Identity;
use crate::event::Event;
use serde_json::value::RawValue;
use std::fmt;
use std::sync::Arc;

/// A handler of client messages.
#[derive(Clone)]
pub struct HandlerHandle(pub(super) Arc<Slot>);

/// A plugin's HTTP routes.
#[derive(Clone)]
pub struct RoutesHandle(pub(super) Arc<Slot>);

/// A plugin's dialect.
#[derive(Clone)]
pub struct DialectHandle(pub(super) Arc<Slot>);

impl fmt::Debug for HandlerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HandlerHandle({})", self.0.name)
    }
}

impl fmt::Debug for RoutesHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RoutesHandle({})", self.0.name)
    }
}

impl fmt::Debug for DialectHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DialectHandle({})", self.0.name)
    }
}

/// An answer of another sort than the question: the host's own mistake.
fn odd<T>(slot: &Slot) -> Result<T, CallError> {
    Err(CallError::Internal {
        instance: slot.name.clone(),
        reason: "answered something else than it was asked".to_owned(),
    })
}

impl HandlerHandle {
    /// Has a message answered. May take until twice the instance's `call-timeout`, where it waits for its turn.
    ///
    /// # Errors
    /// The plugin's rejection, its failure, or that it is away.
    pub async fn call(
        &self,
        client: Client,
        kind: String,
        data: Box<RawValue>,
    ) -> Result<Box<RawValue>, CallError> {
        match self.0.ask(Work::Message(client, kind, data)).await? {
            Answer::Message(outcome) => Ok(outcome?),
            _ => odd(&self.0),
        }
    }
}

impl RoutesHandle {
    /// Has an HTTP request answered.
    ///
    /// # Errors
    /// The plugin's failure, or that it is away.
    pub async fn serve(&self, call: HttpCall) -> Result<HttpReply, CallError> {
        match self.0.ask(Work::Http(call)).await? {
            Answer::Http(reply) => Ok(reply),
            _ => odd(&self.0),
        }
    }
}

impl DialectHandle {
    /// Whether the dialect's clients may be told of an event: what the manifest asks to be subscribed to and the operator
    /// grants.
    #[must_use]
    pub fn may_see(&self, event: &Event) -> bool {
        let loaded = self.0.loaded.load();
        let loaded = loaded.as_ref();
        loaded.is_some_and(|loaded| loaded.permissions.may_see(event))
    }

    /// Whether a crash ends the one guest that the plugin has.
    #[must_use]
    pub fn is_source(&self) -> bool {
        self.0.has(Role::Source)
    }

    /// A connection is open.
    ///
    /// # Errors
    /// The plugin's failure, or that it is away.
    pub async fn on_open(&self, client: DialectClient) -> Result<Vec<Action>, CallError> {
        self.actions(Work::Open(client)).await
    }

    /// A connection sent a text message.
    ///
    /// # Errors
    /// As for `on_open`.
    pub async fn on_text(
        &self,
        client: DialectClient,
        text: String,
    ) -> Result<Vec<Action>, CallError> {
        self.actions(Work::Text(client, text)).await
    }

    /// The handler that `Action::Call` asked has answered.
    ///
    /// # Errors
    /// As for `on_open`.
    pub async fn on_reply(
        &self,
        client: DialectClient,
        kind: String,
        outcome: Result<Box<RawValue>, ReplyError>,
    ) -> Result<Vec<Action>, CallError> {
        self.actions(Work::Reply(client, kind, outcome)).await
    }

    /// The token of `Action::Authenticate` was checked.
    ///
    /// # Errors
    /// As for `on_open`.
    pub async fn on_authenticated(
        &self,
        client: DialectClient,
        outcome: Result<Arc<Identity>, String>,
    ) -> Result<Vec<Action>, CallError> {
        self.actions(Work::Authenticated(client, outcome)).await
    }

    /// The events as the dialect's messages: none, one or several for each.
    ///
    /// # Errors
    /// As for `on_open`; also when the plugin answers for more or fewer events than it was asked for.
    pub async fn encode(&self, events: &[Arc<Event>]) -> Result<Vec<Vec<String>>, CallError> {
        let most = self.0.place.limits().receive_bytes;
        let mut messages = Vec::with_capacity(events.len());
        for portion in portions(events, events.len(), most) {
            match self.0.ask(Work::Encode(portion.to_vec())).await? {
                Answer::Messages(more) => messages.extend(more),
                _ => return odd(&self.0),
            }
        }
        Ok(messages)
    }

    /// The dialect's heartbeat: none, one or several messages.
    ///
    /// # Errors
    /// As for `on_open`.
    pub async fn heartbeat(&self, stats: GatewayStats) -> Result<Vec<String>, CallError> {
        match self.0.ask(Work::Heartbeat(stats)).await? {
            Answer::Heartbeat(texts) => Ok(texts),
            _ => odd(&self.0),
        }
    }

    async fn actions(&self, work: Work) -> Result<Vec<Action>, CallError> {
        match self.0.ask(work).await? {
            Answer::Actions(actions) => Ok(actions),
            _ => odd(&self.0),
        }
    }
}
