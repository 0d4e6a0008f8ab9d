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
