//! What understands a client's messages: its dialect, behind the limits that hold for all.

use super::rate::{Pace, Rate, Verdict};
use super::reader::{Handler, unsupported};
use crate::config::Limit;
use crate::dialects::{Flow, Native, Plugin};
use crate::protocol::{CloseCode, ErrorCode, Refusal};
use crate::shard::{Closing, LiveTerms};
use crate::telemetry::limits as reached;
use metrics::Counter;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Instant;

/// A client's dialect.
pub(super) enum Dialect {
    /// The gateway's own.
    Native(Native),
    /// A plugin's.
    Plugin(Box<Plugin>),
}

/// A client's session.
pub(super) struct Session {
    dialect: Dialect,
    rate: Rate,
    pace: Pace,
    terms: LiveTerms,
    received: Counter,
}

impl Session {
    pub(super) fn new(dialect: Dialect, terms: LiveTerms, received: Counter) -> Self {
        let rate = Rate::new(terms.load().messages_per_second);
        Self {
            dialect,
            rate,
            pace: Pace::default(),
            terms,
            received,
        }
    }

    /// What the dialect does before the first message.
    pub(super) async fn open(&mut self) -> Flow {
        match &mut self.dialect {
            Dialect::Native(_) => Flow::Continue,
            Dialect::Plugin(plugin) => plugin.on_open().await,
        }
    }

    /// A limit that is only tried out lets larger messages through.
    fn tell_size(&self, bytes: usize) {
        let terms = self.terms.load();
        if bytes > terms.max_message_bytes {
            reached::tell(Limit::MessageSize, true);
        }
    }

    fn flooded(&self) -> Closing {
        Closing::by_server(CloseCode::RateLimited, self.is_native())
    }

    fn judge(&mut self) -> Verdict {
        self.received.increment(1);
        let terms = self.terms.load();
        let verdict = self.rate.take(Instant::now(), terms.messages_per_second);
        match verdict {
            Verdict::Pass => verdict,
            _ if reached::verdict(Limit::Messages, &terms) => Verdict::Pass,
            _ => verdict,
        }
    }
}

impl Handler for Session {
    type Pushed = crate::dialects::HandlerReply;

    async fn on_text(&mut self, text: String) -> Flow {
        self.tell_size(text.len());
        match (self.judge(), &mut self.dialect) {
            (Verdict::Pass, Dialect::Native(native)) => native.on_text(&text).await,
            (Verdict::Pass, Dialect::Plugin(plugin)) => return plugin.on_text(text).await,
            (Verdict::Refuse(after), Dialect::Native(native)) => {
                let message = "too many messages; this one was not handled";
                let refusal = Refusal::new(ErrorCode::RateLimited, message).retry_after(after);
                native.refuse(&text, refusal).await;
            }
            // A dialect has no word for it that we know; its client's message is dropped and counted.
            (Verdict::Refuse(_), Dialect::Plugin(_)) => {
                metrics::counter!("hearthgate_messages_rate_limited_total").increment(1);
            }
            (Verdict::Flood, _) => return Flow::Close(self.flooded()),
        }
        Flow::Continue
    }

    async fn on_binary(&mut self, _payload: Vec<u8>) -> Flow {
        unsupported(self.is_native())
    }

    fn on_control(&mut self) -> Result<bool, Closing> {
        match self.judge() {
            Verdict::Pass => Ok(true),
            Verdict::Refuse(_) => Ok(false),
            Verdict::Flood => Err(self.flooded()),
        }
    }

    fn poll_pushed(&mut self, context: &mut Context<'_>) -> Poll<Self::Pushed> {
        match &mut self.dialect {
            Dialect::Native(_) => Poll::Pending,
            Dialect::Plugin(plugin) => plugin.poll_reply(context),
        }
    }

    async fn on_pushed(&mut self, pushed: Self::Pushed) -> Flow {
        match &mut self.dialect {
            Dialect::Native(_) => Flow::Continue,
            Dialect::Plugin(plugin) => plugin.on_reply(pushed).await,
        }
    }

    fn max_message(&self) -> Option<usize> {
        Some(self.terms.load().largest_message())
    }

    fn pace(&mut self, bytes: usize) -> Option<Duration> {
        let terms = self.terms.load();
        let wait = self
            .pace
            .take(bytes, Instant::now(), terms.bytes_per_second)?;
        (!reached::verdict(Limit::Bytes, &terms)).then_some(wait)
    }

    fn is_native(&self) -> bool {
        matches!(self.dialect, Dialect::Native(_))
    }
}
