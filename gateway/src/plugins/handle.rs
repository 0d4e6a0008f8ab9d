//! Handles to what instances offer. They stay valid over reloads: a call goes to whatever runs at that moment.

use super::api::{Action, CallError, Client, DialectClient, GatewayStats, HttpCall, HttpReply};
use crate::auth::Identity;
use crate::event::{Event, InstanceName};
use serde_json::value::RawValue;
use std::sync::Arc;

/// A handler of client messages.
#[derive(Debug, Clone)]
pub struct HandlerHandle(pub(super) InstanceName);

/// A plugin's HTTP routes.
#[derive(Debug, Clone)]
pub struct RoutesHandle(pub(super) InstanceName);

/// A plugin's dialect.
#[derive(Debug, Clone)]
pub struct DialectHandle(pub(super) InstanceName);

fn not_yet<T>(instance: &InstanceName) -> Result<T, CallError> {
    Err(CallError::Unavailable {
        instance: instance.clone(),
        reason: "not running".to_owned(),
    })
}

impl HandlerHandle {
    /// Has a message answered. May take until the instance's `call-timeout`.
    ///
    /// # Errors
    /// The plugin's rejection, its failure, or that it is away.
    pub async fn call(
        &self,
        _client: Client,
        _kind: String,
        _data: Box<RawValue>,
    ) -> Result<Box<RawValue>, CallError> {
        not_yet(&self.0)
    }
}

impl RoutesHandle {
    /// Has an HTTP request answered.
    ///
    /// # Errors
    /// The plugin's failure, or that it is away.
    pub async fn serve(&self, _call: HttpCall) -> Result<HttpReply, CallError> {
        not_yet(&self.0)
    }
}

impl DialectHandle {
    /// A connection is open.
    ///
    /// # Errors
    /// The plugin's failure, or that it is away.
    pub async fn on_open(&self, _client: DialectClient) -> Result<Vec<Action>, CallError> {
        not_yet(&self.0)
    }

    /// A connection sent a text message.
    ///
    /// # Errors
    /// As for `on_open`.
    pub async fn on_text(
        &self,
        _client: DialectClient,
        _text: String,
    ) -> Result<Vec<Action>, CallError> {
        not_yet(&self.0)
    }

    /// The handler that `Action::Call` asked has answered.
    ///
    /// # Errors
    /// As for `on_open`.
    pub async fn on_reply(
        &self,
        _client: DialectClient,
        _kind: String,
        _outcome: Result<Box<RawValue>, String>,
    ) -> Result<Vec<Action>, CallError> {
        not_yet(&self.0)
    }

    /// The token of `Action::Authenticate` was checked.
    ///
    /// # Errors
    /// As for `on_open`.
    pub async fn on_authenticated(
        &self,
        _client: DialectClient,
        _outcome: Result<Identity, String>,
    ) -> Result<Vec<Action>, CallError> {
        not_yet(&self.0)
    }

    /// The events as the dialect's messages: none, one or several for each.
    ///
    /// # Errors
    /// As for `on_open`; also when the plugin answers for more or fewer events than it was asked for.
    pub async fn encode(&self, _events: &[Arc<Event>]) -> Result<Vec<Vec<String>>, CallError> {
        not_yet(&self.0)
    }

    /// The dialect's heartbeat, where it has one.
    ///
    /// # Errors
    /// As for `on_open`.
    pub async fn heartbeat(&self, _stats: GatewayStats) -> Result<Option<String>, CallError> {
        not_yet(&self.0)
    }
}
