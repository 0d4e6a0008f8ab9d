//! The native dialect: `protocol` reads a text, `commands` does what it asks.

use crate::commands::{Backend, Context};
use crate::config::Terms;
use crate::event::{Identity, Timestamp};
use crate::protocol::reply::{self, IdentityText, LimitsText, Welcome};
use crate::protocol::{Refusal, request};
use bytes::Bytes;
use std::sync::Arc;

/// A native connection's session.
pub struct Native(Context);

impl Native {
    /// A session.
    #[must_use]
    pub fn new(context: Context) -> Self {
        Self(context)
    }

    /// Handles a text, and answers.
    pub async fn on_text(&mut self, text: &str) {
        self.0.run(request::parse(text)).await;
    }

    /// Answers a text that is not handled.
    pub async fn refuse(&mut self, text: &str, refusal: Refusal) {
        let id = request::parse(text).id;
        let frame = reply::error(id.as_deref(), &refusal);
        self.0.link.control(frame).await;
    }
}

/// The first frame of a native connection.
#[must_use]
pub fn welcome(
    backend: &Backend,
    terms: &Terms,
    client_id: &str,
    identity: Option<&Arc<Identity>>,
) -> Bytes {
    let position = backend.bus.position();
    reply::welcome(&Welcome {
        client_id,
        server_time: Timestamp::now(),
        message: "Welcome to Hearthgate. Subscribe to topics to get events.",
        features: &["snapshot", "labels", "latest", "gap", "handlers"],
        protocol: 1,
        identity: identity.map(|identity| IdentityText {
            subject: &identity.subject,
            roles: &identity.roles,
        }),
        limits: LimitsText {
            max_message_bytes: terms.max_message_bytes,
            max_subscriptions: terms.max_subscriptions,
            messages_per_second: terms.messages_per_second,
        },
        heartbeat_seconds: terms
            .heartbeat_interval
            .map_or(0, |span| span.as_secs().max(1)),
        epoch: &position.epoch,
    })
}
