//! The commands of native clients: one command, one file; one exhaustive dispatch. An answer is a value; only the
//! shard writes it.

mod ack;
mod authenticate;
pub mod handler;
mod ping;
mod publish;
mod subscribe;
mod unsubscribe;

use crate::auth::{Access, Auth};
use crate::bus::Bus;
use crate::config;
use crate::limits::{Doorman, SubjectPlace};
use crate::plugins::PluginHost;
use crate::plugins::api::Client;
use crate::protocol::reply;
use crate::protocol::request::{Command, Request};
use crate::protocol::{ErrorCode, Refusal};
use crate::shard::{Link, LiveTerms, Status};
use arc_swap::ArcSwap;
use bytes::Bytes;
use handler::Calls;
use std::sync::Arc;

/// What all connections share.
pub struct Backend {
    /// Where events are accepted.
    pub bus: Bus,
    /// Who answers messages.
    pub plugins: PluginHost,
    /// Who may do what.
    pub auth: Auth,
    /// Who is let in, and how often.
    pub doorman: Doorman,
    /// What holds for connections, as last configured.
    pub settings: ArcSwap<config::Connections>,
}

/// A connection, as its commands see it.
pub struct Context {
    /// What all connections share.
    pub backend: Arc<Backend>,
    /// The way to its shard.
    pub link: Link,
    /// The connection's figures.
    pub status: Arc<Status>,
    /// The client, as handlers see it.
    pub client: Arc<Client>,
    /// What holds for it.
    pub terms: LiveTerms,
    /// Its calls to handlers that are under way.
    pub calls: Calls,
    snapshots: subscribe::Snapshots,
    /// Its place among its user's connections.
    place: SubjectPlace,
    subscriptions: Vec<u64>,
    next_subscription: u64,
}

/// What a command comes to.
enum Answer {
    /// This frame.
    Frame(Bytes),
    /// The shard or a spawned call answers.
    Later,
}

impl Context {
    /// A connection without subscriptions.
    #[must_use]
    pub fn new(
        backend: Arc<Backend>,
        link: Link,
        status: Arc<Status>,
        client: Arc<Client>,
        terms: LiveTerms,
        place: SubjectPlace,
    ) -> Self {
        Self {
            backend,
            link,
            status,
            client,
            terms,
            calls: Calls::default(),
            snapshots: subscribe::Snapshots::default(),
            place,
            subscriptions: Vec::new(),
            next_subscription: 1,
        }
    }

    /// What the client may, by the rules as they are now.
    fn access(&self) -> Arc<Access> {
        let identity = self.client.identity.as_deref();
        self.backend.auth.access(identity)
    }

    /// Forgets the subscriptions that the shard has ended on its own.
    fn forget_withdrawn(&mut self) {
        for id in self.status.take_withdrawn() {
            self.subscriptions.retain(|own| *own != id);
        }
    }

    /// Does what a client asks, and answers.
    pub async fn run(&mut self, request: Request) {
        let Request { id, command } = request;
        let answer = match command {
            Ok(command) => self.dispatch(id.clone(), command).await,
            Err(refusal) => Err(refusal),
        };
        match answer {
            Ok(Answer::Frame(frame)) => self.link.control(frame).await,
            Ok(Answer::Later) => {}
            Err(refusal) => {
                count_refusal(refusal.code);
                self.link
                    .control(reply::error(id.as_deref(), &refusal))
                    .await;
            }
        }
    }

    async fn dispatch(
        &mut self,
        id: Option<reply::CommandId>,
        command: Command,
    ) -> Result<Answer, Refusal> {
        let id_text = id.as_deref();
        match command {
            Command::Subscribe(wanted) => subscribe::run(self, id, wanted).await,
            Command::Unsubscribe(subscription) => {
                unsubscribe::run(self, id_text, subscription).await
            }
            Command::Authenticate(token) => authenticate::run(self, id_text, token).await,
            Command::Publish(draft) => publish::run(self, id_text, *draft).await,
            Command::Ack(_seq) => ack::run(),
            Command::Ping(data) => Ok(ping::run(id_text, data)),
            Command::Handler(kind, data) => handler::run(self, id, kind, data),
        }
    }
}

fn count_refusal(code: ErrorCode) {
    let code = serde_json::to_value(code).ok();
    let code = code.as_ref().and_then(|code| code.as_str()).unwrap_or("");
    metrics::counter!("hearthgate_commands_refused_total", "code" => code.to_owned()).increment(1);
}
