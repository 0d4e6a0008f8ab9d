//! `calls`: messages to handlers, as a client would send them.

use crate::auth::Identity;
use crate::plugins::api::{Client, ReplyError};
use crate::plugins::bindings::host::calls::Host;
use crate::plugins::bindings::host::types::{CallError, Identity as GivenIdentity, Rejection};
use crate::plugins::context::Context;
use crate::plugins::convert;
use crate::plugins::grants::Denied;
use crate::plugins::place::Place;
use serde_json::value::RawValue;
use std::sync::Arc;
use std::time::Duration;

/// Most plugins of a chain in which each waits for the next one's reply.
const MAX_CHAIN: usize = 4;

impl Host for Context {
    async fn call(
        &mut self,
        kind: String,
        data: String,
        caller: Option<GivenIdentity>,
    ) -> wasmtime::Result<Result<String, CallError>> {
        if let Err(Denied { reason, .. }) = self.permissions.call(&kind) {
            self.place.denied(&reason);
            return Ok(Err(CallError::Unavailable(reason)));
        }
        let bad = |why: String| Ok(Err(CallError::Rejected(Rejection::BadRequest(why))));
        let data = match RawValue::from_string(data) {
            Ok(data) => data,
            Err(error) => return bad(format!("the data is not JSON: {error}")),
        };
        let identity = match caller.map(identity).transpose() {
            Ok(identity) => identity,
            Err(why) => return bad(why),
        };
        // Who is named is asked for as if it had sent the message itself: a route or a command of a plugin is no way
        // past the rules.
        if let Some(identity) = &identity {
            let access = self.place.around.accounts.access(Some(identity));
            if !access.may_call(&kind) {
                let why = "this client may not send messages of this type".to_owned();
                return Ok(Err(CallError::Rejected(Rejection::Forbidden(why))));
            }
        }
        let client = Client {
            id: format!("plugin:{}", self.place.name),
            identity: identity.map(Arc::new),
            address: String::new(),
            via: self.via.iter().chain([&self.place.name]).cloned().collect(),
        };
        let caller = Caller {
            place: &self.place,
            is_source: self.is_source,
            patience: self.patience(),
        };
        Ok(caller.ask(client, kind, data).await)
    }
}

/// The instance that calls. (A future may not hold the context itself, which belongs to one thread at a time.)
struct Caller<'a> {
    place: &'a Place,
    is_source: bool,
    /// How long it may wait.
    patience: Duration,
}

impl Caller<'_> {
    async fn ask(
        &self,
        client: Client,
        kind: String,
        data: Box<RawValue>,
    ) -> Result<String, CallError> {
        let refuse = |why: &str| Err(CallError::Unavailable(why.to_owned()));
        if client.via.len() > MAX_CHAIN {
            self.place
                .over_limit("calls: a chain of calls from plugin to plugin is too long");
            return refuse("the chain of calls is too long (at most 4 plugins)");
        }
        let Some(slots) = self.place.around.slots.upgrade() else {
            return refuse("the gateway stops");
        };
        let Some(handler) = slots.handler(&kind) else {
            return Err(CallError::UnknownType);
        };
        let target = &handler.0.name;
        let again = "the call would lead back to a plugin that waits for it";
        if client.via.contains(target) {
            return refuse(again);
        }
        let wait = match self.is_source {
            true => Some(slots.wait(&self.place.name, target)),
            false => None,
        };
        if let Some(None) = wait {
            return refuse(again);
        }
        let call = handler.call(client, kind, data);
        match tokio::time::timeout(self.patience, call).await {
            Ok(Ok(reply)) => Ok(reply.get().to_owned()),
            Ok(Err(error)) => Err(convert::call_error(ReplyError::from(error))),
            Err(_) => refuse("no reply came in time (three quarters of limits.call-timeout)"),
        }
    }
}

fn identity(given: GivenIdentity) -> Result<Identity, String> {
    let claims = match given.claims.as_str() {
        "" => serde_json::Map::new(),
        text => serde_json::from_str(text)
            .map_err(|error| format!("the caller's claims are not a JSON object: {error}"))?,
    };
    Ok(Identity {
        subject: given.subject,
        roles: given.roles,
        claims,
    })
}
