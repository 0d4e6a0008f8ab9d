//! `subscribe`: which events the client wants. The shard answers at the moment the subscription begins, so what
//! follows is neither missing an event nor doubling one.

use super::{Answer, Context};
use crate::bus::Position;
use crate::config::Limit;
use crate::protocol::reply::{self, CommandId, Subscribed};
use crate::protocol::request::{Since, Subscribe};
use crate::protocol::{ErrorCode, Refusal};
use crate::shard::{Begun, Subscription};
use crate::telemetry::limits;
use std::time::Duration;
use tokio::time::Instant;

/// The time in which a connection may have as many snapshots as subscriptions.
const REFILL: Duration = Duration::from_secs(60);

/// The snapshots that a connection has had of late: one costs the gateway far more than the command costs the client.
#[derive(Debug, Default)]
pub(super) struct Snapshots {
    /// How many still count, and when that was; they fade away over a minute. `None`: there was none yet.
    had: Option<(f64, Instant)>,
}

impl Snapshots {
    /// Takes one of those that there may be in a minute; or says when there will be one.
    fn take(&mut self, now: Instant, most: usize) -> Result<(), Duration> {
        let most = most.max(1) as f64;
        let (had, since) = self.had.unwrap_or((0.0, now));
        let rate = most / REFILL.as_secs_f64();
        let had = (had - now.duration_since(since).as_secs_f64() * rate).max(0.0);
        let over = had + 1.0 - most;
        if over > 0.0 {
            self.had = Some((had, now));
            return Err(Duration::from_secs_f64(over / rate));
        }
        self.had = Some((had + 1.0, now));
        Ok(())
    }
}

pub(super) async fn run(
    context: &mut Context,
    id: Option<CommandId>,
    wanted: Subscribe,
) -> Result<Answer, Refusal> {
    if !context.access().could_read(&wanted.filter) {
        let message = "nothing that this subscription could match may be read by this client";
        return Err(Refusal::new(ErrorCode::Forbidden, message));
    }
    context.forget_withdrawn();
    let terms = context.terms.load_full();
    let limit = terms.max_subscriptions;
    if context.subscriptions.len() >= limit && !limits::verdict(Limit::Subscriptions, &terms) {
        let message = format!("a connection may have at most {limit} subscriptions");
        return Err(Refusal {
            details: serde_json::json!({ "limit": limit }),
            ..Refusal::new(ErrorCode::TooManySubscriptions, message)
        });
    }
    if wanted.snapshot
        && let Err(after) = context.snapshots.take(Instant::now(), limit)
        && !limits::verdict(Limit::Subscriptions, &terms)
    {
        let message = format!("too many snapshots; a connection may have {limit} in a minute");
        return Err(Refusal::new(ErrorCode::RateLimited, message).retry_after(after));
    }
    let subscription = context.next_subscription;
    context.next_subscription += 1;
    context.subscriptions.push(subscription);

    let bus = &context.backend.bus;
    let position = bus.position();
    let (recovered, cause) = recovery(wanted.since.as_ref(), &position);
    let opening = wanted.snapshot.then(|| bus.snapshot(wanted.filter.clone()));
    let answer = move |begun: Begun| {
        let data = Subscribed {
            subscription,
            epoch: &position.epoch,
            seq: begun.seq,
            recovered,
            replayed: begun.replayed,
            cause,
        };
        reply::reply("subscribed", id.as_deref(), data)
    };
    let subscription = Subscription {
        id: subscription,
        filter: wanted.filter,
        policy: wanted.policy,
        opening,
        answer: Some(Box::new(answer)),
    };
    context.link.subscribe(subscription).await;
    Ok(Answer::Later)
}

/// Whether everything since the client's position follows, and why not. Without a log nothing that was missed can
/// follow; a client that is up to date could be told so only where nothing is published in between.
fn recovery(since: Option<&Since>, now: &Position) -> (bool, Option<&'static str>) {
    match since {
        None => (false, None),
        Some(since) if *since.epoch != *now.epoch => (false, Some("epoch_changed")),
        Some(_) => (false, Some("out_of_window")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snapshots_come_back_over_a_minute() {
        let mut snapshots = Snapshots::default();
        let mut now = Instant::now();
        for _ in 0..4 {
            assert_eq!(snapshots.take(now, 4), Ok(()));
        }
        assert_eq!(snapshots.take(now, 4), Err(Duration::from_secs(15)));
        assert_eq!(snapshots.take(now, 5), Ok(()), "the limit was raised");
        assert_eq!(snapshots.take(now, 4), Err(Duration::from_secs(30)));
        now += Duration::from_secs(15);
        assert!(snapshots.take(now, 4).is_err());
        now += Duration::from_secs(15);
        assert_eq!(snapshots.take(now, 4), Ok(()));
        assert!(snapshots.take(now, 4).is_err());
        now += Duration::from_secs(3600);
        let passed = (0..10).filter(|_| snapshots.take(now, 4).is_ok());
        assert_eq!(passed.count(), 4, "no more than four are saved up");
    }
}
