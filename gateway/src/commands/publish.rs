//! `publish`: an event from a client, where a rule lets it. Its source is `client:SUBJECT`, which no plugin can be.

use super::{Answer, Context};
use crate::bus::PublishError;
use crate::event::{Draft, InstanceName};
use crate::protocol::{ErrorCode, Refusal, reply};
use serde::Serialize;
use serde_json::value::RawValue;
use std::time::Duration;

#[derive(Serialize)]
struct Published {
    seq: u64,
}

pub(super) async fn run(
    context: &Context,
    id: Option<&RawValue>,
    draft: Draft,
) -> Result<Answer, Refusal> {
    let Some(identity) = context.client.identity.as_deref() else {
        let message = "an anonymous connection may not publish";
        return Err(Refusal::new(ErrorCode::Forbidden, message));
    };
    if !context.access().may_publish(&draft.topic, &draft.kind) {
        let message = "this client may not publish this kind on this topic";
        return Err(Refusal::new(ErrorCode::Forbidden, message));
    }
    let source = InstanceName::of_client(&identity.subject);
    let published = context.backend.bus.publish(&source, vec![draft]).await;
    let seq = published.map_err(|error| refusal(&error))?;
    Ok(Answer::Frame(reply::reply(
        "published",
        id,
        Published { seq },
    )))
}

fn refusal(error: &PublishError) -> Refusal {
    match error {
        PublishError::Invalid { reason, .. } => Refusal::field("data.data", reason),
        PublishError::TooLarge { limit, .. } => Refusal::field(
            "data.data",
            format!("must not be longer than {limit} bytes"),
        ),
        PublishError::Reserved { .. } => {
            let message = "kinds that start with \"gateway.\" and topics below \"gateway/\" are the gateway's own";
            Refusal::new(ErrorCode::Forbidden, message)
        }
        PublishError::Busy { retry_after } => {
            Refusal::new(ErrorCode::RateLimited, "the gateway is busy").retry_after(*retry_after)
        }
        PublishError::Closed => Refusal::new(ErrorCode::Internal, "the gateway is stopping")
            .retry_after(Duration::from_secs(5)),
    }
}
