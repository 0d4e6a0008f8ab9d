//! Jobs: what the gateway asks of a guest. The one who asks waits for the answer with the job's id.

use super::api::{Client, DialectClient, GatewayStats, HttpCall, ReplyError};
use super::bindings::exports::hearthgate::plugin::{dialect, message_handler, routes};
use super::convert;
use super::guest::{Fault, Guest};
use super::input::RequestId;
use super::replies::Answer;
use crate::auth::Identity;
use crate::event::Event;
use serde_json::value::RawValue;
use std::sync::Arc;
use tokio::time::timeout;

/// A question to a guest.
#[derive(Debug)]
pub(super) struct Job {
    /// Names the one who waits.
    pub(super) id: RequestId,
    /// The question.
    pub(super) work: Work,
}

/// What is asked.
#[derive(Debug)]
pub(super) enum Work {
    /// A client's message.
    Message(Client, String, Box<RawValue>),
    /// An HTTP request.
    Http(HttpCall),
    /// A dialect's connection is open.
    Open(DialectClient),
    /// A dialect's connection sent a text.
    Text(DialectClient, String),
    /// A handler answered a dialect's call.
    Reply(DialectClient, String, Result<Box<RawValue>, ReplyError>),
    /// A dialect's token was checked.
    Authenticated(DialectClient, Result<Arc<Identity>, String>),
    /// Events for a dialect's clients.
    Encode(Vec<Arc<Event>>),
    /// A dialect's heartbeat.
    Heartbeat(GatewayStats),
}

impl Guest {
    /// Does a job and answers it, unless the guest answers later itself.
    ///
    /// # Errors
    /// The guest is lost; the one who waits was told.
    pub(super) async fn run(&mut self, job: Job) -> Result<(), Fault> {
        let replies = self.place().replies.clone();
        if !replies.is_open(job.id) {
            return Ok(());
        }
        match self.answer(job.id, job.work).await {
            Ok(Some(answer)) => replies.answer(job.id, answer),
            Ok(None) => {}
            Err(fault) => {
                replies.answer(job.id, fault.answer());
                return Err(fault);
            }
        }
        Ok(())
    }

    async fn answer(&mut self, id: RequestId, work: Work) -> Result<Option<Answer>, Fault> {
        match work {
            Work::Message(client, kind, data) => self.message(id, client, kind, &data).await,
            Work::Http(call) => self.http(id, call).await,
            work => self.dialect(work).await.map(Some),
        }
    }

    async fn message(
        &mut self,
        id: RequestId,
        client: Client,
        kind: String,
        data: &RawValue,
    ) -> Result<Option<Answer>, Fault> {
        let Some(handler) = self.handler.clone() else {
            return Ok(Some(missing("message-handler")));
        };
        let via = client.via.clone();
        let client = convert::client(client);
        let request = message_handler::Request {
            id: id.0,
            kind,
            data: data.get().to_owned(),
        };
        let limits = self.begin();
        self.store.data_mut().via = via;
        let call = handler.call_handle(&mut self.store, &client, &request);
        let done = timeout(limits.call_timeout, call).await;
        Ok(match self.settle("handle", done)? {
            Ok(message_handler::Answer::Reply(json)) => Some(convert::message_answer(Ok(json))),
            Ok(message_handler::Answer::Later) => self.later(),
            Err(refused) => Some(convert::message_answer(Err(refused))),
        })
    }

    async fn http(&mut self, id: RequestId, call: HttpCall) -> Result<Option<Answer>, Fault> {
        let Some(routes) = self.routes.clone() else {
            return Ok(Some(missing("routes")));
        };
        let limits = self.begin();
        self.read_for(&call.caller);
        let call = convert::http_call(id.0, call);
        let call = routes.call_serve(&mut self.store, &call);
        let done = timeout(limits.call_timeout, call).await;
        Ok(match self.settle("serve", done)? {
            routes::Answer::Reply(reply) => Some(convert::http_answer(reply)),
            routes::Answer::Later => self.later(),
        })
    }

    /// Only a source can answer later: the others hold nothing between calls.
    fn later(&self) -> Option<Answer> {
        match self.source {
            Some(_) => None,
            None => Some(Answer::Failed(
                "answered `later`, which only a source can".to_owned(),
            )),
        }
    }

    async fn dialect(&mut self, work: Work) -> Result<Answer, Fault> {
        let Some(dialect) = self.dialect.clone() else {
            return Ok(missing("dialect"));
        };
        let limits = self.begin();
        if let Work::Open(client)
        | Work::Text(client, _)
        | Work::Reply(client, ..)
        | Work::Authenticated(client, _) = &work
        {
            self.read_for(&client.caller);
        }
        let within = limits.call_timeout;
        let store = &mut self.store;
        let actions = match work {
            Work::Open(client) => {
                let client = convert::dialect_client(client);
                let done = timeout(within, dialect.call_on_open(store, &client)).await;
                self.settle("on-open", done)?
            }
            Work::Text(client, text) => {
                let client = convert::dialect_client(client);
                let done = timeout(within, dialect.call_on_text(store, &client, &text)).await;
                self.settle("on-text", done)?
            }
            Work::Reply(client, kind, outcome) => {
                let client = convert::dialect_client(client);
                let outcome = outcome.map(|json| json.get().to_owned());
                let outcome = outcome.map_err(convert::call_error);
                let outcome = outcome.as_ref();
                let call = dialect.call_on_reply(store, &client, &kind, outcome);
                let done = timeout(within, call).await;
                self.settle("on-reply", done)?
            }
            Work::Authenticated(client, outcome) => {
                let client = convert::dialect_client(client);
                let outcome = outcome.map(|identity| convert::identity(&identity));
                let outcome = outcome.as_ref().map_err(String::as_str);
                let call = dialect.call_on_authenticated(store, &client, outcome);
                let done = timeout(within, call).await;
                self.settle("on-authenticated", done)?
            }
            Work::Encode(events) => {
                let published: Vec<_> = events.iter().map(|e| convert::published(e)).collect();
                let done = timeout(within, dialect.call_encode(store, &published)).await;
                let messages = self.settle("encode", done)?;
                if messages.len() != events.len() {
                    let reason = format!("{} answers for {} events", messages.len(), events.len());
                    return Ok(Answer::Failed(format!("encode: {reason}")));
                }
                return Ok(Answer::Messages(messages));
            }
            Work::Heartbeat(stats) => {
                let stats = dialect::GatewayStats {
                    connections: stats.connections,
                    uptime_ms: stats.uptime_ms,
                    now_ms: stats.now_ms,
                };
                let done = timeout(within, dialect.call_heartbeat(store, stats)).await;
                return Ok(Answer::Heartbeat(self.settle("heartbeat", done)?));
            }
            Work::Message(..) | Work::Http(_) => Vec::new(),
        };
        let actions: Result<Vec<_>, String> = actions.into_iter().map(convert::action).collect();
        Ok(actions.map_or_else(Answer::Failed, Answer::Actions))
    }
}

fn missing(export: &str) -> Answer {
    Answer::Unavailable(format!("the plugin does not export {export}"))
}
