//! `unsubscribe`: the end of a subscription. Events that wait in the outbox already are still delivered.

use super::{Answer, Context};
use crate::protocol::{ErrorCode, Refusal, reply};
use serde::Serialize;
use serde_json::value::RawValue;

#[derive(Serialize)]
struct Unsubscribed {
    subscription: u64,
}

pub(super) async fn run(
    context: &mut Context,
    id: Option<&RawValue>,
    subscription: u64,
) -> Result<Answer, Refusal> {
    context.forget_withdrawn();
    let at = context
        .subscriptions
        .iter()
        .position(|s| *s == subscription);
    let Some(at) = at else {
        let message = format!("there is no subscription {subscription}");
        return Err(Refusal::new(ErrorCode::UnknownSubscription, message));
    };
    context.subscriptions.swap_remove(at);
    context.link.unsubscribe(subscription).await;
    let data = Unsubscribed { subscription };
    Ok(Answer::Frame(reply::reply("unsubscribed", id, data)))
}
